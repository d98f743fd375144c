public import Synchronization

/// Values that many threads share, each under a lock of its own.
///
/// All of them lie in one allocation, each on cache lines of its own, so that threads at work on
/// two of them never slow each other. The lock stands in the line of the value it guards.
@safe public final class LockedArray<Value: ~Copyable>: @unchecked Sendable {
  // Unchecked, because the values live behind a pointer: each is touched only under its lock.
  @usableFromInline let base: UnsafeMutableRawPointer
  public let count: Int

  /// What one processor fetches at a time.
  @usableFromInline static var cacheLineBytes: Int { 64 }

  /// Where the value stands behind its lock.
  @inlinable static var valueOffset: Int { max(MemoryLayout<Value>.alignment, 4) }

  /// From one lock to the next.
  @inlinable static var stride: Int {
    let line = max(cacheLineBytes, MemoryLayout<Value>.alignment)
    return (valueOffset + MemoryLayout<Value>.size + line - 1) / line * line
  }

  public init<Failure: Error>(
    count: Int, make: (Int) throws(Failure) -> Value
  ) throws(Failure) {
    precondition(count > 0, "an array without elements guards nothing")
    let line = max(Self.cacheLineBytes, MemoryLayout<Value>.alignment)
    let base = UnsafeMutableRawPointer.allocate(byteCount: count * Self.stride, alignment: line)
    for index in 0..<count {
      do throws(Failure) {
        let value = try make(index)
        unsafe Self.lockWord(index, in: base).initialize(to: Atomic(0))
        unsafe Self.value(index, in: base).initialize(to: value)
      } catch {
        for made in 0..<index { unsafe Self.value(made, in: base).deinitialize(count: 1) }
        unsafe base.deallocate()
        throw error
      }
    }
    // Last, because a class whose properties are all set runs its deinit when its init throws.
    unsafe self.base = base
    self.count = count
  }

  deinit {
    for index in 0..<count { unsafe Self.value(index, in: base).deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  /// Runs `body` with one value. References into the value must not leave the body, and the body
  /// must not lock the same element again.
  @inlinable public func withLock<Result: ~Copyable, Failure: Error>(
    _ index: Int, _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(index >= 0 && index < count, "LockedArray index out of range")
    let lock = unsafe FutexLock(at: Self.lockWord(index, in: base))
    lock.lock()
    defer { lock.unlock() }
    return try unsafe body(&Self.value(index, in: base).pointee)
  }

  @unsafe @inlinable static func lockWord(
    _ index: Int, in base: UnsafeMutableRawPointer
  ) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (base + index * stride).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @unsafe @inlinable static func value(
    _ index: Int, in base: UnsafeMutableRawPointer
  ) -> UnsafeMutablePointer<Value> {
    unsafe (base + index * stride + valueOffset).assumingMemoryBound(to: Value.self)
  }
}
