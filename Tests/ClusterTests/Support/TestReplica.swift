import Bytes
import Cluster
import Store

/// One write, as the tests' own entries spell it out.
struct TestWrite: Equatable, Sendable {
  var stamp: Stamp
  var shard: Int
  var key: UInt8
  var isDead: Bool
  var value: UInt32

  static let entryBytes = 4 + 8 + 4 + 8 + 8 + 2 + 1 + 1 + 4

  func append(to buffer: inout ByteBuffer) {
    buffer.appendUInt32(UInt32(Self.entryBytes - 4))
    buffer.appendUInt64(stamp.node)
    buffer.appendUInt32(stamp.boot)
    buffer.appendUInt64(stamp.sequence)
    buffer.appendUInt64(stamp.hybridTime)
    buffer.appendUInt16(UInt16(shard))
    buffer.appendUInt8(key)
    buffer.appendUInt8(isDead ? 1 : 0)
    buffer.appendUInt32(value)
  }

  init(stamp: Stamp, shard: Int, key: UInt8, isDead: Bool, value: UInt32) {
    self.stamp = stamp
    self.shard = shard
    self.key = key
    self.isDead = isDead
    self.value = value
  }

  init?(reading reader: inout ByteReader) {
    guard reader.readUInt32() == UInt32(Self.entryBytes - 4), let node = reader.readUInt64(),
      let boot = reader.readUInt32(), let sequence = reader.readUInt64(),
      let hybridTime = reader.readUInt64(), let shard = reader.readUInt16(), shard < Shard.count,
      let key = reader.readUInt8(), let dead = reader.readUInt8(), let value = reader.readUInt32()
    else { return nil }
    stamp = Stamp(hybridTime: hybridTime, node: node, boot: boot, sequence: sequence)
    self.shard = Int(shard)
    self.key = key
    isDead = dead == 1
    self.value = value
  }
}

/// A store in memory with a log: what was appended and not committed is lost in a crash.
struct TestReplica: Replica, ~Copyable {
  enum Item {
    case write(TestWrite)
    case clock(Int, ShardClock)
    case ceiling(UInt64)
  }

  let own: Incarnated
  private(set) var log: [Item] = []
  private(set) var committed: UInt64 = 0
  /// Positions that have been reported to the node.
  var reported: UInt64 = 0
  var hasRoom = true
  private(set) var shards: [Int: [UInt8: TestWrite]] = [:]
  private var clocks = [ShardClock](repeating: ShardClock(), count: Shard.count)
  private var sequences: [Int: UInt64] = [:]
  private var time = HybridClock(last: 0)
  private var ceiling: UInt64 = 0
  var wallMilliseconds: UInt64 = 1_000_000

  init(own: Incarnated) { self.own = own }

  /// The same store after a crash: what was committed, replayed under a new boot.
  init(recovering log: [Item], committed: UInt64, own: Incarnated, resetsClock: Bool = false) {
    self.own = own
    self.log = Array(log.prefix(Int(committed)))
    self.committed = committed
    reported = committed
    for item in self.log {
      switch item {
      case .write(let write):
        store(write)
        if !resetsClock { raise(write.stamp.hybridTime) }
      case .clock(let shard, let clock): clocks[shard].merge(clock)
      case .ceiling(let hybridTime): if !resetsClock { raise(hybridTime) }
      }
    }
  }

  private mutating func raise(_ hybridTime: UInt64) {
    if hybridTime > time.last { time = HybridClock(last: hybridTime) }
    ceiling = max(ceiling, hybridTime)
  }

  var appended: UInt64 { UInt64(log.count) }

  mutating func commit(through position: UInt64) { committed = max(committed, position) }

  /// Own writes in positions that were committed and not yet reported.
  mutating func takeCommitted() -> (entries: [UInt8], positions: [UInt64]) {
    var entries = ByteBuffer()
    var positions: [UInt64] = []
    for position in reported..<committed {
      if case .write(let write) = log[Int(position)], write.stamp.node == own.node.rawValue,
        write.stamp.boot == own.boot
      {
        write.append(to: &entries)
        positions.append(position + 1)
      }
    }
    reported = committed
    return (entries.copied(), positions)
  }

  /// A client's write.
  mutating func write(shard: Int, key: UInt8, isDead: Bool, value: UInt32) -> TestWrite {
    let stored = shards[shard]?[key]
    let hybridTime = time.next(
      wallMilliseconds: wallMilliseconds, after: stored?.stamp.hybridTime ?? 0)
    let sequence = (sequences[shard] ?? 0) + 1
    sequences[shard] = sequence
    let write = TestWrite(
      stamp: Stamp(
        hybridTime: hybridTime, node: own.node.rawValue, boot: own.boot, sequence: sequence),
      shard: shard, key: key, isDead: isDead, value: value)
    log.append(.write(write))
    store(write)
    return write
  }

