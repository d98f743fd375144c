import Cluster
import Store

/// One shard of a simulated replica: its records, what it has seen, and what it had at the start.
final class ReplicaShard {
  var shard = Shard()
  /// What the checkpoint had seen at the start: a replay leaves it out.
  var checkpointed = ShardClock()

  func state(of key: Keyspace.Key, _ origins: OriginTable) -> RecordState? {
    shard.withRecord(of: key) { record in
      guard let record else { return nil }
      return RecordState(
        stamp: origins.stamp(of: record), isDead: record.isTombstone, owner: record.owner,
        version: record.version)
    }
  }
}

extension Shard {
  func withRecord<Result>(of key: Keyspace.Key, _ body: (RecordView?) -> Result) -> Result {
    body(record(table: Keyspace.tableID, key: key.name.span, hash: key.hash))
  }
}

/// What a key has, a tombstone included.
struct RecordState {
  let stamp: Stamp
  let isDead: Bool
  let owner: OwnerID
  let version: UInt64

  /// The stamp of a live record.
  var liveStamp: Stamp? { isDead ? nil : stamp }
}

/// The short numbers of origins in one process, as a server has them.
struct OriginTable {
  private(set) var origins: [Incarnated] = []

  mutating func intern(node: UInt64, boot: UInt32) -> OriginID {
    let origin = Incarnated(node: NodeID(node), boot: boot)
    let known = origins.lastIndex(of: origin)
    if let known { return OriginID(rawValue: UInt32(known)) }
    origins.append(origin)
    return OriginID(rawValue: UInt32(origins.count - 1))
  }

  subscript(id: OriginID) -> Incarnated { origins[Int(id.rawValue)] }

  func stamp(of record: borrowing RecordView) -> Stamp {
    let origin = self[record.origin]
    return Stamp(
      hybridTime: record.hybridTime, node: origin.node.rawValue, boot: origin.boot,
      sequence: record.sequence)
  }

  func isBefore(_ left: OriginID, _ right: OriginID) -> Bool {
    let (left, right) = (self[left], self[right])
    return left.node != right.node ? left.node < right.node : left.boot < right.boot
  }
}
