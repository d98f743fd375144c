// Peers' writes on their way into the database.

import Bytes
import Cluster
import Durability
import Platform
import Store

/// Takes peers' entries in batches: all of them are read and named first, then those of one shard
/// that follow each other are applied under one hold of its lock, as a pull brings them.
struct PeerWriter {
  /// An entry that was read: where it lies, and the numbers of its names.
  private struct Prepared {
    let start: Int
    let end: Int
    let hash: UInt64
    let table: TableID
    let owner: OwnerID
    let origin: OriginID
    let dot: Dot
  }

  private let database: Database
  private var prepared: [Prepared] = []
  // Names repeat from entry to entry.
  private var tableName: [UInt8] = []
  private var table = TableID(rawValue: 0)
  private var ownerName: [UInt8] = []
  private var owner = OwnerID(rawValue: 0)
  private var origin: Origin
  private var originID: OriginID
  /// Of the last call of `apply`: entries that the own clock did not follow.
  private(set) var ahead = AheadEntries()

  /// Entries applied under one hold of a lock.
  private static let groupMax = 32

  init(database: Database) {
    self.database = database
    origin = database.origins.own
    originID = database.origins.ownID
  }

  /// Applies entries and appends them to the log as they came, those too that lose.
  ///
  /// - Returns: the numbers of those that lost against another node's record. Nil where they are no
  ///   entries of writes, and then nothing was applied, or where the log has no room for them all.
  mutating func apply(_ entries: Span<UInt8>, count: Int, evenSeen: Bool) -> [UInt32]? {
    guard prepare(entries, count: count) else { return nil }
    var superseded: [UInt32] = []
    var first = 0
    while first < prepared.count {
      let shard = Shard.index(of: prepared[first].hash)
      var end = first + 1
      while end < prepared.count, end - first < Self.groupMax,
        Shard.index(of: prepared[end].hash) == shard
      {
        end += 1
      }
      guard apply(entries, first..<end, shard: shard, evenSeen: evenSeen, &superseded) else {
        return nil
      }
      first = end
    }
    return superseded
  }

  // MARK: Reading

  private mutating func prepare(_ entries: Span<UInt8>, count: Int) -> Bool {
    prepared.removeAll(keepingCapacity: true)
    ahead = AheadEntries()
    var reader = LogEntryReader(entries)
    var latest: UInt64 = 0
    let wall = SystemClock.wallMilliseconds()
    for _ in 0..<count {
      let start = reader.offset
      // The limits are those of what can be stored, not of what clients may send here: a peer may
      // be configured otherwise, and to refuse would keep the nodes apart for ever.
      guard let entry = reader.next(), entry.kind == .put || entry.kind == .tombstone,
        entry.sequence > 0, entry.key.count <= Record.keyBytesMax,
        entry.value.count <= Record.valueBytesMax, entry.version <= Record.versionMax,
        name(entry)
      else { return false }
      let hash = StableHash.record(table: entry.tableName, key: entry.key, seed: database.seed)
      prepared.append(
        Prepared(
          start: start, end: reader.offset, hash: hash, table: table, owner: owner,
          origin: originID, dot: entry.stamp.dot))
      if HybridClock.isAhead(entry.hybridTime, of: wall) {
        ahead.add(from: entry.node)
      } else {
        latest = max(latest, entry.hybridTime)
      }
    }
    guard reader.isAtEnd else { return false }
    if latest > 0 { database.clock.withLock { _ = $0.observe(latest, wallMilliseconds: wall) } }
    return true
  }

  /// Finds the numbers of the entry's names. False where there is no room for more names.
  private mutating func name(_ entry: LogEntryView) -> Bool {
    if tableName.isEmpty || !tableName.span.equals(entry.tableName) {
      guard let id = database.tables.intern(entry.tableName) else { return false }
      table = id
      tableName = [UInt8](copying: entry.tableName)
    }
    if ownerName.isEmpty || !ownerName.span.equals(entry.ownerName) {
      guard let id = database.owners.intern(entry.ownerName) else { return false }
      owner = OwnerID(rawValue: id)
      ownerName = [UInt8](copying: entry.ownerName)
    }
    let entryOrigin = Origin(node: entry.node, boot: entry.boot)
    if entryOrigin != origin {
      origin = entryOrigin
      originID = database.origins.intern(entryOrigin)
    }
    return true
  }

