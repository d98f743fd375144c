// The database of this node, as the protocol between nodes sees it.

import Bytes
import Cluster
import Durability
import Platform
import Store
import Synchronization

/// Reads and changes the database for `Cluster.Node`. Used by the cluster loop alone, while the data
/// loops go on with theirs: everything happens under the lock of its shard.
struct DatabaseReplica: Replica {
  private let database: Database
  private var writer: PeerWriter
  /// The last time whose promise is in the log.
  private var promisedTime: UInt64 = 0

  /// Records of a shard that are looked at under one hold of its lock: some tens of microseconds, in
  /// which a client's write to the shard waits.
  private static let scanRecordsMax = 512

  init(database: Database) {
    self.database = database
    writer = PeerWriter(database: database)
  }

  /// Whether no other node belongs to the cluster: then deletes are forgotten by their age.
  var isAlone: Bool {
    get { database.isAlone.load(ordering: .relaxed) }
    nonmutating set { database.isAlone.store(newValue, ordering: .relaxed) }
  }

  var committed: UInt64 { database.log.committed }
  var appended: UInt64 { database.log.appended }

  mutating func hybridTime() -> UInt64 {
    // A write is given its time under its shard's lock, and is in the shard's clock before that lock
    // is free again: whoever asks for the clock after this sees every write with an earlier time.
    let hybridTime = database.clock.withLock {
      $0.next(wallMilliseconds: SystemClock.wallMilliseconds())
    }
    return promise(hybridTime) ? hybridTime : promisedTime
  }

  mutating func exceed(_ hybridTime: UInt64) -> Bool {
    if hybridTime <= promisedTime { return true }
    guard promise(hybridTime) else { return false }
    database.raiseClock(to: hybridTime)
    return true
  }

  /// Puts the promise into the log that later writes exceed a time.
  private mutating func promise(_ hybridTime: UInt64) -> Bool {
    var entry = ByteBuffer(capacity: 16)
    LogEntry.appendClockCeiling(hybridTime, into: &entry)
    guard append(entry) != nil else { return false }
    promisedTime = hybridTime
    return true
  }

  func clock(ofShard shard: Int) -> ShardClock {
    database.shards.withLock(shard) { $0.shard.clock }
  }

  mutating func apply(
    _ entries: Span<UInt8>, count: Int, evenSeen: Bool
  ) -> AppliedEntries? {
    guard let superseded = writer.apply(entries, count: count, evenSeen: evenSeen) else {
      database.log.kick()
      return nil
    }
    database.log.kick()
    database.wakeWatchers()
    return AppliedEntries(
      position: database.log.appended, superseded: superseded, ahead: writer.ahead)
  }

  mutating func merge(_ clock: ShardClock, intoShard shard: Int) -> UInt64? {
    var entry = ByteBuffer(capacity: LogEntry.byteBound(of: clock))
    LogEntry.appendClock(clock, ofShard: shard, into: &entry)
    // Under the lock: a checkpoint that has the clock has its position too.
    let log = database.log
    let position = database.shards.withLock(shard) { cell -> UInt64? in
      if cell.shard.clock.covers(clock) { return log.appended }
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
    let (database, start) = (database, entries.count)
    var (count, next) = (0, Optional(place))
    while let from = next, entries.count - start < bytesMax || from == place {
      next = nil
      var (looked, last) = (0, from)
      database.shards.withLock(shard) { cell in
        cell.shard.scan(fromPlace: from) { place, record in
          let isFull = entries.count - start >= bytesMax || looked >= Self.scanRecordsMax
          if isFull && place != last {
            next = place
            return false
          }
          last = place
          looked += 1
          let origin = database.origins[record.origin]
          let dot = Dot(node: origin.node, boot: origin.boot, sequence: record.sequence)
          if clock.contains(dot) { return true }
          database.append(record, from: origin, to: &entries)
          count += 1
          return true
        }
      }
    }
    return (count, next)
  }

  func contentDigest(ofShard shard: Int) -> UInt64 {
    let database = database
    return database.shards.withLock(shard) { cell in
      var sum: UInt64 = 0
      cell.shard.forEachRecord { record in
        if record.isTombstone { return }
        let (tables, owners) = (database.tables, database.owners)
        let origin = database.origins[record.origin]
        let place = database.place(
          record.table, name: tables.name(of: record.table), key: record.key)
        let stamp = Stamp(
          hybridTime: record.hybridTime, node: origin.node, boot: origin.boot,
          sequence: record.sequence)
        sum &+= RecordDigest.of(
          hash: place.hash, stamp: stamp, version: record.version, value: record.value,
          owner: owners.bytes(of: record.owner.rawValue))
      }
      return sum
    }
  }

  func tombstoneCount(ofShard shard: Int) -> Int {
    database.shards.withLock(shard) { $0.shard.tombstoneCount }
  }

  func tombstoneCount(
    ofShard shard: Int, notBefore hybridTime: UInt64, orUnseenBy clock: ShardClock
  ) -> Int {
    let database = database
    return database.shards.withLock(shard) { cell in
      var count = 0
      cell.shard.forEachRecord { record in
        guard record.isTombstone else { return }
        let origin = database.origins[record.origin]
        let dot = Dot(node: origin.node, boot: origin.boot, sequence: record.sequence)
        if record.hybridTime >= hybridTime || !clock.contains(dot) { count += 1 }
      }
      return count
    }
  }

  mutating func collectTombstones(
    ofShard shard: Int, before hybridTime: UInt64, seenBy clocks: [ShardClock]
  ) -> Int {
    let database = database
    return database.shards.withLock(shard) { cell in
      // Asked under the lock: a checkpoint that begins now has every write of this shard so far.
      if database.isCheckpointing.load(ordering: .sequentiallyConsistent) { return 0 }
      return cell.shard.collectTombstones { record in
        guard record.hybridTime < hybridTime else { return false }
        let origin = database.origins[record.origin]
        let dot = Dot(node: origin.node, boot: origin.boot, sequence: record.sequence)
        return clocks.allSatisfy { $0.contains(dot) }
      }
    }
  }

  private func append(_ entry: borrowing ByteBuffer) -> UInt64? {
    defer { database.log.kick() }
    return try? database.log.append(entry: entry.span)
  }
}
