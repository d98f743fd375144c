import Store

// Tombstones: when they may go.
//
// A tombstone may go where every member has it on disk, every member's later writes have a greater
// time, and this node has seen, durably, all that they had seen. The last two are needed because the
// greater stamp wins: a concurrent write with a smaller one, still on its way, would otherwise find
// nothing that it loses against. A member that is down keeps all of them.

extension Replication {
  /// Removes the tombstones that nothing older can arrive for.
  mutating func collectTombstones<R: Replica & ~Copyable>(replica: inout R) {
    // What they say now counts at the next look.
    defer { for index in peers.indices { peers[index].settled = peers[index].advert } }
    collectionBlocker = nil
    for index in peers.indices { peers[index].heldTombstones = 0 }
    guard !peers.isEmpty, let own = ownAdvert.durable, isReady else { return }
    if settings.mutant == .neverCollect { return }
    defer { countHeld(replica: replica) }
    var before = own.hybridTime
    var others: [Advert] = []
    var unknown: [Int] = []
    for index in peers.indices {
      if settings.mutant == .collectIgnoringDown, !peers[index].isReachable { continue }
      guard let settled = peers[index].settled, isOfSameMembers(settled) else {
        unknown.append(index)
        continue
      }
      before = min(before, settled.hybridTime)
      others.append(settled)
    }
    // Of one that answers more is known at the next look: the other one is to be named.
    let blocker = unknown.first { !peers[$0].isReachable } ?? unknown.first
    collectionBlocker = blocker.map { peers[$0].id }
    guard collectionBlocker == nil, isOfSameMembers(own) else { return }
    if settings.mutant == .collectWhenSeen || settings.mutant == .collectByTime { before = .max }
    for shard in 0..<Shard.count where replica.tombstoneCount(ofShard: shard) > 0 {
      let clocks = others.map { $0.clocks[shard] }
      let isBehind = clocks.contains { !own.clocks[shard].covers($0) }
      if isBehind && !mayBeBehind { continue }
      let count = replica.collectTombstones(ofShard: shard, before: before, seenBy: clocks)
      counters.collectedTombstones += UInt64(count)
    }
  }

  /// Counts, for each member that is not heard, or of which nothing is known that counts, what is
  /// kept because of it: who keeps most is who an operator should look at.
  private mutating func countHeld<R: Replica & ~Copyable>(replica: borrowing R) {
    for index in peers.indices {
      let settled = peers[index].settled.flatMap { isOfSameMembers($0) ? $0 : nil }
      if settled != nil, peers[index].isReachable { continue }
      var count = 0
      for shard in 0..<Shard.count where replica.tombstoneCount(ofShard: shard) > 0 {
        if let settled {
          count += replica.tombstoneCount(
            ofShard: shard, notBefore: settled.hybridTime, orUnseenBy: settled.clocks[shard])
        } else {
          count += replica.tombstoneCount(ofShard: shard)
        }
      }
      peers[index].heldTombstones = count
    }
    guard collectionBlocker == nil else { return }
    // The first of those that keep most.
    var most = 0
    for peer in peers where peer.heldTombstones > most {
      most = peer.heldTombstones
      collectionBlocker = peer.id
    }
  }

  private func isOfSameMembers(_ advert: Advert) -> Bool {
    advert.memberDigest == memberDigest || settings.mutant == .collectIgnoringMembers
  }

  private var mayBeBehind: Bool {
    settings.mutant == .collectWithoutCovering || settings.mutant == .collectWhenSeen
  }
}
