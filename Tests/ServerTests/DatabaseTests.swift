import Bytes
import Durability
import Platform
import Store
import Testing

@testable import Server

@Suite("Database")
struct DatabaseTests {
  private func refusal(_ body: () throws -> some Any) -> WriteRefusal? {
    do {
      _ = try body()
      return nil
    } catch let refusal as WriteRefusal {
      return refusal
    } catch { return nil }
  }

  // MARK: Put

  @Test("the first write of a key has version 1, and each one after it one more")
  func versions() throws {
    let world = try World()
    for version in 1...5 as ClosedRange<UInt64> {
      #expect(try world.put("k", "\(version)").version == version)
      #expect(world.stored("k")?.version == version)
      #expect(world.value("k") == "\(version)")
    }
  }

  @Test("the first writer owns a key, and nobody else writes or deletes it")
  func ownership() throws {
    let world = try World()
    try world.put("k", "1", by: "alice")
    #expect(refusal { try world.put("k", "2", by: "bob") } == .notOwner)
    #expect(refusal { try world.patch("k", "{}", by: "bob") } == .notOwner)
    #expect(refusal { try world.delete("k", by: "bob") } == .notOwner)
    #expect(world.stored("k")?.owner == "alice" && world.value("k") == "1")
    #expect(world.stored("k")?.version == 1)
    try world.put("k", "2", by: "alice")
    #expect(world.value("k") == "2")
  }

  @Test("the same key in another table is another record")
  func tables() throws {
    let world = try World()
    try world.put("k", "1", by: "alice", table: "a")
    try world.put("k", "2", by: "bob", table: "b")
    #expect(world.value("k", table: "a") == "1" && world.value("k", table: "b") == "2")
    #expect(world.stored("k") == nil)
  }

  @Test("the admin writes past ownership, and the owner stays")
  func admin() throws {
    let world = try World()
    try world.put("k", "1", by: "alice")
    let admin = Writer(owner: world.owner("_admin"), isAdmin: true)
    let receipt = try world.database.put(
      world.place("default", "k"), key: utf8("k").span, value: utf8("2").span, by: admin)
    #expect(receipt.version == 2 && receipt.owner == world.owner("alice"))
    #expect(world.stored("k")?.owner == "alice")
    _ = try world.database.delete(world.place("default", "k"), key: utf8("k").span, by: admin)
    #expect(world.value("k") == nil)
    _ = try world.database.put(
      world.place("default", "new"), key: utf8("new").span, value: utf8("2").span, by: admin)
    #expect(world.stored("new")?.owner == "_admin")
  }

  // MARK: Delete

  @Test("what was deleted is gone, and stays gone")
  func deletion() throws {
    let world = try World()
    #expect(refusal { try world.delete("k") } == .noRecord)
    try world.put("k", "1")
    #expect(try world.delete("k").version == 2)
    #expect(world.stored("k")?.value == nil && world.stored("k")?.version == 2)
    #expect(refusal { try world.delete("k") } == .noRecord)
    #expect(refusal { try world.patch("k", "{}") } == .noRecord)
    #expect(world.keys() == [])
  }

