import Bytes
import Cluster
import Durability
import Platform
import Store
import Testing

@testable import Server

@Suite("Clocks on disk")
struct ClockRecoveryTests {
  private func clocks(of world: World) -> [ShardClock] {
    (0..<Shard.count).map { shard in world.database.shards.withLock(shard) { $0.shard.clock } }
  }

  /// A write of another node.
  private func entry(
    _ key: String, sequence: UInt64, at hybridTime: UInt64, isDead: Bool = false
  ) -> [UInt8] {
    written { buffer in
      if isDead {
        LogEntry.appendTombstone(
          table: utf8("default").span, key: utf8(key).span, owner: utf8("alice").span, node: 5,
          boot: 2, hybridTime: hybridTime, sequence: sequence, version: 2, into: &buffer)
      } else {
        LogEntry.appendPut(
          table: utf8("default").span, key: utf8(key).span, value: utf8("1").span,
          owner: utf8("alice").span, node: 5, boot: 2, hybridTime: hybridTime,
          sequence: sequence, version: 1, into: &buffer)
      }
    }
  }

  private func apply(_ bytes: [UInt8], to world: World) {
    var replica = DatabaseReplica(database: world.database)
    #expect(replica.apply(bytes.span, count: 1, evenSeen: false) != nil)
  }

  enum Way: CaseIterable { case log, checkpoint, both }

  @Test(
    "what was seen is known after a restart: own and others' writes, lost ones, merged clocks",
    arguments: Way.allCases)
  func survives(way: Way) throws {
    let directory = try DataDirectory()
    let before = try directory.start { node in
      for number in 0..<50 { try node.world.put("k\(number)", "\(number)") }
      apply(entry("k1", sequence: 1, at: 1 << 16), to: node.world)
      try node.commitToLog()
      if way != .log {
        let outcome = try node.checkpointer.run()
        if case .finished(let position) = outcome, way == .checkpoint {
          try node.recycleLog(through: position)
        }
      }
      if way == .both {
        for number in 0..<20 { try node.world.delete("k\(number)") }
        var replica = DatabaseReplica(database: node.world.database)
        _ = replica.merge(
          ShardClock(dots: [Dot(node: 9, boot: 9, sequence: 4)]), intoShard: 77)
        try node.commitToLog()
      }
      return clocks(of: node.world)
    }
    try directory.start { node in
      #expect(clocks(of: node.world) == before)
      #expect(clocks(of: node.world).reduce(0) { $0 + $1.count } >= 51)
    }
  }

  @Test("what was not committed is not known after a crash")
  func lostTail() throws {
    let directory = try DataDirectory()
    let before = try directory.start { node in
      try node.world.put("a", "1")
      try node.commitToLog()
      let durable = clocks(of: node.world)
      try node.world.put("b", "1")
      return durable
    }
    try directory.start { #expect(clocks(of: $0.world) == before) }
  }

  @Test("a clock that lost its changes with a failed run is written by the next one")
  func changedClockAlone() throws {
    let directory = try DataDirectory()
    let before = try directory.start { node in
      try node.world.put("k", "1")
      try node.commitToLog()
      _ = try node.checkpointer.run()
      // A write that loses changes no block, only the clock.
      apply(entry("k", sequence: 1, at: 1 << 16), to: node.world)
      try node.commitToLog()
      if case .finished(let position) = try node.checkpointer.run() {
        try node.recycleLog(through: position)
      }
      return clocks(of: node.world)
    }
    try directory.start { #expect(clocks(of: $0.world) == before) }
  }

  @Test("a node that starts again counts its writes from one")
  func sequences() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try node.world.put("k", "1")
      try node.world.put("k", "2")
      try node.commitToLog()
    }
    try directory.start { node in
      try node.world.put("k", "3")
      let stamp = try #require(node.world.stored("k")?.stamp)
      #expect(stamp.sequence == 1 && stamp.boot == node.storage.identity.boot)
      #expect(node.world.stored("k")?.version == 3)
      #expect(clocks(of: node.world)[node.world.place("default", "k").shard].count == 3)
    }
  }

  @Test("a write that lost against a delete that is gone since does not come back from the log")
  func noResurrection() throws {
    let directory = try DataDirectory()
    let shard = try directory.start { node in
      // Not one of the last, behind which a run could not be stopped.
      let key = node.world.keys(inShard: 500, count: 1)[0]
      let shard = 500
      apply(entry(key, sequence: 2, at: 9 << 16, isDead: true), to: node.world)
      try node.commitToLog()
      _ = try node.checkpointer.run()
      // The older write comes late, loses, and the delete goes.
      apply(entry(key, sequence: 1, at: 8 << 16), to: node.world)
      try node.commitToLog()
      var replica = DatabaseReplica(database: node.world.database)
      let gone = replica.collectTombstones(
        ofShard: shard, before: .max, seenBy: [clocks(of: node.world)[shard]])
      #expect(gone == 1)
      // A run that gets as far as this shard and no further: the log is replayed from before.
      var visited = 0
      _ = try node.checkpointer.run(until: {
        visited += 1
        return visited > shard + 1
      })
      return shard
    }
    try directory.start { node in
      #expect(node.report.logEntries > 0)
      #expect(node.world.contents.isEmpty)
      #expect(clocks(of: node.world)[shard].count == 2)
    }
  }

  @Test("nor where its row was only sealed anew with another key")
  func noResurrectionByRotation() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let key = node.world.keys(inShard: 500, count: 1)[0]
      apply(entry(key, sequence: 2, at: 9 << 16, isDead: true), to: node.world)
      try node.commitToLog()
      _ = try node.checkpointer.run()
      apply(entry(key, sequence: 1, at: 8 << 16), to: node.world)
      try node.commitToLog()
      var replica = DatabaseReplica(database: node.world.database)
      let gone = replica.collectTombstones(
        ofShard: 500, before: .max, seenBy: [clocks(of: node.world)[500]])
      #expect(gone == 1)
      _ = try node.checkpointer.moveOldBlocks(from: 0, bytesMax: 1 << 30)
    }
    try directory.start { node in
      #expect(node.report.logEntries > 0)
      #expect(node.world.contents.isEmpty)
    }
  }

  @Test(
    "the time that peers were told, after one they demanded, is exceeded after a restart",
    arguments: [false, true])
  func time(byCheckpoint: Bool) throws {
    let directory = try DataDirectory()
    let told = try directory.start { node in
      var replica = DatabaseReplica(database: node.world.database)
      let isPromised = replica.exceed(
        HybridClock.time(ofMilliseconds: SystemClock.wallMilliseconds() + 3_600_000))
      #expect(isPromised)
      let told = replica.hybridTime()
      try node.commitToLog()
      if byCheckpoint, case .finished(let position) = try node.checkpointer.run() {
        try node.recycleLog(through: position)
      }
      return told
    }
    try directory.start { node in
      try node.world.put("k", "1")
      let stamp = try #require(node.world.stored("k")?.stamp)
      #expect(stamp.hybridTime > told)
    }
  }

  @Test("a record from a clock an hour ahead does not take the node's own clock along at a restart")
  func foreignTime() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let ahead = HybridClock.time(
        ofMilliseconds: SystemClock.wallMilliseconds() + 3_600_000)
      apply(entry("k", sequence: 1, at: ahead), to: node.world)
      try node.commitToLog()
    }
    try directory.start { node in
      let receipt = try node.world.put("other", "1")
      #expect(receipt.milliseconds < SystemClock.wallMilliseconds() + 60_000)
    }
  }
}
