// How other threads reach a data loop.

import Platform
import Synchronization

/// What one loop is told by the rest of the house.
enum LoopMessage: Sendable {
  /// A password was hashed or checked.
  case passwordDone(PasswordOutcome)
  /// The cluster loop answers a peer.
  case internalAnswer(InternalAnswer)
  /// What became of an operator's wish to remove a member.
  case removalDone(MemberRemovalAnswer)
  /// The node stops: finish what is in flight.
  case drain
}

/// The door of one data loop: a mailbox, the events for its streams, and a way to wake it.
final class LoopGate: Sendable {
  let index: Int
  let wakeup: Wakeup
  let mailbox: Mailbox<LoopMessage>
  private let events = Locked<[EventFrame]>([])
  private let waits = Atomic<Bool>(false)
  private let waitsForPeers = Atomic<Bool>(false)
  private let hasEvents = Atomic<Bool>(false)

  init(index: Int) throws(SystemError) {
    self.index = index
    wakeup = try Wakeup()
    mailbox = Mailbox(wakeup: wakeup)
  }

  /// The gates of so many loops.
  static func make(_ count: Int) throws(StorageError) -> [LoopGate] {
    var gates: [LoopGate] = []
    do throws(SystemError) {
      for index in 0..<count { gates.append(try LoopGate(index: index)) }
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
    return gates
  }

  /// Leaves an event for this loop's streams. Called under the lock of the record's shard, which
  /// keeps the events of a key in order; the commit that makes it due wakes the loop.
  func post(_ event: EventFrame) {
    events.withLock { $0.append(event) }
    hasEvents.store(true, ordering: .releasing)
    waits.store(true, ordering: .sequentiallyConsistent)
  }

  /// Moves what was posted to the end of `target`.
  func takeEvents(into target: inout [EventFrame]) {
    // The plain look comes first: it is made every turn, and there is hardly ever an event.
    guard hasEvents.load(ordering: .relaxed),
      hasEvents.exchange(false, ordering: .acquiringAndReleasing)
    else { return }
    events.withLock { events in
      target.append(contentsOf: events)
      events.removeAll(keepingCapacity: true)
    }
  }

  /// Asks to be woken by the next commit. The loop looks once more at what is committed after this
  /// and before it sleeps, so no commit is missed.
  func waitForCommit() { waits.store(true, ordering: .sequentiallyConsistent) }

  /// Asks to be woken when a peer has acknowledged something; as `waitForCommit`.
  func waitForPeers() { waitsForPeers.store(true, ordering: .sequentiallyConsistent) }

  func wakeIfWaitingForPeers() {
    if waitsForPeers.exchange(false, ordering: .sequentiallyConsistent) { wakeup.wake() }
  }

  func wakeIfWaiting() {
    if waits.exchange(false, ordering: .sequentiallyConsistent) { wakeup.wake() }
  }
}
