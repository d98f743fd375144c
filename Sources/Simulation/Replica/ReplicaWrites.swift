import Bytes
import Cluster
import Durability
import Store

// What clients of a node write.

extension SimulatedReplica {
  enum WriteResult {
    case written(LedgerWrite, lsn: UInt64)
    /// The record belongs to somebody else.
    case notOwner
    /// There is nothing to delete.
    case noRecord
    case diskFull
  }

  /// The way of `Database.write`: stamp, log, memory.
  func write(key number: Int, value: [UInt8]?, owner: Int) -> WriteResult {
    let key = Keyspace.keys[number]
    let cell = shards[key.shard]
    let stored = state(ofKey: number)
    let isLive = stored?.isDead == false
    if isLive, let stored, stored.owner.rawValue != UInt32(owner) { return .notOwner }
    if value == nil, !isLive { return .noRecord }
    guard admits(bytes: LogEntry.overheadMax + 64 + (value?.count ?? 0)) else { return .diskFull }

    let hybridTime = time.next(
      wallMilliseconds: wallMilliseconds, after: stored?.stamp.hybridTime ?? 0)
    let dot = Dot(
      node: own.node.rawValue, boot: own.boot, sequence: cell.shard.nextSequence)
    cell.shard.nextSequence += 1
    let record = Self.record(
      key, value: value, version: (stored?.version ?? 0) + 1, hybridTime: hybridTime,
      sequence: dot.sequence, origin: ownOrigin, owner: owner)
    let write = entered(record, key: number)
    let lsn = log(record)
    _ = cell.shard.apply(record, hash: key.hash, originOrder: isBefore)
    cell.shard.clock.add(dot)
    cell.shard.lastLSN = lsn
    noteChange(of: number, at: lsn)
    promises.append((lsn, .dot(dot, shard: key.shard)))
    return .written(write, lsn: lsn)
  }

  private static func record(
    _ key: Keyspace.Key, value: [UInt8]?, version: UInt64, hybridTime: UInt64, sequence: UInt64,
    origin: OriginID, owner: Int
  ) -> Record {
    guard let value else {
      return Record(
        table: Keyspace.tableID, key: key.name.span, value: nil, version: version,
        hybridTime: hybridTime, sequence: sequence, origin: origin,
        owner: OwnerID(rawValue: UInt32(owner)))
    }
    return Record(
      table: Keyspace.tableID, key: key.name.span, value: value.span, version: version,
      hybridTime: hybridTime, sequence: sequence, origin: origin,
      owner: OwnerID(rawValue: UInt32(owner)))
  }

  // MARK: The log

  func admits(bytes: Int) -> Bool {
    let cost = bytes + LogWriter<SimulatedDisk>.frameOverhead
    guard budget >= cost || mutant == .admitAnything else { return false }
    budget -= cost
    return true
  }

  private func entered(_ record: borrowing Record, key: Int) -> LedgerWrite {
    let view = record.view
    return LedgerWrite(
      key: key, stamp: stamp(of: view), isDead: view.isTombstone, digest: digest(of: view))
  }

  private func log(_ record: borrowing Record) -> UInt64 {
    let view = record.view
    append(view, to: &batch.entries)
    append(view, to: &batch.own)
    batch.ownPositions.append(nextLSN)
    return count()
  }

  func count() -> UInt64 {
    batch.count += 1
    defer { nextLSN += 1 }
    return nextLSN
  }
}
