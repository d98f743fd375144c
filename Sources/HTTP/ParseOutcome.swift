/// What became of an attempt to read a message head.
public enum ParseOutcome: Sendable, Equatable {
  /// All bytes so far are fine, more are needed.
  case incomplete
  /// The head is read.
  case complete
  /// The bytes are no message. Answer with the refusal, then close the connection: where the
  /// next message would begin cannot be known.
  case refused(Refusal)
}
