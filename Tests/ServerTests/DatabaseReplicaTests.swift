import Bytes
import Cluster
import Durability
import Platform
import Store
import Synchronization
import Testing

@testable import Server

@Suite("Database replica")
struct DatabaseReplicaTests {
  /// Two nodes of one cluster.
  private func pair() throws -> (World, World) {
    (
      try World(cluster: 7, origin: Origin(node: 0xa, boot: 1)),
      try World(cluster: 7, origin: Origin(node: 0xb, boot: 1))
    )
  }

  /// What `world` has and `clocks` (by shard; nothing by default) have not.
  private func entries(
    of world: World, shards: [Int] = Array(0..<Shard.count),
    missingFrom clock: (Int) -> ShardClock = { _ in ShardClock() }
  ) -> (bytes: [UInt8], count: Int) {
    let replica = DatabaseReplica(database: world.database)
    var buffer = ByteBuffer()
    var count = 0
    for shard in shards {
      let page = replica.scan(
        shard: shard, missingFrom: clock(shard), from: 0, bytesMax: .max, into: &buffer)
      #expect(page.next == nil)
      count += page.count
    }
    return (buffer.copied(), count)
  }

  @discardableResult
  private func apply(
    _ entries: (bytes: [UInt8], count: Int), to world: World, evenSeen: Bool = false
  ) -> AppliedEntries? {
    var replica = DatabaseReplica(database: world.database)
    return replica.apply(entries.bytes.span, count: entries.count, evenSeen: evenSeen)
  }

  private func clocks(of world: World) -> [ShardClock] {
    let replica = DatabaseReplica(database: world.database)
    return (0..<Shard.count).map { replica.clock(ofShard: $0) }
  }

  private func digests(of world: World) -> [UInt64] {
    let replica = DatabaseReplica(database: world.database)
    return (0..<Shard.count).map { replica.contentDigest(ofShard: $0) }
  }

  @Test(
    "writes exceed a time that was demanded, however far ahead it is, and the log has the promise")
  func exceeds() throws {
    let (a, _) = try pair()
    var replica = DatabaseReplica(database: a.database)
    let hour = HybridClock.time(
      ofMilliseconds: SystemClock.wallMilliseconds() + 3_600_000)
    let before = replica.appended
    var isPromised = replica.exceed(hour)
    #expect(isPromised && replica.appended == before + 1)
    isPromised = replica.exceed(hour - 1)
    #expect(isPromised && replica.appended == before + 1, "an older time was promised with it")
    let receipt = try a.put("k", "1")
    #expect(receipt.milliseconds >= hour >> HybridClock.counterBits)
    #expect(a.database.clock.withLock { $0.last } > hour)
  }

