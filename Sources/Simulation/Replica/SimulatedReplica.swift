import Bytes
import Cluster
import Durability
import Store

/// The store of one simulated process: real shards, a real log on a simulated disk, and the rules
/// by which the server's database joins the two.
///
/// It has no thread: the host calls `begin` to write what has gathered and `finish` when the disk
/// has had its time.
final class SimulatedReplica {
  let own: Incarnated
  let mutant: Mutant
  var shards: [ReplicaShard]
  var origins = OriginTable()
  let ownOrigin: OriginID
  var log: LogWriter<SimulatedDisk>

  // MARK: Time

  var time = HybridClock(last: 0)
  /// The wall clock as the host last set it.
  var wallMilliseconds: UInt64 = 0
  /// A run of the checkpoint is under way: tombstones stay meanwhile.
  var isCheckpointing = false

  // MARK: The log's batch

  struct Batch: ~Copyable {
    var entries = ByteBuffer()
    /// Only those that clients of this node wrote.
    var own = ByteBuffer()
    var ownPositions: [UInt64] = []
    var count = 0
  }

  /// Waits to be written.
  var batch = Batch()
  /// Is written and waits for its sync.
  var written = Batch()
  var nextLSN: UInt64
  var durableLSN: UInt64
  /// Bytes of `written` that are in the log already: the disk filled up in the middle.
  var writtenOffset = 0
  /// Bytes that may be admitted beyond what has gathered.
  var budget = 0
  private(set) var isOutOfSpace = false
  private let disk: SimulatedDisk
  /// What is admitted beyond what the log has reserved, while the disk has plenty of room: a batch
  /// is held in memory while the disk makes room for it.
  static let spareBytesMax = 128 << 10

  // MARK: What the world watches

  /// Positions that are not durable yet and what becomes durable with them.
  enum Promise {
    case dot(Dot, shard: Int)
    case clock(ShardClock, shard: Int)
    case time(UInt64)
  }
  var promises: [(lsn: UInt64, promise: Promise)] = []
  /// Keys that changed, to be told of once their position is durable.
  var changes: [(lsn: UInt64, key: Int)] = []
  /// The position of the latest change of each key.
  var keyLSN = Array(repeating: UInt64(0), count: Keyspace.keys.count)
  /// Tombstones that were collected since the world last looked.
  var collected: [(key: Int, stamp: Stamp)] = []

  init(
    own: Incarnated, mutant: Mutant, recovered: RecoveredStore, disk: SimulatedDisk,
    log: consuming LogWriter<SimulatedDisk>
  ) {
    self.disk = disk
    self.own = own
    self.mutant = mutant
    shards = recovered.shards
    origins = recovered.origins
    ownOrigin = origins.intern(node: own.node.rawValue, boot: own.boot)
    time = HybridClock(last: mutant == .resetClockAtRestart ? 0 : recovered.hybridTime)
    nextLSN = log.lastLSN + 1
    durableLSN = log.durableLSN
    self.log = log
  }

  // MARK: Looking

  var acknowledgedLSN: UInt64 { durableLSN }

  func state(ofKey key: Int) -> RecordState? {
    shards[Keyspace.keys[key].shard].state(of: Keyspace.keys[key], origins)
  }

  func stamp(of record: borrowing RecordView) -> Stamp { origins.stamp(of: record) }

  /// Of all that the record of a key says; 0 where there is none.
  func digest(ofKey key: Int) -> UInt64 {
    let key = Keyspace.keys[key]
    return shards[key.shard].shard.withRecord(of: key) { record in
      if let record { digest(of: record) } else { 0 }
    }
  }

  /// Appends the record of a key where it is live.
  func appendLive(ofKey key: Int, to entries: inout ByteBuffer) {
    let key = Keyspace.keys[key]
    shards[key.shard].shard.withRecord(of: key) { record in
      if let record, !record.isTombstone { append(record, to: &entries) }
    }
  }

