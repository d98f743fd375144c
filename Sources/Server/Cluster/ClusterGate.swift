// How other threads reach the cluster loop, and what they may know of it without asking.

import Bytes
import Cluster
import Durability
import Platform
import Synchronization

/// What the cluster loop is told by the rest of the house.
enum ClusterMessage: Sendable {
  /// A peer asks something; its connection waits.
  case request(InternalRequest)
  /// Entries of the log that are durable now.
  case committed(CommittedBatch)
  /// An operator wants a member out; its connection waits.
  case remove(MemberRemoval)
  /// The node begins to stop.
  case leave
  /// The loop ends.
  case close
}

/// One batch of the log, with own writes and those of peers.
struct CommittedBatch: Sendable {
  let entries: [UInt8]
  let firstLSN: UInt64
  let count: Int
}

/// A request on one of the internal routes, and the connection that waits for its answer.
struct InternalRequest: Sendable {
  enum Route: Sendable {
    case hello, auth, data, control
  }

  let loop: Int
  let token: UInt64
  let style: ReplyStyle
  let route: Route
  /// The field `X-Internal-Request`.
  let mark: [UInt8]
  let body: [UInt8]
}

/// What the cluster loop answers.
struct InternalAnswer: Sendable {
  let token: UInt64
  let style: ReplyStyle
  let status: UInt16
  /// Bytes of the protocol; empty for a refusal without words.
  let body: [UInt8]
}

/// The door of the cluster loop, and the board on which it shows what it knows.
final class ClusterGate: Sendable {
  let wakeup: Wakeup
  let mailbox: Mailbox<ClusterMessage>
  let own: Incarnated
  let endpoint: Endpoint
  let acknowledgements = AcknowledgementBoard()
  private let shown: Locked<ClusterView>
  private let peers = Atomic<Bool>(false)
  private let ready = Atomic<Bool>(false)
  private let catchingUp = Atomic<Bool>(false)
  private let leaving = Atomic<Bool>(false)
  private let closed = Atomic<Bool>(false)
  private let waiting = Atomic<Int>(0)
  private let committedBytes = Atomic<Int>(0)

  init(own: Incarnated, endpoint: Endpoint, isReady: Bool) throws(SystemError) {
    wakeup = try Wakeup()
    mailbox = Mailbox(wakeup: wakeup)
    self.own = own
    self.endpoint = endpoint
    shown = Locked(ClusterView())
    ready.store(isReady, ordering: .relaxed)
  }

  static func make(
    _ identity: NodeIdentity, _ endpoint: Endpoint
  ) throws(StorageError) -> ClusterGate {
    do throws(SystemError) {
      return try ClusterGate(
        own: Incarnated(node: NodeID(identity.node), boot: identity.boot), endpoint: endpoint,
        isReady: false)
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
  }

  // MARK: The other threads' side

  /// Whether there is another member: as long as there is none, nothing is done for the cluster.
  var hasPeers: Bool { peers.load(ordering: .relaxed) }

  /// Whether everything that was in the cluster when this node came is here.
  var isReady: Bool { ready.load(ordering: .acquiring) }

  /// Whether this node was away and lacks what others have: it serves, and others serve better.
  var isCatchingUp: Bool { catchingUp.load(ordering: .acquiring) }

  /// What was last shown.
  var view: ClusterView { shown.withLock { $0 } }

  /// Hands over a peer's request; false where too many wait.
  func submit(_ request: InternalRequest) -> Bool {
    guard waiting.load(ordering: .relaxed) < Limits.internalRequestsMax else { return false }
    waiting.add(1, ordering: .relaxed)
    mailbox.post(.request(request))
    return true
  }

  /// Hands over a batch that is durable. Called by the log thread, which waits where the cluster
  /// loop has fallen far behind: what is not handed over would be missing from what peers are sent.
  func post(_ batch: CommittedBatch) {
    let pause = Waiter()
    while committedBytes.load(ordering: .acquiring) > Limits.committedBytesMax,
      !closed.load(ordering: .acquiring)
    {
      _ = pause.wait(milliseconds: 1)
    }
    committedBytes.add(batch.entries.count, ordering: .relaxed)
    mailbox.post(.committed(batch))
  }

  /// Hands over an operator's wish; false where too much waits.
  func submit(_ removal: MemberRemoval) -> Bool {
    guard waiting.load(ordering: .relaxed) < Limits.internalRequestsMax else { return false }
    waiting.add(1, ordering: .relaxed)
    mailbox.post(.remove(removal))
    return true
  }

  /// The node stops: clients should go elsewhere.
  func beginLeaving() {
    leaving.store(true, ordering: .releasing)
    mailbox.post(.leave)
  }

  var isLeaving: Bool { leaving.load(ordering: .acquiring) }

  // MARK: The cluster loop's side

  /// The loop has ended: nobody waits for it any more.
  func close() { closed.store(true, ordering: .releasing) }

  func consumed(bytes: Int) { committedBytes.subtract(bytes, ordering: .releasing) }

  func answered() { waiting.subtract(1, ordering: .relaxed) }

  func show(_ view: ClusterView) {
    let hasPeers = view.members.count > 1
    let (isReady, isCatchingUp) = (view.isReady, view.isCatchingUp)
    shown.withLock { $0 = view }
    peers.store(hasPeers, ordering: .releasing)
    catchingUp.store(isCatchingUp, ordering: .releasing)
    ready.store(isReady, ordering: .releasing)
  }
}
