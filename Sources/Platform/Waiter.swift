internal import Bytes
internal import CLinux
internal import Glibc
internal import Synchronization

/// Lets one thread sleep until another notifies it, or for a time.
///
/// A notification that comes before the wait is not lost: the next wait returns at once. Several
/// before one wait are one.
@safe public final class Waiter: @unchecked Sendable {
  // Unchecked, because the kernel sleeps on an address: the word is only touched atomically.
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  private static let idle: UInt32 = 0
  private static let notified: UInt32 = 1
  private static let sleeping: UInt32 = 2

  public init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: Atomic(Waiter.idle))
  }

  deinit {
    unsafe word.deinitialize(count: 1)
    unsafe word.deallocate()
  }

  /// Wakes the thread that waits, or lets its next wait return at once. What this thread wrote
  /// before is seen by the one that wakes. No system call where nobody sleeps.
  public func notify() {
    let before = unsafe word.pointee.exchange(Waiter.notified, ordering: .acquiringAndReleasing)
    if before == Waiter.sleeping { unsafe clinux_futex_wake(word, 1) }
  }

  /// Sleeps until notified (true) or for this long (false). Only one thread may wait at a time.
  public func wait(milliseconds: UInt64) -> Bool {
    let deadline = SystemClock.monotonic().advanced(byMilliseconds: milliseconds)
    let (slept, found) = unsafe word.pointee.compareExchange(
      expected: Waiter.idle, desired: Waiter.sleeping, ordering: .acquiringAndReleasing)
    if slept {
      while unsafe word.pointee.load(ordering: .acquiring) == Waiter.sleeping {
        let now = SystemClock.monotonic()
        guard now < deadline else { break }
        let rest = deadline.nanoseconds - now.nanoseconds
        var limit = timespec(
          tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
        _ = unsafe clinux_futex_wait(word, Waiter.sleeping, &limit)
      }
    } else {
      precondition(found == Waiter.notified, "two threads wait on one Waiter")
    }
    return unsafe word.pointee.exchange(Waiter.idle, ordering: .acquiringAndReleasing)
      == Waiter.notified
  }
}
