// The checkpoint: what the store holds, in storage.db, so that the log can be let go of.

import Bytes
import Durability
import Platform
import Store
import Synchronization

/// Writes the blocks that changed since the last run. One row is one block of one shard: the
/// records whose hashes share a prefix, about 16 KiB of them (docs/decisions/004).
struct Checkpointer: ~Copyable {
  let database: Database
  private var keyring: Keyring
  private(set) var store: SQLiteCheckpoint
  /// Blocks of one shard that are to be written, their shard, and its block bits when taken.
  private var dirty: [UInt32] = []
  private var dirtyShard = 0
  private var dirtyBits = 0
  /// What the shard had seen when its dirty blocks were taken.
  private var dirtyClock = ShardClock()
  /// The clocks that the file has.
  private var storedClocks = [ShardClock](repeating: ShardClock(), count: Shard.count)
  /// Clocks of the open transaction.
  private var pendingClocks: [(shard: Int, clock: ShardClock)] = []
  /// Rows of the open transaction, to be marked again should it fail.
  private var pending: [(shard: Int, block: UInt32)] = []
  private var pendingBytes = 0

  enum Outcome {
    /// Everything up to this log position is in the file.
    case finished(UInt64)
    /// It was told to stop; what is missing is still in the log.
    case interrupted
    case outOfSpace
  }

  /// A transaction ends with the shard that brings it to so many bytes: SQLite's own log, which
  /// holds a transaction or two, stays short, which a small disk needs.
  private static let transactionBytes = 2 << 20
  static let appliedKey = "applied_lsn"
  /// The greatest hybrid time that this node had given out.
  static let timeKey = "hybrid_time"
  static func clockKey(ofShard shard: Int) -> String { "clock.\(shard)" }

  init(database: Database, keyring: Keyring, store: consuming SQLiteCheckpoint) {
    self.database = database
    self.keyring = keyring
    self.store = store
  }

  /// Brings the file up to the state that the store had when the call began, or a newer one.
  ///
  /// - Parameter shouldStop: asked before each shard. What was written until then stays written.
  mutating func run(
    until shouldStop: () -> Bool = { false }
  ) throws(CheckpointStoreError) -> Outcome {
    // Before the position: a tombstone that goes from now on goes when the run has ended.
    let database = database
    database.isCheckpointing.store(true, ordering: .sequentiallyConsistent)
    defer { database.isCheckpointing.store(false, ordering: .sequentiallyConsistent) }
    // A write is given its position and applied under one hold of its shard's lock: what has a
    // position by now is seen when its shard is visited.
    let position = database.log.appended
    var sealer = CheckpointSealer(keyring: keyring)
    do throws(CheckpointStoreError) {
      var isOpen = false
      for shard in 0..<Shard.count {
        if shouldStop() {
          if isOpen { try endTransaction() }
          return .interrupted
        }
        takeDirty(of: shard)
        if dirty.isEmpty, dirtyClock == storedClocks[shard] { continue }
        if !isOpen { try store.begin() }
        isOpen = true
        try writeDirty(&sealer)
        try writeClock()
        if pendingBytes >= Self.transactionBytes {
          try endTransaction()
          isOpen = false
        }
      }
      if !isOpen { try store.begin() }
      let meta = ByteBuffer.position(position)
      try store.setMeta(Self.appliedKey, meta.span)
      let time = ByteBuffer.position(database.clock.withLock { $0.last })
      try store.setMeta(Self.timeKey, time.span)
      try endTransaction()
      return .finished(position)
    } catch {
      markAgain()
      try store.rollback()
      if error == .outOfSpace { return .outOfSpace }
      throw error
    }
  }

  /// Seals what is written from now on with the newest key of this keyring.
  mutating func use(_ keyring: Keyring) { self.keyring = keyring }

  /// Writes anew, with the newest key, blocks that older ones seal: from a shard on, as far as about
  /// `bytesMax` go.
  ///
  /// A shard that was divided since it was written is left to the next run, which writes it whole.
  ///
  /// - Returns: the shard to go on with, `Shard.count` at the end; nil where the disk is full.
  mutating func moveOldBlocks(
    from first: Int, bytesMax: Int
  ) throws(CheckpointStoreError) -> Int? {
    let database = database
    database.isCheckpointing.store(true, ordering: .sequentiallyConsistent)
    defer { database.isCheckpointing.store(false, ordering: .sequentiallyConsistent) }
    var sealer = CheckpointSealer(keyring: keyring)
    var shard = first
    var bytesLeft = bytesMax
    do throws(CheckpointStoreError) {
      try store.begin()
      while shard < Shard.count, bytesLeft > 0 {
        let isWhole = try takeOldBlocks(of: shard, &bytesLeft)
        try writeDirty(&sealer)
        try writeClock()
        if isWhole { shard += 1 }
      }
      try endTransaction()
      return shard
    } catch {
      markAgain()
      try store.rollback()
      if error == .outOfSpace { return nil }
      throw error
    }
  }

