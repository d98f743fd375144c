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
    self.count = count
    let line = max(Self.cacheLineBytes, MemoryLayout<Value>.alignment)
    unsafe base = .allocate(byteCount: count * Self.stride, alignment: line)
    for index in 0..<count {
      do throws(Failure) {
        let value = try make(index)
        unsafe lockWord(index).initialize(to: Atomic(0))
        unsafe valuePointer(index).initialize(to: value)
      } catch {
        for made in 0..<index { unsafe valuePointer(made).deinitialize(count: 1) }
        unsafe base.deallocate()
        throw error
      }
    }
  }

  deinit {
    for index in 0..<count { unsafe valuePointer(index).deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  /// Runs `body` with one value. References into the value must not leave the body, and the body
  /// must not lock the same element again.
  @inlinable public func withLock<Result: ~Copyable, Failure: Error>(
    _ index: Int, _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(index >= 0 && index < count, "LockedArray index out of range")
    let lock = unsafe FutexLock(at: lockWord(index))
    lock.lock()
    defer { lock.unlock() }
    return try unsafe body(&valuePointer(index).pointee)
  }

  @unsafe @inlinable func lockWord(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (base + index * Self.stride).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @unsafe @inlinable func valuePointer(_ index: Int) -> UnsafeMutablePointer<Value> {
    unsafe (base + index * Self.stride + Self.valueOffset).assumingMemoryBound(to: Value.self)
  }
}
