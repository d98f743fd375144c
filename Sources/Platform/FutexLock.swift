internal import CLinux
internal import CProcessor
internal import Glibc
public import Synchronization

/// A lock of four bytes that costs one atomic instruction to take and one to release when nobody
/// else wants it. It has no owner and is not recursive.
///
/// The word is 0 when free, 1 when taken, 2 when taken and somebody may sleep. Source: Ulrich
/// Drepper, "Futexes Are Tricky" (2011), the second mutex.
///
/// `Synchronization.Mutex` costs the same where nobody else wants it (12 ns) and a little more
/// where somebody does. But it is locked inside its library, unseen by the thread sanitizer, which
/// then reports races that are none. This one's atomics are compiled into whoever uses it.
@safe @usableFromInline struct FutexLock: ~Copyable, @unchecked Sendable {
  // Raw, because the kernel sleeps on an address. The owner of the memory outlives the lock.
  @usableFromInline let word: UnsafeMutablePointer<Atomic<UInt32>>

  /// A lock in memory that `initialize` has prepared.
  @inlinable init(at word: UnsafeMutablePointer<Atomic<UInt32>>) { unsafe self.word = word }

  @inlinable @inline(__always) func lock() {
    let (taken, _) = unsafe word.pointee.compareExchange(
      expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
    if !taken { lockContended() }
  }

  @inlinable @inline(__always) func unlock() {
    if unsafe word.pointee.exchange(0, ordering: .releasing) == 2 { wakeOne() }
  }

  /// Spins about as long as a short critical section lasts, then sleeps.
  @usableFromInline @inline(never) func lockContended() {
    for _ in 0..<100 {
      if unsafe word.pointee.load(ordering: .relaxed) == 0 {
        let (taken, _) = unsafe word.pointee.compareExchange(
          expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
        if taken { return }
      }
      cprocessor_pause()
    }
    while unsafe word.pointee.exchange(2, ordering: .acquiring) != 0 {
      _ = unsafe clinux_futex_wait(word, 2, nil)
    }
  }

  @usableFromInline @inline(never) func wakeOne() { unsafe clinux_futex_wake(word, 1) }
}
