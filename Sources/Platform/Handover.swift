/// Carries a value that cannot be copied into a thread that is about to start.
public final class Handover<Value: ~Copyable>: Sendable {
  private let content: Locked<Value?>

  public init(_ value: consuming sending Value) { content = Locked(Optional(value)) }

  /// The value. It can be taken once.
  public func take() -> sending Value {
    let value = content.withLock { $0.take() }
    guard let value else { preconditionFailure("a handover is taken once") }
    return value
  }
}
