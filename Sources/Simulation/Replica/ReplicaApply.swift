import Bytes
import Cluster
import Durability
import Store

// What the protocol asks of a simulated store.

extension SimulatedReplica: Replica {
  var committed: UInt64 { acknowledgedLSN }
  var appended: UInt64 { nextLSN - 1 }

  func hybridTime() -> UInt64 {
    let now = time.next(wallMilliseconds: wallMilliseconds)
    promise(now)
    return now
  }

  func exceed(_ hybridTime: UInt64) -> Bool {
    if hybridTime > time.last { time = HybridClock(last: hybridTime) }
    promise(hybridTime)
    return true
  }

  private func promise(_ hybridTime: UInt64) {
    LogEntry.appendClockCeiling(hybridTime, into: &batch.entries)
    promises.append((count(), .time(hybridTime)))
  }

  /// No key of a world lies in the other shards: nothing is kept for them, and nothing asked.
  private func isKept(_ shard: Int) -> Bool { shard < Keyspace.shardCount }

  func clock(ofShard shard: Int) -> ShardClock {
    isKept(shard) ? shards[shard].shard.clock : ShardClock()
  }

  func apply(_ entries: Span<UInt8>, count: Int, evenSeen: Bool) -> AppliedEntries? {
    let bytes = entries.count + count * LogWriter<SimulatedDisk>.frameOverhead
    guard admits(bytes: bytes) else { return nil }
    var reader = LogEntryReader(entries)
    var superseded: [UInt32] = []
    var ahead = AheadEntries()
    var number: UInt32 = 0
    while let entry = reader.next() {
      guard entry.kind == .put || entry.kind == .tombstone else { return nil }
      guard let lost = apply(entry, evenSeen) else { return nil }
      if lost { superseded.append(number) }
      if HybridClock.isAhead(entry.hybridTime, of: wallMilliseconds) { ahead.add(from: entry.node) }
      number += 1
    }
    guard reader.isAtEnd, Int(number) == count else { return nil }
    return AppliedEntries(position: nextLSN - 1, superseded: superseded, ahead: ahead)
  }

  /// - Returns: whether the entry lost against a different record; nil where it is of no use.
  private func apply(_ entry: LogEntryView, _ evenSeen: Bool) -> Bool? {
    guard let number = Keyspace.index(of: entry.key), entry.sequence > 0,
      let owner = Keyspace.owners.firstIndex(where: { Keyspace.equal($0, entry.ownerName) })
    else { return nil }
    let key = Keyspace.keys[number]
    let cell = shards[key.shard]
    let dot = entry.stamp.dot
    guard evenSeen || mutant == .applySeen || !cell.shard.clock.contains(dot) else {
      return mutant == .supersedeSeen || lost(entry.stamp, key: number)
    }
    _ = time.observe(entry.hybridTime, wallMilliseconds: wallMilliseconds)
    let record = Record(
      table: Keyspace.tableID, key: entry.key, value: entry.kind == .put ? entry.value : nil,
      version: entry.version + (mutant == .countVersionAtApply ? 1 : 0),
      hybridTime: entry.hybridTime, sequence: entry.sequence,
      origin: origins.intern(node: entry.node, boot: entry.boot),
      owner: OwnerID(rawValue: UInt32(owner)))
    log(peers: record)
    let applied = cell.shard.apply(record, hash: key.hash, originOrder: isBefore)
    if mutant != .countNothingAtApply { cell.shard.clock.add(dot) }
    let lsn = count()
    cell.shard.lastLSN = lsn
    promises.append((lsn, .dot(dot, shard: key.shard)))
    if applied.changed, mutant != .publishOwnOnly { noteChange(of: number, at: lsn) }
    return applied.changed ? false : lost(entry.stamp, key: number)
  }

  private func log(peers record: borrowing Record) { append(record.view, to: &batch.entries) }

  private func lost(_ stamp: Stamp, key: Int) -> Bool {
    guard let stored = state(ofKey: key) else { return false }
    return stored.stamp != stamp
  }

  func merge(_ clock: ShardClock, intoShard shard: Int) -> UInt64? {
    guard isKept(shard) else { return durableLSN }
    let cell = shards[shard]
    if cell.shard.clock.covers(clock) { return cell.shard.lastLSN }
    let start = batch.entries.count
    LogEntry.appendClock(clock, ofShard: shard, into: &batch.entries)
    guard admits(bytes: batch.entries.count - start) else {
      batch.entries.truncate(to: start)
      return nil
    }
    cell.shard.clock.merge(clock)
    let lsn = count()
    cell.shard.lastLSN = lsn
    promises.append((lsn, .clock(clock, shard: shard)))
    return lsn
  }

  func scan(
    shard: Int, missingFrom clock: ShardClock, from place: UInt64, bytesMax: Int,
    into entries: inout ByteBuffer
  ) -> (count: Int, next: UInt64?) {
    guard isKept(shard) else { return (0, nil) }
    var count = 0
    var next: UInt64?
    var lastPlace = place
    let start = entries.count
    // The buffer leaves the parameter while the closure fills it.
    var buffer = ByteBuffer()
    swap(&buffer, &entries)
    shards[shard].shard.scan(fromPlace: place) { here, record in
      guard !clock.contains(stamp(of: record).dot) else { return true }
      if count > 0, here != lastPlace, buffer.count - start >= bytesMax {
        next = here
        return false
      }
      append(record, to: &buffer)
      count += 1
      lastPlace = here
      return true
    }
    swap(&buffer, &entries)
    return (count, next)
  }

  func contentDigest(ofShard shard: Int) -> UInt64 {
    guard isKept(shard) else { return 0 }
    var sum: UInt64 = 0
    shards[shard].shard.forEachRecord { record in
      if !record.isTombstone { sum &+= digest(of: record) }
    }
    return sum
  }

  func tombstoneCount(ofShard shard: Int) -> Int {
    isKept(shard) ? shards[shard].shard.tombstoneCount : 0
  }

  func tombstoneCount(
    ofShard shard: Int, notBefore hybridTime: UInt64, orUnseenBy clock: ShardClock
  ) -> Int {
    guard isKept(shard) else { return 0 }
    var count = 0
    shards[shard].shard.forEachRecord { record in
      guard record.isTombstone else { return }
      if record.hybridTime >= hybridTime || !clock.contains(stamp(of: record).dot) { count += 1 }
    }
    return count
  }

  /// What a node does that is alone, and the mutant that looks at nothing but a tombstone's age.
  func collectByAge() {
    let old = HybridClock.time(ofMilliseconds: wallMilliseconds - 4000)
    for shard in shards.indices {
      _ = collectTombstones(ofShard: shard, before: old, seenBy: [])
    }
  }

  func collectTombstones(
    ofShard shard: Int, before hybridTime: UInt64, seenBy clocks: [ShardClock]
  ) -> Int {
    // Its row may be gone from the file while what it beat is still to be replayed.
    guard isKept(shard), !isCheckpointing else { return 0 }
    let cell = shards[shard]
    var gone: [(key: Int, stamp: Stamp)] = []
    let count = cell.shard.collectTombstones { record in
      guard record.hybridTime < hybridTime else { return false }
      let stamp = self.stamp(of: record)
      guard clocks.allSatisfy({ $0.contains(stamp.dot) }), let key = Keyspace.index(of: record.key)
      else {
        return false
      }
      gone.append((key, stamp))
      return true
    }
    precondition(gone.count == count, "each collected tombstone was looked at once")
    collected += gone
    return count
  }
}
