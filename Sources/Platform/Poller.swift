internal import CLinux
internal import Glibc

/// What can happen on a descriptor, as epoll(7) names it.
public struct PollEvents: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readable = PollEvents(rawValue: 0x001)
  public static let writable = PollEvents(rawValue: 0x004)
  /// Reported always, asked for or not.
  public static let error = PollEvents(rawValue: 0x008)
  /// Both directions are closed. Reported always, asked for or not.
  public static let hangup = PollEvents(rawValue: 0x010)
  /// The other side will send no more.
  public static let peerClosed = PollEvents(rawValue: 0x2000)
  /// Of several pollers that wait for the same descriptor, wake only one.
  public static let exclusive = PollEvents(rawValue: 1 << 28)
  /// Report a change once, not for as long as it lasts.
  public static let edgeTriggered = PollEvents(rawValue: 1 << 31)
}

/// Waits for events on many descriptors at once: epoll(7).
///
/// The events of one turn are read by index from memory that is allocated once.
@safe public struct Poller: ~Copyable {
  /// A turn of this many events is worth its system call many times over (6 KiB of memory).
  public static let eventsMax = 512

  private let descriptor: Descriptor
  private let events: UnsafeMutablePointer<epoll_event>

  public init() throws(SystemError) {
    let raw = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard raw >= 0 else { throw .last("epoll_create1") }
    descriptor = Descriptor(owning: raw)
    unsafe events = .allocate(capacity: Poller.eventsMax)
    unsafe events.initialize(repeating: epoll_event(), count: Poller.eventsMax)
  }

  deinit { unsafe events.deallocate() }

  /// Reports the events of a descriptor under a token of the caller's choice.
  public func add(_ target: Int32, token: UInt64, events: PollEvents) throws(SystemError) {
    try control(EPOLL_CTL_ADD, target, token, events)
  }

  /// Replaces what is reported. With `.edgeTriggered` this also reports anew what holds now.
  public func modify(_ target: Int32, token: UInt64, events: PollEvents) throws(SystemError) {
    try control(EPOLL_CTL_MOD, target, token, events)
  }

  /// Stops reporting. Closing a descriptor that nobody duplicated does the same.
  public func remove(_ target: Int32) throws(SystemError) {
    try control(EPOLL_CTL_DEL, target, 0, [])
  }

  /// Waits for at least one event; -1 waits for ever, 0 not at all. Returns how many there are,
  /// 0 after the timeout or a signal.
  public func wait(timeoutMilliseconds: Int32) -> Int {
    let count = unsafe epoll_wait(
      descriptor.raw, events, Int32(Poller.eventsMax), timeoutMilliseconds)
    // With a descriptor of our own and memory of our own, EINTR is the only error there is.
    precondition(count >= 0 || errno == EINTR, "epoll_wait failed on a valid poller")
    return Int(max(count, 0))
  }

  /// The event at an index below what the last `wait` returned.
  public subscript(index: Int) -> (token: UInt64, events: PollEvents) {
    precondition(index >= 0 && index < Poller.eventsMax, "no such event")
    let event = unsafe events[index]
    return unsafe (event.data.u64, PollEvents(rawValue: event.events))
  }

  private func control(
    _ operation: Int32, _ target: Int32, _ token: UInt64, _ events: PollEvents
  ) throws(SystemError) {
    var event = unsafe epoll_event(events: events.rawValue, data: epoll_data_t(u64: token))
    guard unsafe epoll_ctl(descriptor.raw, operation, target, &event) == 0 else {
      throw .last("epoll_ctl")
    }
  }
}
