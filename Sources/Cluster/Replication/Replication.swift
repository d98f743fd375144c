import Bytes
import Store

/// Keeps this node's records in step with the other members'.
///
/// Own writes are *pushed* as they become durable; that is quick and may lose. What nodes have seen
/// is *compared* every second, and what is missing is *pulled*, shard by shard; that is the truth.
/// Tombstones go when every member has seen them and nothing older can arrive any more.
///
/// Each node is told only what is durable here, and is believed to have only what it said is
/// durable there. Everything is in sorted arrays: the same events give the same effects.
struct Replication: Sendable {
  let own: Incarnated
  let settings: ClusterSettings
  private var nextRequest: UInt64 = 1

  /// Ascending by id.
  var peers: [ReplicationPeer] = []
  var memberDigest: UInt64 = 0
  var outbox = Outbox()
  /// Answers that wait until what they say is durable, oldest first.
  var waiting: [WaitingAnswer] = []
  var ownAdvert = OwnAdvert()
  var pulls: [Pull] = []
  var pace: Pace
  /// Shards of the pulls in flight.
  var shardsInPull = ShardSet()
  var filling: Filling?
  /// What is missing since this node was away.
  var catchUp: CatchUp?
  var verification: Verification
  var counters = ReplicationCounters()
  /// Nodes whose writes came from the future, as far as that was told.
  var nodesAhead: [NodeID] = []
  /// Who keeps tombstones from going, as of the last look; nil where nobody does.
  var collectionBlocker: NodeID?

  /// When the own advert is to be taken anew.
  var advertAt: Instant
  /// When `advance` last did all that was due.
  private(set) var advancedAt: Instant
  private var collectAt: Instant

  /// - Parameter isReady: whether the node has once had everything that the cluster had.
  init(own: Incarnated, settings: ClusterSettings, isReady: Bool, now: Instant) {
    self.own = own
    self.settings = settings
    filling = isReady ? nil : Filling()
    if isReady {
      catchUp = CatchUp(
        until: now.advanced(byMilliseconds: settings.catchUpMilliseconds), now: now)
    }
    pace = Pace(bytesPerSecond: settings.pullBytesPerSecond)
    advertAt = now
    advancedAt = now
    collectAt = now.advanced(byMilliseconds: settings.collectMilliseconds)
    verification = Verification(at: now.advanced(byMilliseconds: settings.verifyMilliseconds))
  }

  /// Whether everything that was there when the node joined is here and durable.
  var isReady: Bool { filling == nil }

  // MARK: Members

  /// Takes over who the other members are.
  ///
  /// - Parameter source: who is to be asked first for what a joining node lacks.
  mutating func update(_ neighbours: [Neighbour], memberDigest: UInt64, source: NodeID?) {
    self.memberDigest = memberDigest
    var kept: [ReplicationPeer] = []
    kept.reserveCapacity(neighbours.count)
    for neighbour in neighbours {
      guard let index = index(of: neighbour.id) else {
        kept.append(ReplicationPeer(neighbour, outbox: outbox))
        continue
      }
      var peer = peers[index]
      if peer.boot != neighbour.boot {
        // What the old boot said it had may be more than the new one has.
        peer.boot = neighbour.boot
        peer.advert = nil
        peer.settled = nil
        disconnect(&peer)
      } else if peer.isReachable && !neighbour.isReachable {
        disconnect(&peer)
      }
      peer.endpoint = neighbour.endpoint
      peer.isReachable = neighbour.isReachable
      kept.append(peer)
    }
    peers = kept
    let underWay = pulls
    pulls = []
    for pull in underWay {
      guard let index = index(of: pull.peer) else {
        release(pull)
        continue
      }
      if peers[index].isReachable && peers[index].boot == pull.boot {
        pulls.append(pull)
      } else {
        release(pull)
        if !pull.isRepair { for part in pull.parts { peers[index].wanted.insert(part.shard) } }
      }
    }
    filling?.prefer(source)
    if peers.isEmpty { catchUp = nil }
  }

