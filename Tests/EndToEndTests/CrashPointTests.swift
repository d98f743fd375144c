import Foundation
import Testing

/// The crash points of the design, on real files: the node dies at its n-th call of each kind, or
/// the disk fails there.
@Suite(
  "Crash points", .blocking,
  .enabled(if: SystemCalls.canBeTampered, Comment(rawValue: SystemCalls.whyNot)))
struct CrashPointTests {
  /// Calls that change what is on the disk, each with its other spellings.
  private static let calls = [
    "pwrite64", "fdatasync", "fsync", "rename,renameat,renameat2", "unlink,unlinkat", "ftruncate",
    "openat",
  ]

  @Test(
    "killed at the n-th call while it starts or writes, it has all that was acknowledged",
    arguments: calls)
  func whileWriting(call: String) throws {
    let node = try Node()
    let journals = (0..<3).map { Journal(writer: $0) }
    for journal in journals { journal.write(to: node, changes: 10) }
    var killed = 0
    for count in [1, 2, 3, 5, 8, 13, 34] {
      if node.process.exitStatus == nil { try node.kill() }
      node.launcher = SystemCalls.tampering("\(call):signal=KILL:when=\(count)")
      // It may die before it listens: then the start is what was cut off.
      if (try? node.start()) != nil {
        let started = node
        try inParallel(journals.count) { journals[$0].write(to: started, changes: 30) }
        if node.process.exitStatus == nil { try node.stop() }
      }
      if try node.process.waitForExit() == 128 + SIGKILL { killed += 1 }
      node.launcher = []
      try node.start()
      for journal in journals { try journal.check(Client(node)) }
    }
    #expect(killed > 0, "it never died: nothing was tested")
    try node.stop()
  }

  @Test(
    "killed at the n-th call while it stops, checkpoint and all, it has everything",
    arguments: calls.filter { !["rename,renameat,renameat2", "openat"].contains($0) })
  func whileStopping(call: String) throws {
    let node = try Node()
    let journal = Journal(writer: 0)
    var killed = 0
    for count in [1, 2, 3, 5, 8, 13] {
      journal.write(to: node, changes: 25)
      let tracer = try SystemCalls.attach("\(call):signal=KILL:when=\(count)", to: node.process)
      node.signal(SIGTERM)
      if try node.process.waitForExit() == 128 + SIGKILL { killed += 1 }
      _ = try tracer.waitForExit()
      try node.start()
      try journal.check(Client(node))
      try Client(node, as: "alice").store("own", "k", "\(count)")
    }
    #expect(killed > 0, "it never died: nothing was tested")
    #expect(journal.progress > 120)
    try node.stop()
  }

  @Test(
    "killed at the n-th call of its very first start, it starts anew and works",
    arguments: calls)
  func firstStart(call: String) throws {
    var killed = 0
    for count in [1, 2, 3, 5, 9] {
      let directory = try TemporaryDirectory()
      let environment = try Node.environment([:], directory)
      let first = try Node.process(
        ["127.0.0.1:0"], environment, in: directory,
        launcher: SystemCalls.tampering("\(call):signal=KILL:when=\(count)"))
      let up = try? first.waitForErrorOutput(.in(seconds: 20)) { Node.address(in: $0) }
      killed += up == nil ? 1 : 0
      first.signal(SIGKILL)
      _ = try first.waitForExit()
      let node = try Node(in: directory)
      try Client(node, as: "alice").store("t", "k", "1")
      try node.kill()
      try node.start()
      #expect(try Client(node).get("t", "k").record().value == "1", "\(call), \(count)")
      try node.stop()
    }
    #expect(killed > 0, "it never died: nothing was tested")
  }

  @Test(
    "killed anywhere while checkpoints make room in the log, it has all that was acknowledged",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)),
    arguments: ["pwrite64", "fdatasync", "rename,renameat,renameat2", "unlink,unlinkat"])
  func whileCheckpointing(call: String) throws {
    let disk = try SmallFileSystem("size=32m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let journals = (0..<3).map { Journal(writer: $0, paddingBytes: 30_000) }
    var random = SeededRandom(seed: UInt64(call.utf8.count))
    var killed = 0
    for _ in 0..<6 {
      // About 30 MB a round, through a log that has room for half of it.
      let count = Int.random(in: 1...(call == "pwrite64" ? 700 : 12), using: &random)
      let tracer = try SystemCalls.attach("\(call):signal=KILL:when=\(count)", to: node.process)
      let started = node
      try inParallel(journals.count) { journals[$0].write(to: started, changes: 330) }
      if node.process.exitStatus == nil { node.signal(SIGTERM) }
      if try node.process.waitForExit() == 128 + SIGKILL { killed += 1 }
      _ = try tracer.waitForExit()
      try node.start()
      for journal in journals { try journal.check(Client(node)) }
    }
    #expect(killed > 0, "it never died: nothing was tested")
    try node.stop()
  }

  @Test("a write is answered, and its event sent, only when the disk has it")
  func acknowledgedAfterSync() throws {
    for (durability, waits) in [("sync", true), ("os", false)] {
      let node = try Node(["DYNA_DURABILITY": durability])
      try node.stop()
      node.launcher = SystemCalls.tampering("fdatasync:delay_enter=700000")
      try node.start()
      let client = Client(node, as: "alice")
      let stream = try EventStream(node, "/t/subscribe/k")
      // Room for the log is made with syncs of its own, which writes may meet for a while: where they need
      // not wait, the first that does not is enough.
      var times: [Double] = []
      while times.count < (waits ? 8 : 100), waits || !times.contains(where: { $0 < 0.65 }) {
        times.append(try seconds { try client.store("t", "k", "\(times.count)") })
      }
      let quickest = times.min()!
      #expect(waits ? quickest > 0.65 : quickest < 0.65, "\(durability): \(times)")
      _ = try stream.event()
      try node.kill()
    }
  }

  @Test(
    "when a sync fails the node stops: nothing more is acknowledged, nothing acknowledged lost",
    arguments: ["fdatasync:error=EIO", "pwrite64:error=EIO", "fdatasync:error=ENOSPC"])
  func failedSync(injection: String) throws {
    let node = try Node()
    let journal = Journal(writer: 0)
    journal.write(to: node, changes: 20)
    try node.stop()
    node.launcher = SystemCalls.tampering("\(injection):when=30+")
    if (try? node.start()) != nil {
      let started = node.process
      Thread.detachNewThread {
        _ = try? started.waitForExit(.in(seconds: 15))
        started.signal(SIGKILL)
      }
      journal.write(to: node)
    }
    let status = try node.process.waitForExit()
    #expect(status > 0 && status < 128, "exit code \(status)")
    #expect(node.log.contains("ERROR"), "\(node.log.suffix(300))")
    node.launcher = []
    try node.start()
    try journal.check(Client(node))
    try Client(node, as: "alice").store("t", "after", "1")
    try node.stop()
  }
}
