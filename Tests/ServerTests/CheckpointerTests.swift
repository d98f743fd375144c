import Bytes
import Durability
import Platform
import Store
import Testing

@testable import Server

@Suite("Checkpointer")
struct CheckpointerTests {
  /// Random puts and deletes.
  private func change(
    _ world: World, _ random: inout SeededRandom, writes: Int, keys: UInt64, bytes: UInt64 = 200
  ) throws {
    for write in 0..<writes {
      let table = "t\(random.next(below: 3))"
      let key = "key \(random.next(below: keys))"
      let owner = "user\(key.utf8.count % 3)"
      if random.next(below: 5) == 0 {
        _ = try? world.delete(key, by: owner, table: table)
      } else {
        let value = World.value(write, bytes: Int(random.next(below: bytes)))
        try world.put(key, value, by: owner, table: table)
      }
    }
  }

  private func finished(_ outcome: Checkpointer.Outcome) -> UInt64? {
    if case .finished(let position) = outcome { position } else { nil }
  }

  /// Every row opens, all rows of a shard agree on its division, and each record lies in the row
  /// of its block, once.
  private func checkRows(_ node: borrowing StartedNode) throws {
    var opener = CheckpointOpener(keyring: node.storage.keyring)
    var bits: [Int: UInt8] = [:]
    var seen: Set<[UInt8]> = []
    for (id, row) in try node.rows() {
      var entries = ByteBuffer()
      let found = try opener.open(row.span, id: id, into: &entries)
      let shard = CheckpointBlock.shard(ofID: id)
      #expect(bits[shard, default: found] == found, "shard \(shard) has rows of two divisions")
      bits[shard] = found
      var reader = LogEntryReader(entries.span)
      while let entry = reader.next() {
        let hash = StableHash.record(
          table: entry.tableName, key: entry.key, seed: node.storage.identity.cluster)
        let block = UInt32(truncatingIfNeeded: found == 0 ? 0 : hash >> (64 - UInt64(found)))
        let isHome =
          Shard.index(of: hash) == shard && block == CheckpointBlock.block(ofID: id)
        if !isHome { Issue.record("a record in the row of another block") }
        let name = [UInt8](copying: entry.tableName) + [0] + [UInt8](copying: entry.key)
        if !seen.insert(name).inserted { Issue.record("a record in two rows") }
      }
    }
  }