  private mutating func disconnect(_ peer: inout ReplicationPeer) {
    peer.push.rewind()
    peer.exchange = Exchange()
    peer.isFresh = true
    peer.pullRetry.succeeded()
    peer.push.retry.succeeded()
  }

  func index(of id: NodeID) -> Int? {
    var (low, high) = (0, peers.count)
    while low < high {
      let middle = (low + high) / 2
      if peers[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < peers.count && peers[low].id == id ? low : nil
  }

  // MARK: Events

  /// Writes of this node that are durable now.
  mutating func committed(_ entries: [UInt8], positions: [UInt64]) {
    outbox.append(entries, positions: positions, settings: settings)
    if peers.isEmpty { outbox.drop(before: outbox.end) }
  }

  /// A member's request; it is answered now or when what the answer says is durable.
  mutating func request<R: Replica & ~Copyable>(
    _ id: RequestID, _ bytes: [UInt8], from: Incarnated, now: Instant, replica: inout R,
    effects: inout [Effect]
  ) {
    var reader = ByteReader(bytes.span)
    guard let kind = Message.kind(reading: &reader) else {
      var answer = ByteBuffer()
      answer.appendUInt8(Message.family)
      answer.appendUInt8(Message.version)
      answer.appendUInt8(0)
      answer.appendUInt8(Message.Status.malformed.rawValue)
      counters.refusedRequests += 1
      return effects.append(.respond(id, bytes: answer.copied()))
    }
    let rest = bytes.span.extracting(Message.headBytes..<bytes.count)
    switch kind {
    case .push: receivePush(id, rest, replica: &replica, effects: &effects)
    case .clocks: receiveClocks(id, rest, from: from, effects: &effects)
    case .differences: receiveDifferences(id, rest, effects: &effects)
    case .pull: receivePull(id, rest, replica: &replica, effects: &effects)
    case .verify: receiveVerify(id, rest, replica: &replica, effects: &effects)
    }
  }

  /// The answer to a request of this floor.
  mutating func response<R: Replica & ~Copyable>(
    _ id: RequestID, _ bytes: [UInt8], from: Incarnated, now: Instant, replica: inout R,
    effects: inout [Effect]
  ) {
    guard let index = index(of: from.node), peers[index].boot == from.boot else {
      return failed(id, now: now)
    }
    if peers[index].push.owns(id) {
      receivePushed(id, bytes, peer: index, now: now, effects: &effects)
    } else if peers[index].exchange.request == id {
      receiveExchange(bytes, peer: index, now: now, replica: &replica, effects: &effects)
    } else if let pull = pulls.firstIndex(where: { $0.request == id && $0.peer == from.node }) {
      receivePulled(bytes, pull: pull, now: now, replica: &replica, effects: &effects)
    } else if verification.request == id {
      receiveVerified(bytes, peer: index, now: now, replica: &replica, effects: &effects)
    }
  }

  /// There is no answer to a request of this floor.
  mutating func failed(_ id: RequestID, now: Instant) {
    if verification.request == id { return verification.ended(at: now, settings: settings) }
    if let pull = pulls.firstIndex(where: { $0.request == id }) { return endPull(pull, at: now) }
    for index in peers.indices {
      if peers[index].push.owns(id) {
        peers[index].push.rewind()
        return peers[index].push.retry.failed(at: now, settings: settings)
      }
      if peers[index].exchange.request == id {
        return peers[index].exchange.failed(at: now, settings: settings)
      }
    }
  }

  /// Does what has become possible or due. To be called after every event.
  mutating func advance<R: Replica & ~Copyable>(
    now: Instant, replica: inout R, random: inout SeededRandom, effects: inout [Effect]
  ) {
    noticeStandstill(now)
    advancedAt = now
    ownAdvert.promote(replica: replica, settings: settings)
    answerWaiting(through: replica.committed, effects: &effects)
    if peers.isEmpty {
      outbox.drop(before: outbox.end)
      // Tombstones go by age meanwhile. Whoever joins next is filled by an advert from after that.
      ownAdvert = OwnAdvert()
      advertAt = now
    } else if advertAt <= now {
      ownAdvert.take(
        memberDigest: memberDigest, now: now, replica: &replica, settings: settings)
      advertAt = now.advanced(byMilliseconds: settings.advertMilliseconds)
    }
    for index in peers.indices where peers[index].isReachable {
      pump(peer: index, now: now, effects: &effects)
      exchange(peer: index, now: now, random: &random, effects: &effects)
    }
    dropSent()
    pull(now: now, replica: replica, effects: &effects)
    finishFilling(now: now, replica: replica, effects: &effects)
    finishCatchUp(now: now, replica: replica, effects: &effects)
    if collectAt <= now {
      collectTombstones(replica: &replica)
      collectAt = now.advanced(byMilliseconds: settings.collectMilliseconds)
    }
    verify(now: now, replica: replica, random: &random, effects: &effects)
  }

  /// When `advance` has something to do although nothing happens.
  var nextDeadline: Instant {
    var next = min(collectAt, verification.at)
    if !peers.isEmpty { next = min(next, advertAt) }
    if let at = paceOpensAt { next = min(next, at) }
    if let at = catchUp?.lookAt { next = min(next, at) }
    // A time that has passed does not hinder any more: something else does, and will say so.
    let passed = settings.mutant == .deadlineInPast ? Instant(nanoseconds: 0) : advancedAt
    // By place: a copy of a peer counts references.
    for index in peers.indices where peers[index].isReachable {
      if let at = peers[index].exchange.nextAt { next = min(next, at) }
      if let at = peers[index].push.retry.notBefore, at > passed,
        peers[index].push.next < outbox.end
      {
        next = min(next, at)
      }
      if let at = peers[index].pullRetry.notBefore, at > passed, !peers[index].wanted.isEmpty {
        next = min(next, at)
      }
    }
    return next
  }

  // MARK: Parts

  /// Numbers of this floor are small; those of membership have the top bit set.
  mutating func request(
    to peer: Int, _ channel: Channel, _ bytes: consuming ByteBuffer, timeout: UInt64,
    effects: inout [Effect]
  ) -> RequestID {
    let id = RequestID(nextRequest)
    nextRequest += 1
    peers[peer].sentBytes += UInt64(bytes.count)
    effects.append(
      .request(
        id, to: peers[peer].endpoint, expected: peers[peer].id, channel: channel,
        bytes: bytes.copied(), timeoutMilliseconds: timeout))
    return id
  }

  /// Counts writes that a broken clock made, and names its node once.
  mutating func noteAhead(_ ahead: AheadEntries, effects: inout [Effect]) {
    guard ahead.count > 0 else { return }
    counters.aheadEntries += ahead.count
    guard !nodesAhead.contains(ahead.node), nodesAhead.count < Self.nodesAheadMax else { return }
    nodesAhead.append(ahead.node)
    effects.append(
      .log(
        .warn,
        """
        node \(ahead.node) writes with a clock that is more than a minute ahead: its writes are \
        kept and win over concurrent ones, and this node's clock does not follow
        """
      ))
  }

  private static let nodesAheadMax = 64

  func respond(
    _ id: RequestID, _ kind: Message.Kind, _ status: Message.Status, effects: inout [Effect]
  ) {
    effects.append(.respond(id, bytes: Message.answer(kind, status).copied()))
  }

  mutating func refuse(_ id: RequestID, _ kind: Message.Kind, effects: inout [Effect]) {
    counters.refusedRequests += 1
    respond(id, kind, .malformed, effects: &effects)
  }
}
