import Bytes
import Store

/// What a member lacks that was away: all that those had whom it finds when it is back.
///
/// It serves clients meanwhile, reads and writes, since it may be the only one there is; it only
/// says that they had better ask another node.
struct CatchUp: Sendable {
  private struct Debt: Sendable {
    let peer: NodeID
    /// What it had.
    let clocks: [ShardClock]
    /// Where that is not here yet.
    var shards: ShardSet
  }

  /// Whoever is not found, or does not answer, by then is not waited for.
  private let until: Instant
  /// When it is to be looked at again.
  private(set) var lookAt: Instant
  private var compared: [NodeID] = []
  private var debts: [Debt] = []

  private static let lookMilliseconds: UInt64 = 100

  init(until: Instant, now: Instant) {
    self.until = until
    lookAt = now
  }

  /// Whether the first that a peer said was taken. What it takes later comes by push.
  func hasCompared(with peer: NodeID) -> Bool { compared.contains(peer) }

  /// A peer has said, for the first time, what it has seen.
  mutating func compare(with peer: NodeID, _ advert: Advert, missing shards: ShardSet) {
    compared.append(peer)
    if !shards.isEmpty {
      debts.append(Debt(peer: peer, clocks: advert.clocks, shards: shards))
    }
  }

  /// Whether everything is here.
  mutating func isOver<R: Replica & ~Copyable>(
    _ peers: [ReplicationPeer], now: Instant, replica: borrowing R
  ) -> Bool {
    lookAt = now.advanced(byMilliseconds: Self.lookMilliseconds)
    let reachable = peers.filter(\.isReachable).map(\.id)
    for index in debts.indices {
      var next = debts[index].shards.first(from: 0)
      while let shard = next {
        if replica.clock(ofShard: shard).covers(debts[index].clocks[shard]) {
          debts[index].shards.remove(shard)
        }
        next = debts[index].shards.first(from: shard + 1)
      }
    }
    // What only somebody has who is gone again is waited for when it is back.
    debts.removeAll { $0.shards.isEmpty || !reachable.contains($0.peer) }
    guard debts.isEmpty else { return false }
    return now >= until
      || (!reachable.isEmpty && reachable.allSatisfy { hasCompared(with: $0) })
  }
}

extension Replication {
  /// This process stood still, or the machine did: whatever the others did meanwhile is missing.
  mutating func noticeStandstill(_ now: Instant) {
    guard now.milliseconds(since: advancedAt) > settings.standstillMilliseconds else { return }
    for index in peers.indices { peers[index].isFresh = true }
  }

  /// Takes note of what a peer has and this node has not, when the two meet again.
  mutating func compareAfterAbsence<R: Replica & ~Copyable>(
    _ advert: Advert, of index: Int, now: Instant, replica: borrowing R, effects: inout [Effect]
  ) {
    let peer = peers[index].id
    let isAwaited = catchUp.map { !$0.hasCompared(with: peer) } ?? peers[index].isFresh
    guard isReady, isAwaited else { return }
    var missing = ShardSet()
    var count: UInt64 = 0
    for shard in 0..<Shard.count {
      let lacking = replica.clock(ofShard: shard).missingCount(of: advert.clocks[shard])
      if lacking > 0 { missing.insert(shard) }
      count &+= lacking
    }
    if catchUp == nil {
      // A few are here in a moment, and come whenever somebody returns.
      guard count >= settings.catchUpEntriesMin else { return }
      catchUp = CatchUp(until: now, now: now)
      effects.append(.statusChanged)
    }
    catchUp?.compare(with: peer, advert, missing: missing)
  }

  mutating func finishCatchUp<R: Replica & ~Copyable>(
    now: Instant, replica: borrowing R, effects: inout [Effect]
  ) {
    guard let at = catchUp?.lookAt, at <= now else { return }
    guard catchUp?.isOver(peers, now: now, replica: replica) == true else { return }
    catchUp = nil
    effects.append(.statusChanged)
  }
}