  @Test("an empty store makes an empty file, at position 0")
  func empty() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let outcome = try node.checkpointer.run()
      let rows = try node.rows()
      #expect(finished(outcome) == 0 && rows.isEmpty)
    }
    try directory.start { node in
      #expect(node.report.records == 0 && node.report.checkpointPosition == 0)
      #expect(node.world.contents.isEmpty)
    }
  }

  @Test(
    "what was stored and deleted comes back, with versions, owners and stamps",
    arguments: [1, 2, 3] as [UInt64])
  func roundTrip(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let directory = try DataDirectory()
    let (contents, position, keys) = try directory.start { node in
      try change(node.world, &random, writes: 2_000, keys: 300)
      let position = finished(try node.checkpointer.run())
      #expect(position == node.world.database.log.appended)
      try checkRows(node)
      return (node.world.contents, position, (0..<3).map { node.world.keys("t\($0)") })
    }
    #expect(contents.values.contains { $0.value == nil }, "there are tombstones")
    try directory.start { node in
      #expect(node.world.contents == contents)
      #expect((0..<3).map { node.world.keys("t\($0)") } == keys)
      #expect(node.report.checkpointPosition == position)
      #expect(node.report.records == contents.values.count { $0.value != nil })
      #expect(node.world.database.log.committed == position)
      // What comes next goes on behind all of it.
      let latest = try #require(contents.values.map(\.stamp.hybridTime).max())
      let receipt = try node.world.put("k", "1")
      #expect(receipt.lsn == position! + 1)
      #expect(try #require(node.world.stored("k")).stamp.hybridTime > latest)
    }
  }

  @Test("a run writes the blocks that changed and leaves the others alone")
  func changedBlocks() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<5_000 { try node.world.put("k\(number)", World.value(number, bytes: 100)) }
      _ = try node.checkpointer.run()
      let before = try node.rows()
      #expect(before.count > 500)
      _ = try node.checkpointer.run()
      let unchanged = try node.rows()
      #expect(unchanged == before)
      try node.world.put("k7", "1")
      try node.world.delete("k8")
      _ = try node.checkpointer.run()
      let after = try node.rows()
      #expect(after.count == before.count)
      #expect(after.count { before[$0.key] != $0.value } == 2)
    }
  }

  @Test("after many runs over a growing store no row is stale", arguments: [1, 2] as [UInt64])
  func growth(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      // Few keys per shard at first, then long values, so that shards are divided again and again.
      for round in 1...6 as ClosedRange<UInt64> {
        try change(
          node.world, &random, writes: 3_000, keys: 500 * round, bytes: 400 << round)
        _ = try node.checkpointer.run()
      }
      try checkRows(node)
      return node.world.contents
    }
    try directory.start { node in
      #expect(node.world.contents == contents)
      try checkRows(node)
    }
  }

  @Test("a shard that is divided while its blocks are on their way is written whole")
  func growthBetween() throws {
    let directory = try DataDirectory()
    let shard = 77
    let contents = try directory.start { node in
      let world = node.world
      for key in world.keys(inShard: shard, count: 8) {
        try world.put(key, World.value(1, bytes: 1_000))
      }
      _ = try node.checkpointer.run()
      // One block is dirty; before it is read the shard becomes eight blocks.
      try world.put(world.keys(inShard: shard, count: 1)[0], "1")
      node.checkpointer.takeDirty(of: shard)
      for key in world.keys(inShard: shard, count: 40, prefix: "late") {
        try world.put(key, World.value(2, bytes: 3_000))
      }
      var sealer = CheckpointSealer(keyring: node.storage.keyring)
      try node.checkpointer.store.begin()
      try node.checkpointer.writeDirty(&sealer)
      try node.checkpointer.store.commit()
      try checkRows(node)
      return world.contents
    }
    #expect(contents.count == 48)
    try directory.start { node in #expect(node.world.contents == contents) }
  }

  @Test("tombstones that were collected leave the file too")
  func collectedTombstones() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let world = node.world
      for number in 0..<200 { try world.put("k\(number)", "1") }
      for number in 0..<100 { try world.delete("k\(number)") }
      _ = try node.checkpointer.run()
      for shard in 0..<Shard.count {
        world.database.shards.withLock(shard) {
          _ = $0.shard.collectTombstones(olderThan: .max)
        }
      }
      _ = try node.checkpointer.run()
      try checkRows(node)
    }
    try directory.start { node in
      #expect(node.world.contents.count == 100)
      #expect(node.world.contents.values.allSatisfy { $0.value != nil })
      let receipt = try node.world.put("k0", "1")
      #expect(receipt.version == 1, "nobody remembers it")
    }
  }

  // MARK: Together with the log

  @Test("what the file does not hold comes from the log")
  func replay() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      for number in 0..<300 { try node.world.put("k\(number)", "1") }
      try node.commitToLog()
      _ = try node.checkpointer.run()
      for number in 200..<400 { try node.world.put("k\(number)", "2") }
      for number in 0..<100 { try node.world.delete("k\(number)") }
      try node.commitToLog()
      return node.world.contents
    }
    for _ in 0..<2 {
      try directory.start { node in
        #expect(node.world.contents == contents)
        #expect(node.report.checkpointPosition == 300 && node.report.logEntries == 300)
        #expect(node.report.records == 300)
        #expect(node.world.database.log.appended == 600)
      }
    }
  }

  @Test(
    "a run that is told to stop leaves a file that the log completes",
    arguments: [0, 1, 500, 1_023])
  func interrupted(shards: Int) throws {
    var random = SeededRandom(seed: 9)
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      try change(node.world, &random, writes: 2_000, keys: 400)
      try node.commitToLog()
      _ = try node.checkpointer.run()
      try change(node.world, &random, writes: 2_000, keys: 800, bytes: 4_000)
      try node.commitToLog()
      var asked = 0
      let outcome = try node.checkpointer.run {
        asked += 1
        return asked > shards
      }
      #expect(finished(outcome) == nil)
      try change(node.world, &random, writes: 100, keys: 800)
      try node.commitToLog()
      return node.world.contents
    }
    try directory.start { node in
      #expect(node.world.contents == contents)
      // The next run completes the file.
      let outcome = try node.checkpointer.run()
      #expect(finished(outcome) == node.world.database.log.appended)
      try checkRows(node)
    }
    try directory.start { node in
      #expect(node.world.contents == contents)
      #expect(node.report.checkpointPosition == node.world.database.log.appended)
    }
  }

  @Test("a file alone, whose log was let go of, holds everything up to its position")
  func withoutLog() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      for number in 0..<2_000 { try node.world.put("k\(number)", World.value(number, bytes: 500)) }
      try node.commitToLog()
      let position = try #require(finished(try node.checkpointer.run()))
      try node.recycleLog(through: position)
      return node.world.contents
    }
    try directory.start { node in #expect(node.world.contents == contents) }
  }

  @Test(
    "writes that go on during runs are in the file or in the log", arguments: [1, 2, 3] as [UInt64])
  func concurrent(seed: UInt64) throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      let world = node.world
      let handles = try (0..<2).map { thread in
        Handover(
          try Thread.start(name: "writer-\(thread)") {
            var random = SeededRandom(seed: seed * 10 + UInt64(thread))
            for write in 0..<4_000 {
              let key = "k\(thread)-\(random.next(below: 1_500))"
              let value = World.value(write, bytes: Int(random.next(below: 3_000)))
              _ = try? world.put(key, value)
            }
          })
      }
      for _ in 0..<6 { _ = try node.checkpointer.run() }
      for handle in handles { handle.take().join() }
      try checkRows(node)
      try node.commitToLog()
      return world.contents
    }
    #expect(contents.count > 1_000)
    try directory.start { node in
      #expect(node.world.contents == contents)
      _ = try node.checkpointer.run()
      try checkRows(node)
    }
  }

  // MARK: The thread

  @Test("a stop writes what recovery brought back from the log, before the log may go")
  func stopAfterRecovery() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      for number in 0..<50 { try node.world.put("k\(number)", "1") }
      try node.commitToLog()
      return node.world.contents
    }
    try directory.start { node in
      #expect(node.report.logEntries == 50 && node.report.checkpointPosition == 0)
      try runThread(&node)
      #expect(node.world.database.log.closesEmpty)
    }
    for name in try directory.names() where name.hasPrefix("wal-") {
      try FileDisk(path: directory.path).remove(name)
    }
    try directory.start { node in
      #expect(node.world.contents == contents)
      #expect(node.report.checkpointPosition == 50)
    }
  }

  @Test("a stop with nothing new closes an empty log and writes nothing")
  func stopWithoutChange() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try node.world.put("k", "1")
      try node.commitToLog()
      _ = try node.checkpointer.run()
    }
    let rows = try directory.start { node in
      let rows = try node.rows()
      try runThread(&node)
      #expect(node.world.database.log.isClosing && node.world.database.log.closesEmpty)
      return rows
    }
    try directory.start { node in
      let after = try node.rows()
      #expect(after == rows)
    }
  }

  // MARK: Keys

  /// A second key for the node's directory, saved and handed to its checkpointer.
  private func rotate(_ node: inout StartedNode) throws -> Keyring {
    let keyring = try node.storage.keyring.rotated(
      keyEncryptionKey: node.storage.keyEncryptionKey.span, milliseconds: 1)
    try keyring.save(on: node.storage.disk)
    node.checkpointer.use(keyring)
    return keyring
  }

  private func use(_ node: borrowing StartedNode) throws -> KeyUse {
    var use = KeyUse()
    try node.checkpointer.countBlocks(into: &use)
    return use
  }

  @Test("old blocks move to the newest key in steps of a bounded size, and no other block changes")
  func movesOldBlocks() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      for number in 0..<3_000 { try node.world.put("k\(number)", World.value(number, bytes: 400)) }
      _ = try node.checkpointer.run()
      let rows = try node.rows()
      #expect(try use(node)[1].blocks == rows.count)
      let keyring = try rotate(&node)
      // Some blocks are written by an ordinary run first; those are not old any more.
      for number in 0..<20 { try node.world.put("k\(number)", "1") }
      _ = try node.checkpointer.run()
      let changed = try use(node)
      #expect(changed[2].blocks >= 10 && changed[1].blocks == rows.count - changed[2].blocks)
      let before = try node.rows()
      var (shard, steps) = (0, 0)
      while shard < Shard.count {
        let old = try use(node)[1].blocks
        shard = try #require(try node.checkpointer.moveOldBlocks(from: shard, bytesMax: 100_000))
        let moved = old - (try use(node)[1].blocks)
        #expect(moved > 0 && moved < rows.count / 4)
        steps += 1
      }
      #expect(steps >= 10)
      #expect(try use(node)[1].blocks == 0 && use(node)[2].blocks == rows.count)
      let after = try node.rows()
      #expect(after.count { before[$0.key] == $0.value } == changed[2].blocks)
      #expect(keyring.withoutUnused(try use(node))?.keyIDs == [2])
      try keyring.withoutUnused(try use(node))?.save(on: node.storage.disk)
      return node.world.contents
    }
    try directory.start { node in
      #expect(node.storage.keyring.keyIDs == [2])
      #expect(node.world.contents == contents)
      try checkRows(node)
    }
  }

  @Test("a shard that was divided anew is moved by the next run, whole")
  func movesDividedShard() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let shard = 77
      for key in node.world.keys(inShard: shard, count: 8) {
        try node.world.put(key, World.value(1, bytes: 1_000))
      }
      _ = try node.checkpointer.run()
      _ = try rotate(&node)
      for key in node.world.keys(inShard: shard, count: 40, prefix: "late") {
        try node.world.put(key, World.value(2, bytes: 3_000))
      }
      let end = try node.checkpointer.moveOldBlocks(from: 0, bytesMax: 1 << 30)
      #expect(end == Shard.count)
      _ = try node.checkpointer.run()
      #expect(try use(node)[1].blocks == 0 && use(node)[2].blocks > 1)
    }
  }

  /// Runs the checkpoint thread of a node that was told to stop.
  private func runThread(_ node: inout StartedNode) throws {
    let gate = CheckpointGate(waiter: node.world.database.log.checkpoint)
    gate.close()
    let snapshots = try Snapshots(
      directory: node.storage.directory, keyring: node.storage.keyring,
      identity: node.storage.identity, limit: 3)
    let thread = CheckpointThread(
      gate: gate, database: node.world.database, checkpointer: try node.takeCheckpointer(),
      position: node.report.checkpointPosition, snapshots: snapshots,
      reserve: Reserve(disk: node.storage.disk),
      keys: KeyRotation(
        disk: node.storage.disk, snapshotDisk: snapshots.disk, keyring: node.storage.keyring,
        keyEncryptionKey: node.storage.keyEncryptionKey),
      snapshotMinutes: 60,
      logger: Logger(level: .error))
    thread.run()
  }
}
