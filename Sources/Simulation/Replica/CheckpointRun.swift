import Bytes
import Cluster
import Durability
import Store

/// One run of a simulated checkpoint, a step at a time, so that writes go on and a crash may come
/// between any two steps. It goes as the server's does: positions first, then block by block in
/// several transactions, each with the clock of its shard, and in the last one the position.
struct CheckpointRun: ~Copyable {
  private let position: UInt64
  private var sealer: CheckpointSealer
  private var shard = 0
  private let hybridTime: UInt64

  init(of replica: SimulatedReplica, keyring: Keyring, salts: @escaping RandomSource) {
    position = replica.appended
    // The ceilings that the log promised go with its segments.
    hybridTime = replica.time.last
    sealer = CheckpointSealer(keyring: keyring, random: salts)
  }

  /// Writes the dirty blocks of the next shard.
  ///
  /// - Returns: the position that the file holds now, once the run is over.
  mutating func step(
    _ replica: SimulatedReplica, _ store: inout SimulatedCheckpoint
  ) throws(CheckpointStoreError) -> UInt64? {
    guard shard < Keyspace.shardCount else {
      try store.begin()
      var applied = ByteBuffer()
      applied.appendUInt64(position)
      applied.appendUInt64(hybridTime)
      try store.setMeta(RecoveredStore.appliedKey, applied.span)
      try store.commit()
      return position
    }
    try writeShard(replica, &store)
    shard += 1
    return nil
  }

  private mutating func writeShard(
    _ replica: SimulatedReplica, _ store: inout SimulatedCheckpoint
  ) throws(CheckpointStoreError) {
    let cell = replica.shards[shard]
    var dirty: [UInt32] = []
    cell.shard.takeDirtyBlocks(into: &dirty)
    let bits = cell.shard.blockBits
    // With the blocks: no dot is claimed whose record is not in the file, and what is older than a
    // tombstone that went is not replayed.
    var clock = ByteBuffer()
    cell.shard.clock.encode(into: &clock)
    try store.begin()
    if replica.mutant != .checkpointWithoutClocks {
      try store.setMeta(RecoveredStore.clockKey(shard), clock.span)
    }
    for block in dirty {
      var entries = ByteBuffer()
      cell.shard.forEachRecord(inBlock: block) { record in replica.append(record, to: &entries) }
      let id = CheckpointBlock.id(shard: shard, block: block)
      if entries.isEmpty {
        try store.deleteBlock(id)
      } else {
        var row = ByteBuffer()
        sealer.seal(entries.span, id: id, blockBits: UInt8(bits), into: &row)
        try store.replaceBlock(id, row.span)
      }
    }
    try store.commit()
  }
}
