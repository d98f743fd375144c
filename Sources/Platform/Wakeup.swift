internal import CLinux
internal import Glibc
internal import Synchronization

/// Rings a thread that sleeps in its poller: eventfd(2).
///
/// Rings that come before the thread has answered the first are one ring and one system call.
public final class Wakeup: Sendable {
  private let event: Descriptor
  // True from a ring until the sleeper has answered it.
  private let rung = Atomic<Bool>(false)

  public init() throws(SystemError) {
    let raw = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard raw >= 0 else { throw .last("eventfd") }
    event = Descriptor(owning: raw)
  }

  /// What the sleeper adds to its poller, as `.readable`. Valid while this object lives.
  public var descriptor: Int32 { event.raw }

  /// Makes the descriptor readable. What this thread wrote before is seen by the one that drains.
  public func wake() {
    if rung.exchange(true, ordering: .acquiringAndReleasing) { return }
    var one: UInt64 = 1
    _ = retryingInterrupts { unsafe Glibc.write(event.raw, &one, 8) }
  }

  /// Answers all rings so far. The sleeper calls it before it looks for what it was rung for.
  public func drain() {
    var count: UInt64 = 0
    // The order matters: were the flag cleared first, a ring in between would be read away here
    // and leave the flag set, and no later ring would ever be heard.
    _ = retryingInterrupts { unsafe Glibc.read(event.raw, &count, 8) }
    _ = rung.exchange(false, ordering: .acquiringAndReleasing)
  }
}
