import Bytes
import Store

/// Another member of the cluster, as replication needs to know it.
struct Neighbour: Equatable, Sendable {
  let id: NodeID
  let boot: UInt32
  let endpoint: Endpoint
  /// Whether requests to it have a chance.
  let isReachable: Bool
}

/// What replication remembers of another member.
struct ReplicationPeer: Sendable {
  let id: NodeID
  var boot: UInt32
  var endpoint: Endpoint
  var isReachable: Bool

  var push: PushState
  var exchange = Exchange()
  /// What it had seen, durably, when it was last asked.
  var advert: Advert?
  /// Its advert as it was at the last look at tombstones.
  var settled: Advert?
  /// Shards of which it has seen what this node has not.
  var wanted = ShardSet()
  var pullRetry = Retry()
  /// Nothing was exchanged since it became reachable: what is missing is missing for long.
  var isFresh = true
  /// Writes that are here and that it has not seen: as of the last exchange.
  var lag: UInt64 = 0
  var sentBytes: UInt64 = 0
  /// Tombstones that are kept because of it, as of the last look.
  var heldTombstones = 0

  init(_ neighbour: Neighbour, outbox: Outbox) {
    id = neighbour.id
    boot = neighbour.boot
    endpoint = neighbour.endpoint
    isReachable = neighbour.isReachable
    push = PushState(next: outbox.end, resumedAfter: outbox.lastPosition)
  }

  var incarnated: Incarnated { Incarnated(node: id, boot: boot) }
}

/// When something that failed may be tried again: later from failure to failure.
struct Retry: Sendable {
  private(set) var notBefore: Instant?
  private var delay: UInt64 = 0

  func mayTry(at now: Instant) -> Bool { notBefore.map { $0 <= now } ?? true }

  mutating func failed(at now: Instant, settings: ClusterSettings) {
    delay = min(max(delay * 2, settings.retryMilliseconds), settings.retryMillisecondsMax)
    notBefore = now.advanced(byMilliseconds: delay)
  }

  mutating func succeeded() {
    notBefore = nil
    delay = 0
  }
}