  @Test("a key that comes back goes on with its versions, and may be another user's")
  func comeback() throws {
    let world = try World()
    try world.put("k", "1", by: "alice")
    try world.delete("k", by: "alice")
    #expect(
      refusal { try world.delete("k", by: "bob") } == .noRecord, "nobody owns what is not there")
    let receipt = try world.put("k", "2", by: "bob")
    #expect(receipt.version == 3)
    #expect(world.stored("k")?.owner == "bob" && world.keys() == ["k"])
    #expect(refusal { try world.put("k", "3", by: "alice") } == .notOwner)
  }

  // MARK: Patch

  @Test("a patch replaces and joins members, and touches nothing else")
  func patch() throws {
    let world = try World()
    try world.put("k", #"{"a": 1.50,"b" : [ 1 ],"c":null}"#)
    let (receipt, merged) = try world.patch("k", #"{"b":2,"d":{"e":3},"c":null}"#)
    #expect(receipt.version == 2)
    #expect(merged == #"{"a": 1.50,"b" : 2,"c":null,"d":{"e":3}}"#)
    #expect(world.value("k") == merged)
  }

  @Test("only objects can be patched", arguments: ["1", "[]", "\"{}\"", "null", "true"])
  func patchOfOthers(value: String) throws {
    let world = try World()
    try world.put("k", value)
    #expect(refusal { try world.patch("k", "{}") } == .notAnObject)
    #expect(world.value("k") == value && world.stored("k")?.version == 1)
  }

  @Test("a patch that makes a value too long changes nothing")
  func patchTooLong() throws {
    var limits = Limits()
    limits.valueBytesMax = 20
    let world = try World(limits: limits)
    try world.put("k", #"{"a":1}"#)
    #expect(refusal { try world.patch("k", #"{"b":"0123456789"}"#) } == .valueTooLong)
    #expect(world.value("k") == #"{"a":1}"#)
    #expect(try world.patch("k", #"{"b":"012345"}"#).merged.utf8.count == 20)
  }

  // MARK: Users

  @Test("a user's name is given once")
  func users() throws {
    let world = try World()
    let name = utf8("alice")
    let place = world.place("auth", "alice")
    let owner = world.owner("alice")
    let receipt = try world.database.createUser(
      place, name: name.span, value: utf8("{\"hash\":\"1\"}").span, owner: owner)
    #expect(receipt?.version == 1)
    let second = try world.database.createUser(
      place, name: name.span, value: utf8("{\"hash\":\"2\"}").span, owner: owner)
    #expect(second == nil)
    #expect(world.value("alice", table: "auth") == "{\"hash\":\"1\"}")
  }

  // MARK: Room

  @Test("without room for it a write changes nothing: no record, no version, no key, no event")
  func diskFull() throws {
    let world = try World(budget: 0)
    let place = world.place("default", "k")
    world.database.watch(place, key: utf8("k").span, loop: 0)
    #expect(refusal { try world.put("k", "1") } == .diskFull)
    #expect(world.contents.isEmpty && world.keys() == [])
    #expect(world.database.log.appended == 0)

    world.database.log.admit(bytes: 1_000, diskIsLow: false)
    try world.put("k", "{\"a\":1}")
    let before = world.stored("k")
    world.database.log.admit(bytes: 0, diskIsLow: false)
    #expect(refusal { try world.put("k", "2") } == .diskFull)
    #expect(refusal { try world.patch("k", "{\"b\":2}") } == .diskFull)
    #expect(refusal { try world.delete("k") } == .diskFull)
    #expect(refusal { try world.put("l", "1") } == .diskFull)
    #expect(world.stored("k") == before && world.keys() == ["k"])
    #expect(world.contents.count == 1 && world.database.log.appended == 1)

    world.database.log.admit(bytes: 1_000, diskIsLow: false)
    #expect(try world.put("k", "3").version == 2, "no version was used up")
    var events: [EventFrame] = []
    world.gates[0].takeEvents(into: &events)
    #expect(events.map(\.lsn) == [1, 2])
  }

  @Test("a write needs room for itself alone, and the next one is asked again")
  func partialRoom() throws {
    let world = try World(budget: 0)
    world.database.log.admit(bytes: 3_000, diskIsLow: false)
    let long = "\"" + String(repeating: "v", count: 5_000) + "\""
    #expect(refusal { try world.put("long", long) } == .diskFull)
    try world.put("short", "1")
    var written = 1
    while refusal({ try world.put("k\(written)", "1") }) == nil { written += 1 }
    #expect(written > 3 && written < 30)
    #expect(world.keys().count == written)
  }

  @Test("a disk that is nearly full refuses whatever the room")
  func lowDisk() throws {
    let world = try World()
    world.database.log.admit(bytes: 1 << 20, diskIsLow: true)
    #expect(refusal { try world.put("k", "1") } == .diskFull)
    #expect(!world.database.log.acceptsWrites)
    world.database.log.admit(bytes: 1 << 20, diskIsLow: false)
    try world.put("k", "1")
  }

  // MARK: Positions and stamps

  @Test("every write has a position of its own, in order, and readers are told the shard's last")
  func positions() throws {
    let world = try World()
    for number in 1...100 as ClosedRange<UInt64> {
      #expect(try world.put("k\(number % 7)", "1").lsn == number)
    }
    #expect(world.database.log.appended == 100 && world.database.log.committed == 0)
    for number in 94...100 as ClosedRange<UInt64> {
      let place = world.place("default", "k\(number % 7)")
      let position = world.database.read(place, key: utf8("k\(number % 7)").span) { $1 }
      #expect(position >= number)
    }
    // A key that is not there may have been: it waits for its shard too.
    let place = world.place("default", "k1")
    #expect(world.database.read(place, key: utf8("another").span) { $1 } >= 1)
    world.commitAll()
    #expect(world.database.log.committed == 100)
  }

  @Test("stamps never stand still and never go back, whatever was restored before")
  func clock() throws {
    let world = try World()
    var last: UInt64 = 0
    for number in 0..<2_000 {
      try world.put("k\(number % 50)", "1")
      let stamp = try #require(world.stored("k\(number % 50)")?.stamp)
      if stamp.hybridTime <= last { Issue.record("\(stamp.hybridTime) after \(last)") }
      last = stamp.hybridTime
      #expect(stamp.node == world.origin.node && stamp.boot == world.origin.boot)
    }
    // A minute ahead of the wall, as after the wall was set back.
    let ahead = last + 30_000 << 16
    world.database.raiseClock(to: ahead)
    try world.put("k", "1")
    #expect(try #require(world.stored("k")).stamp.hybridTime > ahead)
    world.database.raiseClock(to: 1)
    try world.put("l", "1")
    #expect(try #require(world.stored("l")).stamp.hybridTime > ahead)
  }

  @Test("a write is later than the record it replaces, however far that one's clock was ahead")
  func afterForeign() throws {
    let world = try World()
    let place = world.place("default", "k")
    let foreign = world.database.origins.intern(Origin(node: .max, boot: 1))
    let future: UInt64 = 1 << 62
    let owner = world.owner("alice")
    world.database.shards.withLock(place.shard) { cell in
      let record = Record(
        table: place.table, key: utf8("k").span, value: utf8("1").span, version: 5,
        hybridTime: future, sequence: 1, origin: foreign, owner: owner)
      _ = cell.shard.apply(record, hash: place.hash, originOrder: world.database.origins.isBefore)
    }
    #expect(try world.put("k", "2").version == 6)
    #expect(world.value("k") == "2")
    #expect(try #require(world.stored("k")).stamp.hybridTime > future)
  }

  @Test("the log holds each write as it was applied")
  func entries() throws {
    let world = try World()
    try world.put("k", "{\"a\":1}", by: "alice", table: "t")
    try world.delete("k", by: "alice", table: "t")
    let stamp = try #require(world.stored("k", table: "t")).stamp
    var buffer = ByteBuffer()
    #expect(world.database.log.take(into: &buffer).count == 2)
    var reader = LogEntryReader(buffer.span)
    var kinds: [LogEntry.Kind] = []
    while let entry = reader.next() {
      kinds.append(entry.kind)
      #expect(text([UInt8](copying: entry.tableName)) == "t")
      #expect(text([UInt8](copying: entry.key)) == "k")
      #expect(text([UInt8](copying: entry.ownerName)) == "alice")
      #expect(entry.version == UInt64(kinds.count))
      if entry.kind == .put {
        #expect(text([UInt8](copying: entry.value)) == "{\"a\":1}")
      } else {
        #expect(entry.stamp == stamp)
      }
    }
    #expect(kinds == [.put, .tombstone])
  }

  // MARK: Watching

  @Test("each change of a watched key goes to each loop that watches it, in order, once")
  func events() throws {
    let world = try World(loops: 3)
    let place = world.place("default", "k")
    for loop in [0, 2, 2] { world.database.watch(place, key: utf8("k").span, loop: loop) }
    try world.put("k", "1")
    try world.put("other", "1")
    try world.put("k", "2")
    try world.delete("k")
    for (loop, expected) in [(0, [1, 3, 4]), (1, []), (2, [1, 3, 4])] as [(Int, [UInt64])] {
      var events: [EventFrame] = []
      world.gates[loop].takeEvents(into: &events)
      #expect(events.map(\.lsn) == expected)
      #expect(events.allSatisfy { $0.key == utf8("k") && $0.owner == world.owner("alice") })
    }
    world.database.unwatch(place, key: utf8("k").span, loop: 0)
    world.database.unwatch(place, key: utf8("k").span, loop: 2)
    try world.put("k", "2")
    var events: [EventFrame] = []
    world.gates[0].takeEvents(into: &events)
    #expect(events.isEmpty)
    world.gates[2].takeEvents(into: &events)
    #expect(events.map(\.lsn) == [5], "one of its two streams is left")
  }

  @Test("loops that share one frame share its bytes")
  func sharedFrames() throws {
    let world = try World(loops: 2)
    let place = world.place("default", "k")
    for loop in 0..<2 { world.database.watch(place, key: utf8("k").span, loop: loop) }
    try world.put("k", "1")
    var first: [EventFrame] = []
    var second: [EventFrame] = []
    world.gates[0].takeEvents(into: &first)
    world.gates[1].takeEvents(into: &second)
    #expect(first.count == 1 && first[0] === second[0])
  }

  @Test("where the commit has overtaken the event, the write itself wakes the loop")
  func overtaken() throws {
    let world = try World()
    let place = world.place("default", "k")
    world.database.watch(place, key: utf8("k").span, loop: 0)
    let poller = try Poller()
    try poller.add(world.gates[0].wakeup.descriptor, token: 1, events: .readable)
    world.database.log.publish(100)
    try world.put("other", "1")
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    try world.put("k", "1")
    #expect(poller.wait(timeoutMilliseconds: 0) == 1)
  }

  // MARK: Threads

  @Test("threads that write the same keys at once lose nothing and agree on an order")
  func threads() throws {
    let world = try World()
    let threads = 4
    let rounds = 1_000
    let handles = try (0..<threads).map { thread in
      Handover(
        try Thread.start(name: "writer-\(thread)") {
          for round in 0..<rounds {
            _ = try? world.put("shared\(round % 3)", "\(thread)")
            _ = try? world.put("own\(thread)-\(round)", "\(round)")
          }
        })
    }
    for handle in handles { handle.take().join() }
    let versions = (0..<3).map { world.stored("shared\($0)")?.version ?? 0 }
    #expect(versions.reduce(0, +) == UInt64(threads * rounds))
    #expect(world.keys().count == threads * rounds + 3)
    #expect(world.database.log.appended == UInt64(2 * threads * rounds))
    var buffer = ByteBuffer()
    #expect(world.database.log.take(into: &buffer).count == 2 * threads * rounds)
  }
}