  /// Takes the blocks of a shard that an older key seals, as far as the bytes go, and all that are
  /// dirty: a row is never newer than the clock of its shard.
  ///
  /// - Returns: whether these are all.
  private mutating func takeOldBlocks(
    of shard: Int, _ bytesLeft: inout Int
  ) throws(CheckpointStoreError) -> Bool {
    takeDirty(of: shard)
    let (bits, current) = (UInt8(dirtyBits), keyring.currentKeyID)
    var isWhole = true
    var old: [UInt32] = []
    try store.forEachHead(
      CheckpointBlock.ids(ofShard: shard), bytes: CheckpointBlock.keyedBytes
    ) { id, byteCount, head in
      guard let keyID = CheckpointBlock.keyID(ofHead: head), keyID != current,
        CheckpointBlock.blockBits(ofHead: head) == bits
      else { return true }
      guard bytesLeft > 0 else {
        isWhole = false
        return false
      }
      bytesLeft -= byteCount
      old.append(CheckpointBlock.block(ofID: id))
      return true
    }
    // Both ascend.
    old.removeAll { block in dirty.contains(block) }
    dirty.append(contentsOf: old)
    return isWhole
  }

  /// Counts which keys seal the blocks of the file.
  func countBlocks(into use: inout KeyUse) throws(CheckpointStoreError) {
    var counted = use
    try store.forEachHead(CheckpointBlock.allIDs, bytes: CheckpointBlock.keyedBytes) {
      counted.countBlock($2)
      return true
    }
    use = counted
  }

  /// Closes the file so that nothing but itself stays on the disk.
  consuming func close() throws(CheckpointStoreError) { try store.close() }

  /// Nothing of the open transaction reached the file.
  private mutating func markAgain() {
    for (shard, block) in pending {
      database.shards.withLock(shard) { $0.shard.markDirty(block) }
    }
    for block in dirty {
      database.shards.withLock(dirtyShard) { $0.shard.markDirty(block) }
    }
    pending.removeAll(keepingCapacity: true)
    pendingClocks.removeAll(keepingCapacity: true)
    pendingBytes = 0
    dirty.removeAll(keepingCapacity: true)
  }

  private mutating func endTransaction() throws(CheckpointStoreError) {
    try store.commit()
    for (shard, clock) in pendingClocks { storedClocks[shard] = clock }
    pendingClocks.removeAll(keepingCapacity: true)
    pending.removeAll(keepingCapacity: true)
    pendingBytes = 0
    dirty.removeAll(keepingCapacity: true)
  }

  /// Takes the numbers of the shard's dirty blocks, how many bits they are meant by, and what the
  /// shard has seen by now: all of that is in these blocks or in those that are in the file.
  mutating func takeDirty(of shard: Int) {
    dirty.removeAll(keepingCapacity: true)
    dirtyShard = shard
    (dirtyBits, dirtyClock) = database.shards.withLock(shard) { cell in
      cell.shard.takeDirtyBlocks(into: &dirty)
      return (cell.shard.blockBits, cell.shard.clock)
    }
  }

  /// Writes what the shard had seen, in the transaction that has its blocks: no write counts as seen
  /// that the file has not, and none that it has may come back from the log.
  private mutating func writeClock() throws(CheckpointStoreError) {
    guard dirtyClock != storedClocks[dirtyShard] else { return }
    var bytes = ByteBuffer()
    dirtyClock.encode(into: &bytes)
    try store.setMeta(Self.clockKey(ofShard: dirtyShard), bytes.span)
    pendingClocks.append((dirtyShard, dirtyClock))
    pendingBytes += bytes.count
  }

  /// Writes the blocks that were taken, all in one transaction.
  ///
  /// Where the shard is divided anew meanwhile, every block is to be written again, in this
  /// transaction, so that no row of the old division survives it.
  mutating func writeDirty(_ sealer: inout CheckpointSealer) throws(CheckpointStoreError) {
    var entries = ByteBuffer(capacity: 2 * Shard.blockBytesMax)
    var row = ByteBuffer(capacity: 2 * Shard.blockBytesMax)
    var index = 0
    while index < dirty.count {
      let block = dirty[index]
      entries.clear()
      let (bits, count) = database.appendBlock(block, of: dirtyShard, to: &entries)
      guard bits == dirtyBits else {
        takeDirty(of: dirtyShard)
        index = 0
        continue
      }
      index += 1
      let id = CheckpointBlock.id(shard: dirtyShard, block: block)
      if count == 0 {
        try store.deleteBlock(id)
      } else {
        row.clear()
        sealer.seal(entries.span, id: id, blockBits: UInt8(bits), into: &row)
        try store.replaceBlock(id, row.span)
        pendingBytes += row.count
      }
      pending.append((dirtyShard, block))
    }
    dirty.removeAll(keepingCapacity: true)
  }
}

extension ByteBuffer {
  /// A log position as storage.db keeps it.
  static func position(_ position: UInt64) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.appendUInt64(position)
    return bytes
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

  /// Appends a record as a log entry.
  func append(_ record: RecordView, to entries: inout ByteBuffer) {
    append(record, from: origins[record.origin], to: &entries)
  }

  /// Appends a record, of which the origin is known already.
  func append(_ record: RecordView, from origin: Origin, to entries: inout ByteBuffer) {
    let (tables, owners) = (tables, owners)
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
