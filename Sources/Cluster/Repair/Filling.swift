import Bytes
import Store

/// The first pull of a node that has joined: everything, from one member.
///
/// That member counts the new one as a member. It matters: a member that does not could give away a
/// record, and later collect the tombstone of it without asking the new node.
struct Filling: Sendable {
  /// Who is asked; nil until there is somebody.
  private(set) var source: NodeID?
  private var preferred: NodeID?
  /// Who was asked and gave nothing, in this round of all members.
  private var refused: [NodeID] = []
  private(set) var missing = ShardSet.all
  /// Where the log has what was brought.
  private(set) var position: UInt64 = 0

  init() {}

  mutating func prefer(_ node: NodeID?) {
    if let node { preferred = node }
  }

  mutating func choose(from peers: [ReplicationPeer]) -> NodeID? {
    if let source, peers.contains(where: { $0.id == source && $0.isReachable }) { return nil }
    let reachable = peers.filter { $0.isReachable }.map { $0.id }
    var left = reachable.filter { !refused.contains($0) }
    if left.isEmpty {
      refused = []
      left = reachable
    }
    source = left.first { $0 == preferred } ?? left.first
    return source
  }

  /// A member gave nothing: it is not ready itself, or does not answer. Each other one is asked before
  /// it is asked again: it may be that one member only can give.
  mutating func refused(by node: NodeID) {
    guard source == node else { return }
    source = nil
    refused.append(node)
  }

  mutating func filled(_ shard: Int, at position: UInt64) {
    missing.remove(shard)
    self.position = max(self.position, position)
  }
}

extension Replication {
  /// Finds somebody to be filled from, and wants everything of it that is missing.
  mutating func chooseSource() {
    guard let source = filling?.choose(from: peers), let index = index(of: source) else { return }
    peers[index].wanted = filling?.missing ?? ShardSet()
  }

  /// Says so when everything has come and is durable.
  mutating func finishFilling<R: Replica & ~Copyable>(
    now: Instant, replica: borrowing R, effects: inout [Effect]
  ) {
    guard let filling, filling.missing.isEmpty else { return }
    guard replica.committed >= filling.position || settings.mutant == .mergeBeforeEnd else {
      return
    }
    self.filling = nil
    // What was told of before is less than what is here. A node that is filled from this one takes
    // clocks and time from the advert, and has to come by all that this one took over itself.
    ownAdvert = OwnAdvert()
    advertAt = now
    effects.append(.becameReady)
  }

  /// There is nobody to be filled from: the node is the first of its cluster.
  mutating func needsNoFilling(effects: inout [Effect]) {
    guard filling != nil else { return }
    filling = nil
    effects.append(.becameReady)
  }
}
