import Bytes
import Store

/// A write that some node took, as it was when it took it.
struct LedgerWrite {
  let key: Int
  let stamp: Stamp
  let isDead: Bool
  /// Of everything that the record says.
  let digest: UInt64
  /// A client was told that it is on disk.
  var isAcknowledged = false
  /// It is on the disk of the node that took it.
  var isDurableAtHome = false
  /// The node that took it has lost it in a crash. It may live on with a peer that had asked for the
  /// shard, and come back from there.
  var isLostAtHome = false

  var dot: Dot { stamp.dot }
  var shard: Int { Keyspace.keys[key].shard }
}

/// Everything that was ever written in a world: what all replicas are measured by.
struct Ledger {
  private struct Origin {
    let node: UInt64
    let boot: UInt32
    /// For each shard and sequence (from 1) the number of the write; -1 where there is none.
    var writes: [[Int]]
  }

  private(set) var writes: [LedgerWrite] = []
  /// The numbers of the writes of each key, ascending by stamp.
  private(set) var byKey: [[Int]] = Array(repeating: [], count: Keyspace.keys.count)
  private var origins: [Origin] = []
  /// Writes of a removed node, made when all others knew of its removal: nobody may take them.
  private(set) var void: [Int] = []

  mutating func declareVoid(_ number: Int) { void.append(number) }

  /// - Returns: false where its dot is taken: a dot names one write for ever.
  mutating func add(_ write: LedgerWrite) -> Bool {
    let origin = intern(write.dot)
    let place = Int(write.dot.sequence) - 1
    var list = origins[origin].writes[write.shard]
    while list.count <= place { list.append(-1) }
    guard list[place] == -1 else { return false }
    list[place] = writes.count
    origins[origin].writes[write.shard] = list
    // Nearly always the last place.
    let numbers = byKey[write.key]
    var index = numbers.count
    while index > 0, write.stamp < writes[numbers[index - 1]].stamp { index -= 1 }
    byKey[write.key].insert(writes.count, at: index)
    writes.append(write)
    return true
  }

  mutating func acknowledge(_ number: Int) {
    writes[number].isAcknowledged = true
    settle(number)
  }

  mutating func settle(_ number: Int) {
    if !writes[number].isLostAtHome { writes[number].isDurableAtHome = true }
  }

  mutating func lose(_ number: Int) { writes[number].isLostAtHome = true }

  func find(_ dot: Dot, inShard shard: Int) -> Int? {
    guard dot.sequence > 0,
      let origin = origins.lastIndex(where: { $0.node == dot.node && $0.boot == dot.boot })
    else { return nil }
    let list = origins[origin].writes[shard]
    let place = Int(dot.sequence) - 1
    return place < list.count && list[place] >= 0 ? list[place] : nil
  }

  /// The greatest write of a key that `clock` has seen.
  func greatest(ofKey key: Int, seenBy clock: ShardClock) -> LedgerWrite? {
    for number in byKey[key].reversed() where clock.contains(writes[number].dot) {
      return writes[number]
    }
    return nil
  }

  private mutating func intern(_ dot: Dot) -> Int {
    let known = origins.lastIndex { $0.node == dot.node && $0.boot == dot.boot }
    if let known { return known }
    origins.append(
      Origin(
        node: dot.node, boot: dot.boot,
        writes: Array(repeating: [], count: Keyspace.shardCount)))
    return origins.count - 1
  }
}