  private mutating func store(_ write: TestWrite) {
    clocks[write.shard].add(write.stamp.dot)
    if let stored = shards[write.shard]?[write.key], stored.stamp >= write.stamp { return }
    shards[write.shard, default: [:]][write.key] = write
  }

  private func hasLost(_ write: TestWrite) -> Bool {
    guard let stored = shards[write.shard]?[write.key] else { return false }
    return stored.stamp > write.stamp && stored.stamp.node != write.stamp.node
  }

  /// Forgets a record, as no correct program does.
  mutating func lose(shard: Int, key: UInt8) { shards[shard]?[key] = nil }

  // MARK: Replica

  mutating func hybridTime() -> UInt64 {
    guard hasRoom else { return ceiling }
    raise(time.next(wallMilliseconds: wallMilliseconds))
    log.append(.ceiling(ceiling))
    return ceiling
  }

  mutating func exceed(_ hybridTime: UInt64) -> Bool {
    guard hasRoom else { return false }
    if hybridTime <= ceiling { return true }
    raise(hybridTime)
    log.append(.ceiling(ceiling))
    return true
  }

  func clock(ofShard shard: Int) -> ShardClock { clocks[shard] }

  mutating func apply(
    _ entries: Span<UInt8>, count: Int, evenSeen: Bool
  ) -> AppliedEntries? {
    var reader = ByteReader(entries)
    var superseded: [UInt32] = []
    var ahead = AheadEntries()
    for number in 0..<count {
      guard hasRoom, let write = TestWrite(reading: &reader) else { return nil }
      if clocks[write.shard].contains(write.stamp.dot), !evenSeen {
        if hasLost(write) { superseded.append(UInt32(number)) }
        continue
      }
      log.append(.write(write))
      if !time.observe(write.stamp.hybridTime, wallMilliseconds: wallMilliseconds) {
        ahead.add(from: write.stamp.node)
      }
      store(write)
      if hasLost(write) { superseded.append(UInt32(number)) }
    }
    guard reader.remaining == 0 else { return nil }
    return AppliedEntries(position: appended, superseded: superseded, ahead: ahead)
  }

  mutating func merge(_ clock: ShardClock, intoShard shard: Int) -> UInt64? {
    guard hasRoom else { return nil }
    clocks[shard].merge(clock)
    log.append(.clock(shard, clock))
    return appended
  }

  func scan(
    shard: Int, missingFrom clock: ShardClock, from place: UInt64, bytesMax: Int,
    into entries: inout ByteBuffer
  ) -> (count: Int, next: UInt64?) {
    let start = entries.count
    var count = 0
    for (key, write) in (shards[shard] ?? [:]).sorted(by: { $0.key < $1.key })
    where UInt64(key) >= place {
      if entries.count - start >= bytesMax, count > 0 { return (count, UInt64(key)) }
      if clock.contains(write.stamp.dot) { continue }
      write.append(to: &entries)
      count += 1
    }
    return (count, nil)
  }

  func contentDigest(ofShard shard: Int) -> UInt64 {
    (shards[shard] ?? [:]).values.filter { !$0.isDead }.reduce(0) { sum, write in
      sum
        &+ RecordDigest.of(
          hash: UInt64(write.key), stamp: write.stamp, version: UInt64(write.value),
          value: [UInt8]().span.extracting(0..<0), owner: [UInt8]().span.extracting(0..<0))
    }
  }

  func tombstoneCount(ofShard shard: Int) -> Int {
    (shards[shard] ?? [:]).values.count { $0.isDead }
  }

  func tombstoneCount(
    ofShard shard: Int, notBefore hybridTime: UInt64, orUnseenBy clock: ShardClock
  ) -> Int {
    (shards[shard] ?? [:]).values.count {
      $0.isDead && ($0.stamp.hybridTime >= hybridTime || !clock.contains($0.stamp.dot))
    }
  }

  mutating func collectTombstones(
    ofShard shard: Int, before hybridTime: UInt64, seenBy clocks: [ShardClock]
  ) -> Int {
    let gone = (shards[shard] ?? [:]).values.filter { write in
      write.isDead && write.stamp.hybridTime < hybridTime
        && clocks.allSatisfy { $0.contains(write.stamp.dot) }
    }
    for write in gone { shards[shard]?[write.key] = nil }
    return gone.count
  }

  /// What clients see: no tombstones.
  var live: [String: TestWrite] {
    var live: [String: TestWrite] = [:]
    for (shard, keys) in shards {
      for (key, write) in keys where !write.isDead { live["\(shard)/\(key)"] = write }
    }
    return live
  }

  var tombstones: Int { shards.values.reduce(0) { $0 + $1.values.count { $0.isDead } } }
}
