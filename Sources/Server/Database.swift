// The database of this node: shards behind their locks, and the way of a write through them.

import Bytes
import Durability
import JSON
import Platform
import Store
import Synchronization

/// A shard and who watches it, under one lock.
struct ShardCell: ~Copyable {
  var shard = Shard()
  var watchers = Watchers()
}

/// Where a record lives: its table, and the hash of table and key.
struct Place {
  let table: TableID
  let hash: UInt64

  var shard: Int { Shard.index(of: hash) }
}

/// What an accepted write became.
struct WriteReceipt {
  let version: UInt64
  let milliseconds: UInt64
  let owner: OwnerID
  /// The answer is due when this position is committed.
  let lsn: UInt64
}

/// Who asks to write.
struct Writer {
  let owner: OwnerID
  /// The admin writes past ownership; the owner of an existing record stays.
  let isAdmin: Bool
}

/// Every table of the node. All its methods may be called from any loop.
///
/// A write is applied and appended to the log under its shard's lock, and told of when its log
/// position is committed; a read tells the position it must wait for too, so that nobody is shown
/// what a crash could undo (docs/decisions/002).
final class Database: Sendable {
  let shards = LockedArray<ShardCell>(count: Shard.count) { _ in ShardCell() }
  let tables = TableDirectory()
  let owners = NameTable()
  let origins: Origins
  let log: CommitLog
  let limits: Limits
  let clock = Locked(HybridClock(last: 0))
  let gates: [LoopGate]
  /// The cluster's number, which places its records.
  let seed: UInt64
  /// Whether no other node belongs to the cluster: deletes are then forgotten by their age.
  let isAlone = Atomic<Bool>(true)
  /// While a checkpoint is written no tombstone goes: the file may hold a shard as it was before a
  /// write came and lost, and the log brings that write back.
  let isCheckpointing = Atomic<Bool>(false)

  init(cluster: UInt64, origins: Origins, gates: [LoopGate], limits: Limits) {
    seed = cluster
    self.origins = origins
    self.gates = gates
    self.limits = limits
    log = CommitLog(gates: gates)
  }

  func place(_ table: TableID, name: Span<UInt8>, key: Span<UInt8>) -> Place {
    Place(table: table, hash: StableHash.record(table: name, key: key, seed: seed))
  }

  // MARK: Reading

  /// Shows a key's record, tombstones included, and the log position that the answer waits for.
  @inline(__always)
  func read<Result>(
    _ place: Place, key: Span<UInt8>, _ body: (RecordView?, _ lsn: UInt64) -> Result
  ) -> Result {
    shards.withLock(place.shard) { cell in
      body(cell.shard.record(table: place.table, key: key, hash: place.hash), cell.shard.lastLSN)
    }
  }

  /// Begins to bring the slot of a place into the cache; nothing waits for it.
  func prefetchSlot(_ hash: UInt64) {
    shards.withLock(Shard.index(of: hash)) { cell in
      unsafe Processor.prefetch(cell.shard.slotAddress(of: hash), lines: 1)
    }
  }

  /// As `prefetchSlot`, for the record that the slot of a place points to.
  func prefetchRecord(_ hash: UInt64) {
    shards.withLock(Shard.index(of: hash)) { cell in
      unsafe Processor.prefetch(cell.shard.recordAddress(of: hash), lines: 3)
    }
  }

  // MARK: Writing

  func put(
    _ place: Place, key: Span<UInt8>, value: Span<UInt8>, by writer: Writer
  ) throws(WriteRefusal) -> WriteReceipt {
    let receipt = try shards.withLock(place.shard) { cell throws(WriteRefusal) -> WriteReceipt in
      let stored = try stored(in: cell.shard, place, key, writer)
      return try write(&cell, place, key, value, over: stored, by: writer)
    }
    return wakeWatchers(receipt)
  }

  func delete(
    _ place: Place, key: Span<UInt8>, by writer: Writer
  ) throws(WriteRefusal) -> WriteReceipt {
    let receipt = try shards.withLock(place.shard) { cell throws(WriteRefusal) -> WriteReceipt in
      let stored = try stored(in: cell.shard, place, key, writer)
      guard stored.isLive else { throw .noRecord }
      return try write(&cell, place, key, nil, over: stored, by: writer)
    }
    return wakeWatchers(receipt)
  }