  /// All that a record says, as bytes that are the same on every node.
  func append(_ record: borrowing RecordView, to entries: inout ByteBuffer) {
    let origin = origins[record.origin]
    let table = Keyspace.table
    let owner = Keyspace.owners[Int(record.owner.rawValue)]
    if record.isTombstone {
      LogEntry.appendTombstone(
        table: table.span, key: record.key, owner: owner.span,
        node: origin.node.rawValue,
        boot: origin.boot, hybridTime: record.hybridTime, sequence: record.sequence,
        version: record.version, into: &entries)
    } else {
      LogEntry.appendPut(
        table: table.span, key: record.key, value: record.value, owner: owner.span,
        node: origin.node.rawValue, boot: origin.boot, hybridTime: record.hybridTime,
        sequence: record.sequence, version: record.version, into: &entries)
    }
  }

  func digest(of record: borrowing RecordView) -> UInt64 {
    var entries = ByteBuffer()
    append(record, to: &entries)
    return StableHash.bytes(entries.span, seed: 2)
  }

  // MARK: The door

  /// The order of origins where times tie.
  func isBefore(_ left: OriginID, _ right: OriginID) -> Bool {
    switch mutant {
    case .keepLocalOnTies: true
    case .orderWithoutBoot: origins[left].node < origins[right].node
    default: origins.isBefore(left, right)
    }
  }
}

// MARK: The log

extension SimulatedReplica {
  /// Bytes that wait for the log.
  var queuedBytes: Int { batch.entries.count + written.entries.count }

  /// Writes what has gathered; it is durable after `finish`. False where there is nothing to sync.
  ///
  /// Where the disk fills up in the middle, the rest stays in `written`: it was admitted, is not
  /// told of, and is tried again.
  func begin() throws(LogError) -> Bool {
    var preparation = try log.prepareStep()
    while case .working = preparation { preparation = try log.prepareStep() }
    isOutOfSpace = preparation == .outOfSpace
    if written.count == 0 {
      swap(&batch, &written)
      writtenOffset = 0
    }
    defer { renewBudget() }
    guard written.count > 0 else { return false }
    let first = log.lastLSN + 1
    let last = nextLSN - 1 - UInt64(batch.count)
    guard last >= first else { return false }
    do throws(LogError) {
      let entries = written.entries.span
      try log.commit(
        entries.extracting(writtenOffset..<entries.count), firstLSN: first,
        count: Int(last - first) + 1)
    } catch {
      guard error == .outOfSpace else { throw error }
      isOutOfSpace = true
      writtenOffset += LogEntry.byteCount(
        ofFirst: Int(log.lastLSN + 1 - first), from: writtenOffset, of: written.entries.span)
    }
    return log.lastLSN > durableLSN
  }

  /// Makes what was written durable.
  func finish() throws(LogError) {
    if mutant != .neverSync { try log.sync() }
    durableLSN = log.lastLSN
  }

  /// The entries of clients that `finish` made durable, once their whole batch is.
  func takeOwn() -> (entries: [UInt8], positions: [UInt64]) {
    guard written.count > 0, durableLSN + UInt64(batch.count) == nextLSN - 1 else {
      return ([], [])
    }
    let taken = (written.own.copied(), written.ownPositions)
    written.entries.clear()
    written.own.clear()
    written.ownPositions.removeAll(keepingCapacity: true)
    written.count = 0
    return taken
  }

  /// Marks the last frame as durable, by an empty one behind it.
  func certify() throws(LogError) {
    let none = ByteBuffer()
    try log.commit(none.span, firstLSN: log.lastLSN + 1, count: 0)
    try log.sync()
  }

  /// Notes that a key has another record, to be told of once `lsn` is durable.
  func noteChange(of key: Int, at lsn: UInt64) {
    keyLSN[key] = lsn
    changes.append((lsn, key))
  }

  func renewBudget() {
    let overhead = LogWriter<SimulatedDisk>.frameOverhead
    let free = (try? disk.freeBytes().free) ?? 0
    let spare = isOutOfSpace || free < UInt64(4 * Self.spareBytesMax) ? 0 : Self.spareBytesMax
    let count = batch.count + written.count
    budget = log.bytesAvailable + spare - queuedBytes - count * overhead
  }
}
