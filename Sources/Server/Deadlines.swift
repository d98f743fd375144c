// When connections must have done something by: a few queues in place of a heap, because each kind
// of deadline has one length.

import Bytes

/// What a connection is waited for.
enum DeadlineKind: UInt8, CaseIterable {
  /// Its next request, or that it takes what it is owed.
  case idle
  /// The rest of a request's head.
  case head
  /// The rest of a request's body.
  case body
  /// A stream's next comment (not the client's duty but ours).
  case heartbeat
  /// That it reads why it was refused, and closes.
  case linger
}

/// The deadlines of one loop's connections, by slot.
///
/// Each kind is a first-in-first-out queue, so that setting, moving and dropping a deadline are
/// O(1) and a turn looks only at the queues' heads, however many connections idle. The price is
/// precision: a deadline moves only when it moves by a second or more.
struct Deadlines {
  private struct Link {
    var previous: Int32 = -1
    var next: Int32 = -1
    var kind: UInt8 = .max
    var due = Instant(nanoseconds: 0)
  }

  private struct Queue {
    var first: Int32 = -1
    var last: Int32 = -1
  }

  private static let resolutionNanoseconds: UInt64 = 1_000_000_000

  private var links: [Link] = []
  private var queues = [Queue](repeating: Queue(), count: DeadlineKind.allCases.count)

  /// Sets the deadline of `slot`, replacing the one it had.
  mutating func set(_ kind: DeadlineKind, _ slot: Int, due: Instant) {
    while links.count <= slot { links.append(Link()) }
    if links[slot].kind == kind.rawValue,
      due.nanoseconds < links[slot].due.nanoseconds + Self.resolutionNanoseconds
    {
      return
    }
    clear(slot)
    let queue = Int(kind.rawValue)
    let last = queues[queue].last
    links[slot] = Link(previous: last, next: -1, kind: kind.rawValue, due: due)
    if last >= 0 { links[Int(last)].next = Int32(slot) } else { queues[queue].first = Int32(slot) }
    queues[queue].last = Int32(slot)
  }

  mutating func clear(_ slot: Int) {
    guard slot < links.count, links[slot].kind != .max else { return }
    let link = links[slot]
    let queue = Int(link.kind)
    if link.previous >= 0 {
      links[Int(link.previous)].next = link.next
    } else {
      queues[queue].first = link.next
    }
    if link.next >= 0 {
      links[Int(link.next)].previous = link.previous
    } else {
      queues[queue].last = link.previous
    }
    links[slot] = Link()
  }

  func kind(of slot: Int) -> DeadlineKind? {
    slot < links.count ? DeadlineKind(rawValue: links[slot].kind) : nil
  }

  /// The next slot of this kind whose time has come, taken off its queue; nil where none has.
  mutating func expired(_ kind: DeadlineKind, now: Instant) -> Int? {
    let slot = Int(queues[Int(kind.rawValue)].first)
    guard slot >= 0, links[slot].due <= now else { return nil }
    clear(slot)
    return slot
  }

  /// Nothing is waited for at all.
  var isEmpty: Bool { queues.allSatisfy { $0.first < 0 } }
}