  /// Replaces or adds the members of `patch`, a valid object, in the value that is stored; what
  /// comes of it is appended to `merged`, which must be empty.
  func patch(
    _ place: Place, key: Span<UInt8>, patch: Span<UInt8>, into merged: inout ByteBuffer,
    by writer: Writer
  ) throws(WriteRefusal) -> WriteReceipt {
    let receipt = try shards.withLock(place.shard) { cell throws(WriteRefusal) -> WriteReceipt in
      let stored = try stored(in: cell.shard, place, key, writer)
      guard stored.isLive else { throw .noRecord }
      try merge(patch, place, key, in: cell.shard, into: &merged)
      guard merged.count <= limits.valueBytesMax else { throw .valueTooLong }
      return try write(&cell, place, key, merged.span, over: stored, by: writer)
    }
    return wakeWatchers(receipt)
  }

  /// Stores a user's password hash where the name is free; nil where it is taken.
  func createUser(
    _ place: Place, name: Span<UInt8>, value: Span<UInt8>, owner: OwnerID
  ) throws(WriteRefusal) -> WriteReceipt? {
    let writer = Writer(owner: owner, isAdmin: true)
    return try shards.withLock(place.shard) { cell throws(WriteRefusal) -> WriteReceipt? in
      let stored = try stored(in: cell.shard, place, name, writer)
      if stored.isLive { return nil }
      return try write(&cell, place, name, value, over: stored, by: writer)
    }
  }

  // MARK: Watching

  /// Counts a stream of `loop` from now on, and shows the state that it begins with: what comes
  /// later, with a position beyond the one shown, is announced, and nothing else.
  func watch(
    _ place: Place, key: Span<UInt8>, loop: Int,
    _ body: (RecordView?, _ lsn: UInt64) -> Void = { _, _ in }
  ) {
    shards.withLock(place.shard) { cell in
      cell.watchers.add(place.hash, place.table, key, loop: loop)
      body(
        cell.shard.record(table: place.table, key: key, hash: place.hash), cell.shard.lastLSN)
    }
  }

  func unwatch(_ place: Place, key: Span<UInt8>, loop: Int) {
    shards.withLock(place.shard) { $0.watchers.remove(place.hash, place.table, key, loop: loop) }
  }

  // MARK: Recovery

  /// Takes a record from disk; the record is as durable as it was.
  func restore(_ record: consuming Record, dot: Dot, hash: UInt64, fromLog: Bool) -> Applied {
    absorb(record.view.hybridTime)
    var record = Optional(record)
    return shards.withLock(Shard.index(of: hash)) { cell in
      guard let record = record.take() else { preconditionFailure("a lock runs its body once") }
      cell.shard.clock.add(dot)
      return fromLog
        ? cell.shard.apply(record, hash: hash, originOrder: origins.isBefore)
        : cell.shard.load(record, hash: hash, originOrder: origins.isBefore)
    }
  }

  /// No time up to this one, which this node gave out or promised, is given out again.
  func raiseClock(to hybridTime: UInt64) {
    clock.withLock { clock in
      if hybridTime > clock.last { clock = HybridClock(last: hybridTime) }
    }
  }

  /// Later writes have a greater time than a record that was found, unless that record's clock was
  /// broken: a restart must not take over a time which was refused when the record came.
  private func absorb(_ hybridTime: UInt64) {
    let wall = SystemClock.wallMilliseconds()
    clock.withLock { clock in
      let known = max(wall, clock.last >> HybridClock.counterBits)
      _ = clock.observe(hybridTime, wallMilliseconds: known)
    }
  }

  // MARK: Parts

  /// What a writer finds under a key.
  private struct Stored {
    var isLive = false
    var version: UInt64 = 0
    var hybridTime: UInt64 = 0
    var owner: OwnerID?
  }

