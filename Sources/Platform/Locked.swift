/// A value that many threads share, one at a time.
///
/// Taking the lock costs about 10 ns when nobody else holds it. Hold it for one operation and never
/// over a system call. It is not recursive.
@safe public final class Locked<Value: ~Copyable>: @unchecked Sendable {
  // Unchecked, because the value lives behind pointers: it is touched only under the lock.
  @usableFromInline let array: LockedArray<Value>

  public init(_ value: consuming sending Value) {
    var value: Value? = consume value
    array = LockedArray(count: 1) { _ in value.take()! }
  }

  /// Runs `body` with the value. References into the value must not leave the body.
  @inlinable public func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try array.withLock(0, body)
  }
}