  // MARK: Applying

  private func apply(
    _ entries: Span<UInt8>, _ group: Range<Int>, shard: Int, evenSeen: Bool,
    _ superseded: inout [UInt32]
  ) -> Bool {
    let (database, prepared) = (database, prepared)
    return database.shards.withLock(shard) { cell in
      // Of a large shard's clock a pull makes many runs: they are inserted together.
      var dots: [Dot] = []
      if group.count > 1 { dots.reserveCapacity(group.count) }
      defer {
        if dots.count == 1 { cell.shard.clock.add(dots[0]) }
        if dots.count > 1 { cell.shard.clock.merge(ShardClock(dots: dots)) }
      }
      for number in group {
        let write = prepared[number]
        let bytes = entries.extracting(write.start..<write.end)
        guard let entry = LogEntryView(body: bytes.extracting(4..<bytes.count)) else {
          preconditionFailure("an entry that was read a moment ago")
        }
        let isSeen = cell.shard.clock.contains(write.dot)
        if !isSeen || evenSeen {
          guard let position = try? database.log.append(entry: bytes) else { return false }
          database.take(
            entry, hash: write.hash, table: write.table, owner: write.owner,
            origin: write.origin, position: position, into: &cell)
          dots.append(write.dot)
        }
        let place = Place(table: write.table, hash: write.hash)
        if database.hasLost(entry, place, in: cell.shard) { superseded.append(UInt32(number)) }
      }
      return true
    }
  }
}

extension Database {
  /// The way of a peer's write once it is in the log: memory, events, listing. Under the shard's lock.
  fileprivate func take(
    _ entry: LogEntryView, hash: UInt64, table: TableID, owner: OwnerID, origin: OriginID,
    position: UInt64, into cell: inout ShardCell
  ) {
    let record = Record(
      table: table, key: entry.key, value: entry.kind == .tombstone ? nil : entry.value,
      version: entry.version, hybridTime: entry.hybridTime, sequence: entry.sequence,
      origin: origin, owner: owner)
    let (owners, place) = (owners, Place(table: table, hash: hash))
    let applied = cell.shard.apply(record, hash: hash, originOrder: origins.isBefore) {
      owners.bytes(of: $0.rawValue).precedes(owners.bytes(of: $1.rawValue))
    }
    guard applied.changed else { return }
    cell.shard.lastLSN = position
    if !cell.watchers.isEmpty,
      let stored = cell.shard.record(table: table, key: entry.key, hash: hash)
    {
      announce(stored, entry.stamp, place, position, to: cell.watchers)
    }
    if applied.becameLive {
      tables.table(table).keys.withLock { _ = $0.insert(entry.key) }
    } else if applied.ceasedLive {
      tables.table(table).keys.withLock { _ = $0.remove(entry.key) }
    }
  }

  /// Whether another node's record of the key is here and wins against the entry.
  fileprivate func hasLost(
    _ entry: LogEntryView, _ place: Place, in shard: borrowing Shard
  ) -> Bool {
    guard let stored = shard.record(table: place.table, key: entry.key, hash: place.hash),
      stored.hybridTime >= entry.hybridTime
    else { return false }
    let origin = origins[stored.origin]
    guard origin.node != entry.node else { return false }
    return stored.hybridTime > entry.hybridTime || origin.node > entry.node
  }

  /// A commit may have overtaken an event on its way into the gate: then nobody would wake the loop.
  func wakeWatchers() { for gate in gates { gate.wakeIfWaiting() } }
}

extension Span where Element == UInt8 {
  /// Whether these bytes come before the others in byte order.
  fileprivate func precedes(_ other: Span<UInt8>) -> Bool {
    for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
      return self[index] < other[index]
    }
    return count < other.count
  }
}