  private func stored(
    in shard: borrowing Shard, _ place: Place, _ key: Span<UInt8>, _ writer: Writer
  ) throws(WriteRefusal) -> Stored {
    guard let record = shard.record(table: place.table, key: key, hash: place.hash) else {
      return Stored()
    }
    let isLive = !record.isTombstone
    if isLive, record.owner != writer.owner, !writer.isAdmin { throw .notOwner }
    return Stored(
      isLive: isLive, version: record.version, hybridTime: record.hybridTime,
      owner: isLive ? record.owner : nil)
  }

  private func merge(
    _ patch: Span<UInt8>, _ place: Place, _ key: Span<UInt8>, in shard: borrowing Shard,
    into merged: inout ByteBuffer
  ) throws(WriteRefusal) {
    guard let record = shard.record(table: place.table, key: key, hash: place.hash) else {
      throw .noRecord
    }
    guard record.value.count > 0, record.value[0] == 0x7b else { throw .notAnObject }
    do throws(JSONError) {
      try MergePatch.shallow(target: record.value, patch: patch, into: &merged)
    } catch {
      throw .notAnObject
    }
  }

  /// The way of every local write: stamp, log, events, memory, listing. Under the shard's lock.
  private func write(
    _ cell: inout ShardCell, _ place: Place, _ key: Span<UInt8>, _ value: Span<UInt8>?,
    over stored: Stored, by writer: Writer
  ) throws(WriteRefusal) -> WriteReceipt {
    let owner = stored.owner ?? writer.owner
    let hybridTime = clock.withLock {
      $0.next(wallMilliseconds: SystemClock.wallMilliseconds(), after: stored.hybridTime)
    }
    let stamp = Stamp(
      hybridTime: hybridTime, node: origins.own.node, boot: origins.own.boot,
      sequence: cell.shard.nextSequence)
    let record = Record(
      table: place.table, key: key, value: value, version: stored.version + 1,
      hybridTime: hybridTime, sequence: stamp.sequence, origin: origins.ownID, owner: owner)
    let lsn = try log(record, stamp)
    if !cell.watchers.isEmpty { announce(record, stamp, place, lsn, to: cell.watchers) }
    let applied = cell.shard.apply(record, hash: place.hash, originOrder: origins.isBefore)
    cell.shard.lastLSN = lsn
    cell.shard.nextSequence += 1
    cell.shard.clock.add(stamp.dot)
    if applied.becameLive {
      tables.table(place.table).keys.withLock { _ = $0.insert(key) }
    } else if applied.ceasedLive {
      tables.table(place.table).keys.withLock { _ = $0.remove(key) }
    }
    return WriteReceipt(
      version: stored.version + 1, milliseconds: stamp.milliseconds, owner: owner, lsn: lsn)
  }

  private func log(_ record: borrowing Record, _ stamp: Stamp) throws(WriteRefusal) -> UInt64 {
    let (tables, owners) = (tables, owners)
    let view = record.view
    return try log.append(
      table: tables.name(of: view.table), owner: owners.bytes(of: view.owner.rawValue),
      stamp: stamp, record: view)
  }

  func announce(
    _ write: borrowing Record, _ stamp: Stamp, _ place: Place, _ lsn: UInt64,
    to watchers: borrowing Watchers
  ) {
    announce(write.view, stamp, place, lsn, to: watchers)
  }

  /// Tells the streams that watch the record's key of it, when its position is committed.
  func announce(
    _ record: RecordView, _ stamp: Stamp, _ place: Place, _ lsn: UInt64,
    to watchers: borrowing Watchers
  ) {
    var frame: EventFrame?
    let key = record.key
    let owners = owners
    let owner = owners.bytes(of: record.owner.rawValue)
    watchers.forEachLoop(place.hash, place.table, key) { loop in
      let made =
        frame
        ?? EventFrame(
          bytes: EventFrame.render(record, stamp: stamp, owner: owner), lsn: lsn, hash: place.hash,
          table: place.table, key: [UInt8](copying: key), owner: record.owner)
      frame = made
      gates[loop].post(made)
    }
  }

  /// A commit may have overtaken an event on its way into the gate: nobody would wake the loop.
  private func wakeWatchers(_ receipt: WriteReceipt) -> WriteReceipt {
    if log.committed >= receipt.lsn { for gate in gates { gate.wakeIfWaiting() } }
    return receipt
  }
}
