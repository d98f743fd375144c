/// What `Shard.apply` did with a write.
public struct Applied: Equatable, Sendable {
  public enum Outcome: Sendable {
    /// The write is the key's record now.
    case stored
    /// The stored record has the greater stamp, or is the same: nothing changed.
    case ignored
    /// Two different records carry one stamp. This is a bug of whoever issued them, to be counted
    /// and reported; the one that is greater by content stays, so that replicas still agree.
    case conflictingTwin
  }

  public let outcome: Outcome
  /// Whether the stored record is another one now.
  public let changed: Bool
  /// Whether the key appeared in its table: there was no record, or a tombstone.
  public let becameLive: Bool
  /// Whether the key vanished from its table: a tombstone took a record's place.
  public let ceasedLive: Bool
}