  @Test("a node that takes all of another's entries has its records, listing, clocks and digests")
  func copies() throws {
    let (a, b) = try pair()
    for number in 0..<300 {
      try a.put("k\(number)", "\(number)", by: "u\(number % 3)", table: "t\(number % 4)")
    }
    for number in stride(from: 0, to: 300, by: 5) {
      try a.delete("k\(number)", by: "u\(number % 3)", table: "t\(number % 4)")
    }
    let applied = apply(entries(of: a), to: b)
    #expect(applied?.superseded == [])
    #expect(applied?.position == 300)
    #expect(b.contents == a.contents)
    for table in ["t0", "t1", "t2", "t3"] { #expect(b.keys(table) == a.keys(table)) }
    #expect(digests(of: b) == digests(of: a))
    // What was superseded at the source is not in the entries; the end of a pull says it.
    var replica = DatabaseReplica(database: b.database)
    for (shard, clock) in clocks(of: a).enumerated() {
      let position = replica.merge(clock, intoShard: shard)
      #expect(position != nil)
    }
    #expect(clocks(of: b) == clocks(of: a))
    let rest = clocks(of: b)
    #expect(entries(of: a, missingFrom: { rest[$0] }).count == 0)
  }

  @Test("sequences of a node count its own writes of a shard, whatever it takes from others")
  func sequences() throws {
    let (a, b) = try pair()
    let keys = a.keys(inShard: 3, count: 6)
    for key in keys.prefix(4) { try a.put(key, "1") }
    apply(entries(of: a), to: b)
    try b.put(keys[4], "1")
    try b.put(keys[5], "1")
    let clock = clocks(of: b)[3]
    #expect(clock.contains(Dot(node: 0xb, boot: 1, sequence: 2)))
    #expect(!clock.contains(Dot(node: 0xb, boot: 1, sequence: 3)))
    #expect(clock.count == 6)
  }

  @Test("writes from the future are taken, counted and not followed")
  func ahead() throws {
    let (a, b) = try pair()
    try a.put("now", "1")
    let before = apply(entries(of: a), to: b)
    #expect(before?.ahead == AheadEntries())
    let hour = HybridClock.time(ofMilliseconds: SystemClock.wallMilliseconds() + 3_600_000)
    var replica = DatabaseReplica(database: a.database)
    let isPromised = replica.exceed(hour)
    #expect(isPromised)
    try a.put("x", "1")
    try a.put("y", "1")
    let ahead = apply(entries(of: a), to: b)?.ahead
    #expect(ahead?.count == 2 && ahead?.node == NodeID(0xa))
    #expect(b.value("x") == "1")
    #expect(b.database.clock.withLock { $0.last } < hour)
  }

  @Test("of two writes of a key the greater stamp stays on both, and the loser's node is told")
  func concurrent() throws {
    let (a, b) = try pair()
    try a.put("k", "\"early\"")
    try b.put("k", "\"late\"", by: "bob")
    let (fromA, fromB) = (entries(of: a), entries(of: b))
    #expect(apply(fromB, to: a)?.superseded == [])
    #expect(apply(fromA, to: b)?.superseded == [0])
    #expect(a.contents == b.contents)
    #expect(a.value("k") == "\"late\"")
    #expect(clocks(of: a) == clocks(of: b))
    // Told again when it comes again.
    #expect(apply(fromA, to: b)?.superseded == [0])
  }

  @Test("a write that lost is in the log all the same, so that its being seen is durable")
  func lostIsLogged() throws {
    let (a, b) = try pair()
    try a.put("k", "1")
    try b.put("k", "2")
    let before = b.database.log.appended
    apply(entries(of: a), to: b)
    #expect(b.database.log.appended == before + 1)
  }

  @Test("what was seen is passed over: nothing is logged, and no collected delete is undone")
  func seen() throws {
    let (a, b) = try pair()
    try a.put("k", "1")
    let put = entries(of: a)
    apply(put, to: b)
    try a.delete("k")
    apply(entries(of: a), to: b)
    let shard = a.place("default", "k").shard
    var replica = DatabaseReplica(database: b.database)
    let gone = replica.collectTombstones(
      ofShard: shard, before: .max, seenBy: [clocks(of: a)[shard]])
    #expect(gone == 1)
    let before = b.database.log.appended
    #expect(apply(put, to: b)?.position == before)
    #expect(b.stored("k") == nil)
    #expect(b.database.log.appended == before)
    apply(put, to: b, evenSeen: true)
    #expect(b.value("k") == "1")
  }

  @Test(
    "a tombstone stays where one has not seen it, where it is too young, and during a checkpoint")
  func collection() throws {
    let (a, _) = try pair()
    try a.put("k", "1")
    try a.delete("k")
    let shard = a.place("default", "k").shard
    let clock = clocks(of: a)[shard]
    var replica = DatabaseReplica(database: a.database)
    #expect(replica.tombstoneCount(ofShard: shard) == 1)
    #expect(replica.collectTombstones(ofShard: shard, before: .max, seenBy: [ShardClock()]) == 0)
    #expect(replica.collectTombstones(ofShard: shard, before: 1, seenBy: [clock]) == 0)
    a.database.isCheckpointing.store(true, ordering: .sequentiallyConsistent)
    #expect(replica.collectTombstones(ofShard: shard, before: .max, seenBy: [clock]) == 0)
    a.database.isCheckpointing.store(false, ordering: .sequentiallyConsistent)
    #expect(replica.collectTombstones(ofShard: shard, before: .max, seenBy: [clock]) == 1)
    #expect(a.stored("k") == nil)
  }

  @Test("pages are bounded, never divide a place, and together are everything, once")
  func pages() throws {
    let (a, b) = try pair()
    let keys = a.keys(inShard: 9, count: 700)
    for (number, key) in keys.enumerated() { try a.put(key, World.value(number, bytes: 50)) }
    let replica = DatabaseReplica(database: a.database)
    var place: UInt64? = 0
    var pages = 0
    while let from = place {
      var buffer = ByteBuffer()
      let page = replica.scan(
        shard: 9, missingFrom: ShardClock(), from: from, bytesMax: 4_000, into: &buffer)
      #expect(buffer.count < 4_000 + 400)
      apply((buffer.copied(), page.count), to: b)
      if let next = page.next { #expect(next > from) }
      place = page.next
      pages += 1
    }
    #expect(pages > 10)
    #expect(b.contents == a.contents)
    #expect(b.database.log.appended == 700)
  }

  @Test("bytes that are no writes are refused, and nothing is applied")
  func malformed() throws {
    let (a, b) = try pair()
    try a.put("k", "1")
    let good = entries(of: a)
    var clock = ByteBuffer()
    LogEntry.appendClock(ShardClock(), ofShard: 1, into: &clock)
    var ceiling = ByteBuffer()
    LogEntry.appendClockCeiling(.max, into: &ceiling)
    #expect(apply((good.bytes + clock.copied(), 2), to: b) == nil)
    #expect(apply((good.bytes + ceiling.copied(), 2), to: b) == nil)
    #expect(apply((good.bytes, 2), to: b) == nil)
    #expect(apply((good.bytes, 0), to: b) == nil)
    #expect(apply((Array(good.bytes.dropLast()), 1), to: b) == nil)
    var longKey = ByteBuffer()
    LogEntry.appendPut(
      table: utf8("t").span, key: [UInt8](repeating: 0x61, count: 5_000).span,
      value: utf8("1").span, owner: utf8("o").span, node: 1, boot: 1, hybridTime: 1, sequence: 1,
      version: 1, into: &longKey)
    #expect(apply((longKey.copied(), 1), to: b) == nil)
    #expect(b.contents.isEmpty)
    #expect(b.database.log.appended == 0)
    #expect(apply(good, to: b) != nil)
  }

  @Test("without room in the log nothing is taken, no clock and no promise")
  func full() throws {
    let (a, _) = try pair()
    try a.put("k", "1")
    let b = try World(budget: 0, cluster: 7, origin: Origin(node: 0xb, boot: 1))
    #expect(apply(entries(of: a), to: b) == nil)
    #expect(b.contents.isEmpty)
    #expect(clocks(of: b).allSatisfy { $0.isEmpty })
    var replica = DatabaseReplica(database: b.database)
    let clock = ShardClock(dots: [Dot(node: 1, boot: 1, sequence: 1)])
    #expect(replica.merge(clock, intoShard: 0) == nil)
    #expect(replica.hybridTime() == 0)
  }

  @Test("a peer's time is followed, unless its clock is more than a minute ahead")
  func time() throws {
    let (_, b) = try pair()
    func put(_ key: String, ahead milliseconds: UInt64) -> (bytes: [UInt8], count: Int) {
      var buffer = ByteBuffer()
      LogEntry.appendPut(
        table: utf8("default").span, key: utf8(key).span, value: utf8("1").span,
        owner: utf8("alice").span, node: 5, boot: 1,
        hybridTime: HybridClock.time(
          ofMilliseconds: SystemClock.wallMilliseconds() + milliseconds),
        sequence: UInt64(key.utf8.count), version: 1, into: &buffer)
      return (buffer.copied(), 1)
    }
    apply(put("far", ahead: 3_600_000), to: b)
    let soon = SystemClock.wallMilliseconds() + 30_000
    #expect(try b.put("own", "1").milliseconds < soon)
    apply(put("near", ahead: 40_000), to: b)
    #expect(try b.put("own", "2").milliseconds > soon)
    // The owner can write over it all the same.
    let receipt = try b.put("far", "2")
    #expect(receipt.milliseconds >= SystemClock.wallMilliseconds() + 3_500_000)
    #expect(b.value("far") == "2")
    #expect(try b.put("own", "3").milliseconds < SystemClock.wallMilliseconds() + 100_000)
  }

  @Test("the time that is told to peers is exceeded by every later write, and is in the log")
  func promise() throws {
    let (a, _) = try pair()
    var replica = DatabaseReplica(database: a.database)
    let before = try a.put("k", "1")
    let time = replica.hybridTime()
    let after = try a.put("k", "2")
    #expect(before.milliseconds <= time >> 16 && after.milliseconds >= time >> 16)
    let stamp = try #require(a.stored("k")?.stamp)
    #expect(stamp.hybridTime > time)
    #expect(a.database.log.appended == 3)
  }

  @Test(
    "a subscriber is told of a peer's write when it is committed here, and not of one that lost")
  func events() throws {
    let (a, b) = try pair()
    let place = b.place("default", "k")
    b.database.watch(place, key: utf8("k").span, loop: 0)
    try a.put("k", "1")
    let old = entries(of: a)
    try a.put("k", "2")
    apply(entries(of: a), to: b)
    apply(old, to: b)
    var events: [EventFrame] = []
    b.gates[0].takeEvents(into: &events)
    #expect(events.count == 1)
    #expect(events.first?.lsn == 1)
    #expect(events.first.map { text($0.bytes).contains("\"value\":2") } == true)
  }
}
