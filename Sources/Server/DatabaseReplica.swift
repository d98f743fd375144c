// The server's database, as the protocol sees it.

import Bytes
import Cluster
import Durability
import Platform
import Store

/// Reads and changes the database for `Cluster.Node`, on the cluster loop's thread.
struct DatabaseReplica: Replica {
  private let database: Database
  private var writer: PeerWriter

  init(database: Database) {
    self.database = database
    writer = PeerWriter(database: database)
  }

  var committed: UInt64 { database.log.committed }
  var appended: UInt64 { database.log.appended }

  mutating func hybridTime() -> UInt64 {
    let time = database.issueTime()
    var entry = ByteBuffer()
    LogEntry.appendClockCeiling(time, into: &entry)
    guard (try? database.log.append(entry: entry.span)) != nil else { return 0 }
    database.log.kick()
    return time
  }

  func clock(ofShard shard: Int) -> ShardClock {
    database.shards.withLock(shard) { $0.shard.clock }
  }

  mutating func apply(
    _ entries: Span<UInt8>, count: Int, evenSeen: Bool
  ) -> AppliedEntries? {
    var superseded: [UInt32] = []
    var reader = LogEntryReader(entries)
    for index in 0..<count {
      let start = reader.offset
      guard let entry = reader.next(), entry.kind == .put || entry.kind == .tombstone else {
        return nil
      }
      let bytes = entries.extracting(start..<reader.offset)
      switch writer.apply(entry, bytes, evenSeen: evenSeen) {
      case .won: break
      case .lost: superseded.append(UInt32(index))
      case .refused: return nil
      }
    }
    guard reader.isAtEnd else { return nil }
    database.log.kick()
    database.wakeWatchers()
    return AppliedEntries(position: database.log.appended, superseded: superseded)
  }

  mutating func merge(_ clock: ShardClock, intoShard shard: Int) -> UInt64? {
    var entry = ByteBuffer()
    LogEntry.appendClock(clock, ofShard: shard, into: &entry)
    let log = database.log
    let position = database.shards.withLock(shard) { cell -> UInt64? in
      guard let position = try? log.append(entry: entry.span) else { return nil }
      cell.shard.clock.merge(clock)
      return position
    }
    log.kick()
    return position
  }

  func scan(
    shard: Int, missingFrom clock: ShardClock, from place: UInt64, bytesMax: Int,
    into entries: inout ByteBuffer
  ) -> (count: Int, next: UInt64?) {
    let (tables, owners, origins) = (database.tables, database.owners, database.origins)
    var count = 0
    var next: UInt64?
    let start = entries.count
    var last: UInt64?
    database.shards.withLock(shard) { cell in
      cell.shard.scan(fromPlace: place) { place, record in
        if place != last, entries.count - start >= bytesMax {
          next = place
          return false
        }
        last = place
        let origin = origins[record.origin]
        let dot = Dot(node: origin.node, boot: origin.boot, sequence: record.sequence)
        guard !clock.contains(dot) else { return true }
        count += 1
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
        return true
      }
    }
    return (count, next)
  }

  func contentDigest(ofShard shard: Int) -> UInt64 { 0 }

  func tombstoneCount(ofShard shard: Int) -> Int {
    database.shards.withLock(shard) { $0.shard.tombstoneCount }
  }

  mutating func collectTombstones(
    ofShard shard: Int, before hybridTime: UInt64, seenBy clocks: [ShardClock]
  ) -> Int {
    0
  }
}

/// Takes peers' entries into the database. Names repeat from entry to entry.
struct PeerWriter {
  enum Outcome { case won, lost, refused }

  let database: Database

  func apply(_ entry: LogEntryView, _ bytes: Span<UInt8>, evenSeen: Bool) -> Outcome {
    guard let table = database.tables.intern(entry.tableName),
      let owner = database.owners.intern(entry.ownerName)
    else { return .refused }
    let origin = database.origins.intern(Origin(node: entry.node, boot: entry.boot))
    let place = database.place(table, name: entry.tableName, key: entry.key)
    let record = Record(
      table: table, key: entry.key, value: entry.kind == .tombstone ? nil : entry.value,
      version: entry.version, hybridTime: entry.hybridTime, sequence: entry.sequence,
      origin: origin, owner: OwnerID(rawValue: owner))
    return database.take(
      record, key: entry.key, stamp: entry.stamp, place, bytes, evenSeen: evenSeen)
  }
}

extension Database {
  func take(
    _ record: consuming Record, key: Span<UInt8>, stamp: Stamp, _ place: Place,
    _ bytes: Span<UInt8>, evenSeen: Bool
  ) -> PeerWriter.Outcome {
    var record = Optional(record)
    observe(stamp.hybridTime)
    return shards.withLock(place.shard) { cell in
      guard let record = record.take() else { preconditionFailure("a lock runs its body once") }
      if !evenSeen, cell.shard.clock.contains(stamp.dot) { return .won }
      guard let lsn = try? log.append(entry: bytes) else { return .refused }
      var wins = true
      if let stored = cell.shard.record(table: place.table, key: key, hash: place.hash) {
        let origin = origins[stored.origin]
        let other = Stamp(
          hybridTime: stored.hybridTime, node: origin.node, boot: origin.boot,
          sequence: stored.sequence)
        wins = other < stamp
      }
      if wins, !cell.watchers.isEmpty { announce(record, stamp, place, lsn, to: cell.watchers) }
      let applied = cell.shard.apply(record, hash: place.hash, originOrder: origins.isBefore)
      cell.shard.lastLSN = lsn
      cell.shard.clock.add(stamp.dot)
      if applied.becameLive {
        tables.table(place.table).keys.withLock { _ = $0.insert(key) }
      } else if applied.ceasedLive {
        tables.table(place.table).keys.withLock { _ = $0.remove(key) }
      }
      return wins ? .won : .lost
    }
  }

  func issueTime() -> UInt64 {
    clock.withLock { $0.next(wallMilliseconds: SystemClock.wallMilliseconds()) }
  }

  func observe(_ time: UInt64) {
    _ = clock.withLock { $0.observe(time, wallMilliseconds: SystemClock.wallMilliseconds()) }
  }

  func wakeWatchers() { for gate in gates { gate.wakeIfWaiting() } }
}
