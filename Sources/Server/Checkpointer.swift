// The checkpoint: what the store holds, in storage.db, so that the log can be let go of.

import Bytes
import Durability
import Platform
import Store

/// Writes the blocks that changed since the last run. One row is one block of one shard: the
/// records whose hashes share a prefix, about 16 KiB of them (docs/decisions/004).
struct Checkpointer: ~Copyable {
  let database: Database
  private let keyring: Keyring
  private var store: SQLiteCheckpoint
  private var dirty: [UInt32] = []
  /// Rows of the open transaction, to be marked again should it fail.
  private var pending: [(shard: Int, block: UInt32)] = []

  enum Outcome {
    /// Everything up to this log position is in the file.
    case finished(UInt64)
    /// It was told to end; what is missing is still in the log.
    case interrupted
    case outOfSpace
  }

  /// A transaction ends with the shard that brings it to so many rows.
  private static let rowsPerTransaction = 1_000
  static let appliedKey = "applied_lsn"

  init(database: Database, keyring: Keyring, store: consuming SQLiteCheckpoint) {
    self.database = database
    self.keyring = keyring
    self.store = store
  }

  /// Brings the file up to the state that the store had when the call began, or a newer one.
  ///
  /// - Parameter isOver: asked at each shard; the run ends early once it says so.
  mutating func run(
    until isOver: () -> Bool = { false }
  ) throws(CheckpointStoreError) -> Outcome {
    // Each write is applied before its position is handed out, both under its shard's lock: what
    // has a position by now is seen when its shard is visited.
    let position = database.log.appended
    var sealer = CheckpointSealer(keyring: keyring)
    do throws(CheckpointStoreError) {
      var isOpen = false
      for shard in 0..<Shard.count {
        if isOver() {
          if isOpen { try endTransaction() }
          return .interrupted
        }
        dirty.removeAll(keepingCapacity: true)
        database.shards.withLock(shard) { $0.shard.takeDirtyBlocks(into: &dirty) }
        if dirty.isEmpty { continue }
        if !isOpen { try store.begin() }
        isOpen = true
        try write(shard, &sealer)
        if pending.count >= Self.rowsPerTransaction {
          try endTransaction()
          isOpen = false
        }
      }
      if !isOpen { try store.begin() }
      var meta = ByteBuffer()
      meta.appendUInt64(position)
      try store.setMeta(Self.appliedKey, meta.span)
      try endTransaction()
      return .finished(position)
    } catch {
      for (shard, block) in pending {
        database.shards.withLock(shard) { $0.shard.markDirty(block) }
      }
      for block in dirty { markAgain(block) }
      pending.removeAll(keepingCapacity: true)
      try store.rollback()
      if error == .outOfSpace { return .outOfSpace }
      throw error
    }
  }

  /// Closes the file so that nothing but itself stays on the disk.
  consuming func close() throws(CheckpointStoreError) { try store.close() }

  private var shardBeingWritten = 0

  private func markAgain(_ block: UInt32) {
    database.shards.withLock(shardBeingWritten) { $0.shard.markDirty(block) }
  }

  private mutating func endTransaction() throws(CheckpointStoreError) {
    try store.commit()
    pending.removeAll(keepingCapacity: true)
    dirty.removeAll(keepingCapacity: true)
  }

  /// Writes the blocks in `dirty` of one shard, all in one transaction.
  private mutating func write(
    _ shard: Int, _ sealer: inout CheckpointSealer
  ) throws(CheckpointStoreError) {
    shardBeingWritten = shard
    var entries = ByteBuffer(capacity: 2 * Shard.blockBytesMax)
    var row = ByteBuffer(capacity: 2 * Shard.blockBytesMax)
    var index = 0
    while index < dirty.count {
      let block = dirty[index]
      index += 1
      entries.clear()
      let (bits, count) = database.appendBlock(block, of: shard, to: &entries)
      let id = CheckpointBlock.id(shard: shard, block: block)
      if count == 0 {
        try store.deleteBlock(id)
      } else {
        row.clear()
        sealer.seal(entries.span, id: id, blockBits: UInt8(bits), into: &row)
        try store.replaceBlock(id, row.span)
      }
      pending.append((shard, block))
      guard index == dirty.count else { continue }
      // The shard may have been divided anew meanwhile: then every block is to be written again,
      // in this transaction, so that no row of the old division survives it.
      let grown = database.shards.withLock(shard) { $0.shard.blockBits != bits }
      if grown {
        dirty.removeAll(keepingCapacity: true)
        database.shards.withLock(shard) { $0.shard.takeDirtyBlocks(into: &dirty) }
        index = 0
      }
    }
    dirty.removeAll(keepingCapacity: true)
  }
}

extension Database {
  /// Appends the records of one block as log entries. Holds the shard's lock for that block only.
  ///
  /// - Returns: the block bits of the shard, by which `block` is meant, and the number of records.
  func appendBlock(
    _ block: UInt32, of shard: Int, to entries: inout ByteBuffer
  ) -> (bits: Int, count: Int) {
    shards.withLock(shard) { cell in
      var count = 0
      let bits = cell.shard.blockBits
      guard block < UInt32(truncatingIfNeeded: 1 << bits) else { return (bits, 0) }
      cell.shard.forEachRecord(inBlock: block) { record in
        append(record, to: &entries)
        count += 1
      }
      return (bits, count)
    }
  }

  private func append(_ record: RecordView, to entries: inout ByteBuffer) {
    let (tables, owners) = (tables, owners)
    let origin = origins[record.origin]
    let table = tables.name(of: record.table)
    let owner = owners.bytes(of: record.owner.rawValue)
    if record.isTombstone {
      LogEntry.appendTombstone(
        table: table, key: record.key, owner: owner, node: origin.node, boot: origin.boot,
        hybridTime: record.hybridTime, sequence: record.sequence, version: record.version,
        into: &entries)
    } else {
      LogEntry.appendPut(
        table: table, key: record.key, value: record.value, owner: owner, node: origin.node,
        boot: origin.boot, hybridTime: record.hybridTime, sequence: record.sequence,
        version: record.version, into: &entries)
    }
  }
}
