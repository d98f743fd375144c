import Bytes
import Durability
import Platform
import Store
import Testing

@testable import Server

@Suite("Log thread")
struct LogThreadTests {
  /// Runs the log thread of a node while `body` writes, then closes the log and waits for its end.
  private func withThread(
    _ node: inout StartedNode, durability: Configuration.Durability = .sync,
    deleteAll: Bool = false,
    _ body: (World, inout StartedNode) throws -> Void
  ) throws {
    let log = node.world.database.log
    var thread = LogThread(
      log: log, writer: node.makeWriter(), disk: node.storage.disk, durability: durability,
      logger: Logger(level: .error))
    try thread.begin()
    let start = Handover(thread)
    let handle = try Thread.start(name: "log") {
      var thread = start.take()
      thread.run()
    }
    let outcome = Result { try body(node.world, &node) }
    log.close(deleteAll: deleteAll)
    handle.join()
    try outcome.get()
  }

  private func awaitCommit(_ world: World) {
    let gate = Waiter()
    for _ in 0..<10_000 where world.database.log.committed < world.database.log.appended {
      _ = gate.wait(milliseconds: 1)
    }
    #expect(world.database.log.committed == world.database.log.appended)
  }

  @Test(
    "what was committed is there after a start, however durable it was asked to be",
    arguments: [Configuration.Durability.sync, .interval, .os])
  func durability(durability: Configuration.Durability) throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      try withThread(&node, durability: durability) { world, _ in
        for number in 0..<500 {
          try world.put("k\(number % 300)", World.value(number, bytes: 100))
          if number % 50 == 0 { world.database.log.kick() }
        }
        for number in 0..<20 { try world.delete("k\(number)") }
        world.database.log.kick()
        awaitCommit(world)
      }
      return node.world.contents
    }
    try directory.start { node in #expect(node.world.contents == contents) }
  }

  @Test("writes are admitted from the first one on")
  func firstWrite() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      // The world's own budget was for worlds without a log thread.
      node.world.database.log.admit(bytes: 0, diskIsLow: false)
      try withThread(&node) { world, _ in
        try world.put("k", "1")
        world.database.log.kick()
        awaitCommit(world)
      }
    }
  }

  @Test("long values in a burst are admitted while the disk has room")
  func burst() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try withThread(&node) { world, _ in
        for number in 0..<40 { try world.put("k\(number)", World.value(number, bytes: 1_000_000)) }
        world.database.log.kick()
        awaitCommit(world)
      }
    }
    try directory.start { node in #expect(node.world.keys().count == 40) }
  }

  @Test("threads that write at once are all told, in any order, and all is there")
  func threads() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      try withThread(&node) { world, _ in
        let handles = try (0..<4).map { thread in
          Handover(
            try Thread.start(name: "writer-\(thread)") {
              for round in 0..<300 {
                _ = try? world.put("k\(thread)-\(round % 100)", World.value(round, bytes: 50))
                if round % 3 == 0 { world.database.log.kick() }
              }
            })
        }
        for handle in handles { handle.take().join() }
        world.database.log.kick()
        awaitCommit(world)
      }
      return node.world.contents
    }
    #expect(contents.values.allSatisfy { $0.version == 3 })
    try directory.start { node in #expect(node.world.contents == contents) }
  }

  @Test("closing writes what still waits")
  func closing() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try withThread(&node) { world, _ in
        for number in 0..<100 { try world.put("k\(number)", "1") }
      }
      #expect(node.world.database.log.committed == 100)
    }
    try directory.start { node in #expect(node.world.keys().count == 100) }
  }

  @Test("closing after a whole checkpoint leaves no segment")
  func closingEmpty() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try withThread(&node, deleteAll: true) { world, node in
        try world.put("k", "1")
        world.database.log.kick()
        awaitCommit(world)
        _ = try node.checkpointer.run()
      }
    }
    #expect(try directory.names().allSatisfy { !$0.hasPrefix("wal-") })
    try directory.start { node in #expect(node.world.value("k") == "1") }
  }

  @Test("segments that a checkpoint made superfluous go")
  func recycling() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try withThread(&node) { world, node in
        for round in 0..<4 {
          for number in 0..<30 {
            try world.put("k\(number)", World.value(round, bytes: 200_000))
          }
          world.database.log.kick()
          awaitCommit(world)
        }
        let before = world.database.log.segmentBytes
        #expect(before > 20 << 20)
        guard case .finished(let position) = try node.checkpointer.run() else {
          Issue.record("no checkpoint")
          return
        }
        world.database.log.recycle(through: position)
        let pause = Waiter()
        for _ in 0..<5_000 where world.database.log.segmentBytes > 10 << 20 {
          _ = pause.wait(milliseconds: 1)
        }
        #expect(world.database.log.segmentBytes <= 10 << 20)
      }
    }
    try directory.start { node in #expect(node.world.keys().count == 30) }
  }
}
