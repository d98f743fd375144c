import Bytes
import Cluster
import Durability
import Store

/// What a process finds on its disk: the checkpoint, and the log behind it.
struct RecoveredStore {
  var shards: [ReplicaShard] = []
  var origins = OriginTable()
  /// No time up to it may be given out again.
  var hybridTime: UInt64 = 0
  var report = RecoveryReport()

  static let appliedKey = "applied_lsn"
  static func clockKey(_ shard: Int) -> String { "clock \(shard)" }
  private let mutant: Mutant

  enum Failure: Error {
    /// The disk stopped; the process ends and starts again later.
    case disk
    /// Recovery refuses what a crash left.
    case refused(String)
  }

  init(
    disk: SimulatedDisk, mutant: Mutant, checkpoint: inout SimulatedCheckpoint, keyring: Keyring,
    salts: @escaping RandomSource
  ) throws(Failure) {
    self.mutant = mutant
    for _ in 0..<Keyspace.shardCount { shards.append(ReplicaShard()) }
    do {
      let applied = try load(&checkpoint, keyring)
      var found = self
      report = try Recovery.replay(disk, keyring: keyring, after: applied, random: salts) { entry in
        found.restore(entry, fromLog: true)
      }
      shards = found.shards
      origins = found.origins
      hybridTime = found.hybridTime
      hybridTime = max(hybridTime, report.hybridTimeMax, report.clockCeiling)
    } catch RecoveryError.disk {
      throw .disk
    } catch { throw .refused("\(error)") }
  }

  private mutating func load(
    _ checkpoint: inout SimulatedCheckpoint, _ keyring: Keyring
  ) throws -> UInt64 {
    var opener = CheckpointOpener(keyring: keyring)
    var rows: [(Int64, [UInt8])] = []
    try checkpoint.forEachBlock { id, block in
      rows.append((id, [UInt8](copying: block)))
      return true
    }
    for (id, row) in rows {
      var entries = ByteBuffer()
      let bits = try opener.open(row.span, id: id, into: &entries)
      shards[CheckpointBlock.shard(ofID: id)].shard.restoreBlockBits(Int(bits))
      var reader = LogEntryReader(entries.span)
      while let entry = reader.next() { restore(entry, fromLog: false) }
    }
    for index in shards.indices {
      guard let bytes = try checkpoint.meta(Self.clockKey(index)) else { continue }
      var reader = ByteReader(bytes.span)
      guard let clock = ShardClock(reading: &reader) else {
        preconditionFailure("the clocks of a checkpoint are what was encoded")
      }
      shards[index].shard.clock.merge(clock)
      shards[index].checkpointed = clock
    }
    guard let applied = try checkpoint.meta(Self.appliedKey) else { return 0 }
    var reader = ByteReader(applied.span)
    defer { hybridTime = max(hybridTime, reader.readUInt64() ?? 0) }
    return reader.readUInt64() ?? 0
  }

  private mutating func restoreClock(_ entry: LogEntryView) {
    guard let (shard, clock) = entry.shardClock else {
      preconditionFailure("the log holds whole clocks")
    }
    shards[shard].shard.clock.merge(clock)
  }

  private mutating func restore(_ entry: LogEntryView, fromLog: Bool) {
    switch entry.kind {
    case .clockCeiling:
      hybridTime = max(hybridTime, entry.hybridTime)
    case .clock:
      restoreClock(entry)
    case .put, .tombstone:
      hybridTime = max(hybridTime, entry.hybridTime)
      guard let number = Keyspace.index(of: entry.key),
        let owner = Keyspace.owners.firstIndex(where: { Keyspace.equal($0, entry.ownerName) })
      else { preconditionFailure("the log holds what this world wrote") }
      let key = Keyspace.keys[number]
      let record = Record(
        table: Keyspace.tableID, key: entry.key, value: entry.kind == .put ? entry.value : nil,
        version: entry.version, hybridTime: entry.hybridTime, sequence: entry.sequence,
        origin: origins.intern(node: entry.node, boot: entry.boot),
        owner: OwnerID(rawValue: UInt32(owner)))
      let cell = shards[key.shard]
      if fromLog, mutant != .replaySeen, cell.checkpointed.contains(entry.stamp.dot) { return }
      let origins = origins
      if fromLog {
        _ = cell.shard.apply(record, hash: key.hash, originOrder: origins.isBefore)
      } else {
        _ = cell.shard.load(record, hash: key.hash, originOrder: origins.isBefore)
      }
      cell.shard.clock.add(entry.stamp.dot)
    }
  }
}

extension RecoveredStore {
  func state(ofKey key: Int) -> RecordState? {
    shards[Keyspace.keys[key].shard].state(of: Keyspace.keys[key], origins)
  }
}
