import Foundation
import Testing

/// Contract §4 and §7, Durability: what was acknowledged is there, whatever happened.
@Suite("Durability", .blocking)
struct DurabilityTests {
  // MARK: Crashes

  @Test("kill -9 under concurrent writes, again and again: nothing acknowledged is lost")
  func killedUnderLoad() throws {
    let node = try Node()
    let journals = (0..<6).map { Journal(writer: $0) }
    for round in 0..<8 {
      let (target, process) = (node, node.process)
      Thread.detachNewThread {
        // Not a fixed time: the crash comes when the writers have got somewhere.
        _ = eventually(within: 20) { journals.allSatisfy { $0.progress >= (round + 1) * 40 } }
        process.signal(SIGKILL)
      }
      try inParallel(journals.count) { index in journals[index].write(to: target) }
      _ = try node.process.waitForExit()
      try node.start()
      let client = Client(node)
      for journal in journals { try journal.check(client) }
    }
    #expect(journals.allSatisfy { $0.progress >= 100 }, "\(journals.map(\.progress))")
    try node.stop()
  }

  @Test(
    "kill -9 while the log of a small disk is written round and round loses nothing",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func killedOnSmallDisk() throws {
    let disk = try SmallFileSystem("size=32m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let journals = (0..<4).map { Journal(writer: $0, paddingBytes: 20_000) }
    for round in 1...6 {
      let (target, process) = (node, node.process)
      Thread.detachNewThread {
        _ = eventually(within: 20) { journals.allSatisfy { $0.progress >= round * 200 } }
        process.signal(SIGKILL)
      }
      try inParallel(journals.count) { index in journals[index].write(to: target) }
      #expect(try node.process.waitForExit() == 128 + SIGKILL)
      try node.start()
      for journal in journals { try journal.check(Client(node)) }
    }
    #expect(journals.allSatisfy { $0.progress >= 1200 }, "\(journals.map(\.progress))")
    try node.stop()
  }

  @Test("a clean stop keeps everything and leaves no log to replay")
  func cleanStop() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<500).map { (key: "k\($0)", value: "[\($0)]") })
    for index in 0..<100 { #expect(try client.delete("t", "k\(index)").status == 200) }
    #expect(try client.login("carol", "s").status == 200)
    let before = try client.send("GET", "/t/store").body
    for _ in 0..<3 {
      #expect(try node.stop() == 0)
      #expect(logSegments(node).isEmpty, "\(node.directory.files())")
      try node.start()
      let again = Client(node, as: "alice")
      #expect(try again.send("GET", "/t/store").body == before)
      #expect(try again.login("carol", "wrong").status == 401)
      #expect(try again.login("carol", "s").status == 200)
    }
    try node.stop()
  }

  @Test("versions and timestamps go on from where they were, also for deleted records")
  func versionsGoOn() throws {
    let node = try Node()
    var last: Int64 = 0
    var lastDeleted: Int64 = 0
    var time: Int64 = 0
    for round in 0..<4 {
      let client = Client(node, as: "alice")
      for _ in 0..<3 {
        let record = try client.store("t", "k", "\(round)")
        #expect(record.version == last + 1)
        #expect(record.timestamp >= time)
        (last, time) = (record.version, record.timestamp)
      }
      let doomed = try client.store("t", "doomed", "1")
      #expect(doomed.version > lastDeleted)
      lastDeleted = doomed.version
      #expect(try client.delete("t", "doomed").status == 200)
      if round % 2 == 0 { try node.kill() } else { try node.stop() }
      try node.start()
      #expect(try Client(node).get("t", "doomed").status == 404)
    }
    try node.stop()
  }

  @Test("users, owners and odd bytes survive a crash exactly")
  func exactAfterCrash() throws {
    let node = try Node()
    let client = Client(node, token: Token.user("z\u{f6}e\\n\\u0000"))
    let values: [ByteText] = [
      "1e400", "-0", #""\ud800\u0000""#, "{ \"b\" : 1.0 , \"a\" : [ ] }", "\"\u{2028}\"",
      ByteText(String(repeating: "7", count: 100)),
      ByteText("\"" + String(repeating: "v", count: (1 << 20) - 2) + "\""),
    ]
    let keys = [
      "a%2Fb", "%0A", "%E2%80%A8", ".", "%C3%A9", "e%CC%81",
      "long" + String(repeating: "k", count: 1000),
    ]
    for (key, value) in zip(keys, values) { try client.store("t%2F", key, value) }
    #expect(try client.login("us%2Fer", "s\u{0}x").status == 200)
    let before = try client.send("GET", "/t%2F/store").body
    for end in 0..<2 {
      if end == 0 { try node.kill() } else { try node.stop() }
      try node.start()
      let again = Client(node, token: client.token)
      #expect(try again.send("GET", "/t%2F/store").body == before)
      #expect(try again.login("us%2Fer", "s\u{0}y").status == 401)
      #expect(try again.login("us%2Fer", "s\u{0}x").status == 200)
      let bob = Client(node, as: "bob")
      #expect(try bob.put("t%2F", "a%2Fb", "{}").status == 401)
    }
    try node.stop()
  }

  @Test("a crash during or right after start-up loses nothing")
  func killedAtStart() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<300).map { (key: "k\($0)", value: "\($0)") })
    let before = try client.send("GET", "/t/store").body
    try node.kill()
    let environment = try Node.environment(["DYNA_DATA_DIR": node.data], node.directory)
    for round in 0..<10 {
      let process = try Node.process(["127.0.0.1:0"], environment, in: node.directory)
      _ = eventually(within: Double(round) * 0.004) { false }
      process.signal(SIGKILL)
      _ = try process.waitForExit()
    }
    try node.start()
    #expect(try Client(node).send("GET", "/t/store").body == before)
    try node.stop()
  }

  @Test("a crash during the very first start leaves nothing that the next one stumbles over")
  func killedAtFirstStart() throws {
    for round in 0..<12 {
      let directory = try TemporaryDirectory()
      let environment = try Node.environment([:], directory)
      let first = try Node.process(["127.0.0.1:0"], environment, in: directory)
      _ = eventually(within: Double(round) * 0.003) { false }
      first.signal(SIGKILL)
      _ = try first.waitForExit()
      let node = try Node(in: directory)
      try Client(node, as: "alice").store("t", "k", "1")
      try node.kill()
      try node.start()
      #expect(try Client(node).get("t", "k").record().value == "1")
      try node.stop()
    }
  }

  @Test(
    "durability os and interval keep everything over a clean stop, and over kill -9 after a while",
    arguments: ["os", "interval"])
  func otherDurabilities(durability: String) throws {
    let node = try Node(["DYNA_DURABILITY": durability])
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<300).map { (key: "k\($0)", value: "\($0)") })
    let before = try client.send("GET", "/t/store").body
    try node.restart()
    #expect(try Client(node).send("GET", "/t/store").body == before)
    try node.stop()
  }

  // MARK: Damage

  @Test(
    "a torn tail of the log is cut with a message; the node starts and is durable again",
    arguments: ["cut 1", "cut 7", "cut 20", "zeros", "noise"])
  func tornTail(damage: String) throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    for index in 0..<50 { try client.store("t", "k\(index)", "\(index)") }
    try node.kill()
    let segment = try lastSegment(node)
    var bytes = try node.directory.read(segment).bytes
    // A segment may be laid out in advance: what counts is where its frames end.
    let end = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
    switch damage {
    case "zeros": for index in end - 12..<end { bytes[index] = 0 }
    case "noise":
      bytes.removeLast(bytes.count - end)
      bytes += [UInt8](repeating: 0x5a, count: 777)
    default: bytes.removeLast(bytes.count - end + Int(damage.dropFirst(4))!)
    }
    try node.directory.write(segment, bytes)
    try node.start()
    #expect(node.process.errorLines.count > 1, "cutting the tail is worth a line: \(node.log)")
    let again = Client(node, as: "alice")
    for index in 0..<45 { #expect(try again.get("t", "k\(index)").record().value == "\(index)") }
    if damage == "noise" {
      #expect(try again.get("t", "k49").status == 200, "garbage behind the end")
    }
    try again.store("t", "after", "1")
    try node.kill()
    try node.start()
    #expect(try Client(node).get("t", "after").record().value == "1")
    #expect(try Client(node).get("t", "k10").record().value == "10")
    try node.stop()
  }

  @Test("damage in the middle of the log is refused with a message that names segment and offset")
  func damagedMiddle() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    for index in 0..<100 { try client.store("t", "k\(index)", "\(index)") }
    try node.kill()
    let segment = try lastSegment(node)
    let bytes = try node.directory.read(segment).bytes
    let end = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
    for at in [end / 4, end / 2] {
      var damaged = bytes
      damaged[at] ^= 0x10
      try node.directory.write(segment, damaged)
      let refused = try node.startAndFail()
      #expect(refused.exitStatus != 0 && refused.exitStatus! < 128, "\(refused.errorOutput)")
      let name = segment.split(separator: "/").last.map(String.init) ?? segment
      #expect(refused.errorOutput.contains(name), "\(refused.errorOutput)")
      #expect(refused.errorOutput.contains("offset"), "\(refused.errorOutput)")
    }
    try node.directory.write(segment, bytes)
    try node.start()
    #expect(try Client(node).get("t", "k99").record().value == "99", "mended, it opens again")
    try node.stop()
  }

  @Test("damage anywhere in storage.db never serves a wrong value and loses nothing silently")
  func damagedCheckpoint() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<400).map { (key: "k\($0)", value: "\"value of \($0)\"") })
    try node.stop()
    let bytes = try node.directory.read("data/storage.db").bytes
    var random = SeededRandom(seed: 7)
    var refusals = 0
    for _ in 0..<12 {
      var damaged = bytes
      damaged[Int.random(in: 100..<bytes.count, using: &random)] ^= 0xff
      for file in node.directory.files() where file.hasPrefix("data/storage.db-") {
        try FileManager.default.removeItem(atPath: "\(node.directory.path)/\(file)")
      }
      try node.directory.write("data/storage.db", damaged)
      do {
        try node.start()
      } catch {
        refusals += 1
        #expect(node.process.exitStatus != nil)
        continue
      }
      let again = Client(node)
      let members = try JSONText.members(of: again.send("GET", "/t/store").body)
      #expect(members.count == 400, "only \(members.count) of 400 records came back, unsaid")
      for (name, raw) in members {
        #expect(try Record(raw).value == "\"value of " + ByteText(name.bytes.dropFirst()) + "\"")
      }
      try node.kill()
    }
    #expect(refusals > 0, "12 flipped bytes, and none was noticed")
  }

  // MARK: Full disk

  @Test(
    "a full disk: 507 for writes, reads go on, refused writes never appear, writing resumes",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func fullDisk() throws {
    let disk = try SmallFileSystem("size=24m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let client = Client(node, as: "alice")
    try client.store("t", "before", "1")
    let ballast = "\(disk.directory.path)/ballast"
    try fill(ballast, leaving: 3 << 20, on: disk)
    let large = ByteText("\"" + String(repeating: "f", count: 500_000) + "\"")
    var stored: [String] = []
    var refused: [String] = []
    for index in 0..<60 where refused.count < 10 {
      let response = try client.put("t", "k\(index)", "{\"value\":" + large + "}")
      #expect([201, 507].contains(response.status), "\(response.status) \(response.body)")
      if response.status == 201 { stored.append("k\(index)") } else { refused.append("k\(index)") }
      if response.status == 507 { #expect(response.error?.isEmpty == false) }
    }
    try #require(!refused.isEmpty, "the disk never got full")
    let present = ["before"] + stored
    try check(Client(node), present, absent: refused)
    #expect(try client.send("GET", "/t/keys").status == 200)
    #expect(try client.send("GET", "/stats").status == 200)
    #expect(node.process.exitStatus == nil)

    // Room is made: writing resumes without a restart.
    try FileManager.default.removeItem(atPath: ballast)
    let resumed = try eventually(within: 30) {
      try client.put("t", "resumed", #"{"value":1}"#).status == 201
    }
    #expect(resumed)
    try check(Client(node), present + ["resumed"], absent: refused)
    try node.kill()
    try node.start()
    try check(Client(node), present + ["resumed"], absent: refused)
    try Client(node, as: "alice").store("t", "last", "1")
    try node.stop()
    try node.start()
    try check(Client(node), present + ["resumed", "last"], absent: refused)
    try node.stop()
  }

  @Test(
    "a node killed on a full disk starts again with what it had acknowledged, and reads",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func restartOnFullDisk() throws {
    let disk = try SmallFileSystem("size=24m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let client = Client(node, as: "alice")
    let ballast = "\(disk.directory.path)/ballast"
    try fill(ballast, leaving: 2 << 20, on: disk)
    let large = ByteText("\"" + String(repeating: "f", count: 300_000) + "\"")
    var stored: [String] = []
    for index in 0..<60 {
      let status = try client.put("t", "k\(index)", "{\"value\":" + large + "}").status
      guard status == 201 else { break }
      stored.append("k\(index)")
    }
    try node.kill()
    try? fill(ballast, leaving: 0, on: disk)
    do {
      try node.start()
      try check(Client(node), stored, absent: [])
      try node.kill()
    } catch {
      // It may say that it needs room, but not crash and not forget.
      let status = node.process.exitStatus ?? -1
      #expect(status > 0 && status < 128, "exit \(status): \(node.log.suffix(500))")
    }
    try FileManager.default.removeItem(atPath: ballast)
    try node.start()
    try check(Client(node), stored, absent: [])
    try Client(node, as: "alice").store("t", "more", "1")
    try node.stop()
  }

  @Test(
    "on a small disk overwriting goes on for ever: what is replaced makes room again",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func overwritingOnSmallDisk() throws {
    let disk = try SmallFileSystem("size=24m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let client = Client(node, as: "alice")
    let fill = String(repeating: "f", count: 100_000)
    for round in 1...1000 {
      let response = try client.put("t", "k\(round % 5)", "{\"n\":\(round),\"fill\":\"\(fill)\"}")
      try #require(response.status == 201, "write \(round) of 100 MB: \(response.body)")
    }
    try node.kill()
    try node.start()
    for key in 0..<5 {
      let value = try Client(node).get("t", "k\(key)").record().value
      #expect(try JSONText.integer("n", of: value) == (key == 0 ? 1000 : 995 + Int64(key)))
    }
    try node.stop()
  }

  @Test(
    "a disk that fills and empties again and again loses nothing and brings nothing refused back",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func fullAgainAndAgain() throws {
    let disk = try SmallFileSystem("size=24m")
    let node = try Node(["DYNA_DATA_DIR": "\(disk.directory.path)/data"])
    let ballast = "\(disk.directory.path)/ballast"
    let piece = ByteText("\"" + String(repeating: "f", count: 40_000) + "\"")
    var stored: [String] = []
    var refused: [String] = []
    for round in 0..<4 {
      let client = Client(node, as: "alice")
      try fill(ballast, leaving: 3 << 20, on: disk)
      var failures = 0
      for index in 0..<150 where failures < 5 {
        let key = "r\(round)-\(index)"
        let status = try client.put("t", key, "{\"value\":\(piece)}").status
        #expect([201, 507].contains(status))
        if status == 201 { stored.append(key) } else { refused.append(key) }
        failures += status == 201 ? 0 : 1
      }
      if round % 2 == 0 { try node.kill() } else { #expect([0, 75].contains(try node.stop())) }
      try FileManager.default.removeItem(atPath: ballast)
      try node.start()
      let again = Client(node, as: "alice")
      try check(again, stored, absent: refused)
      // Half of it goes, so that the next round finds room.
      for key in stored.prefix(stored.count / 2) {
        let gone = try again.delete("t", key)
        #expect(gone.status == 200, "round \(round): \(gone.body)")
        refused.append(key)
      }
      stored.removeFirst(stored.count / 2)
    }
    #expect(!refused.isEmpty)
    try node.stop()
  }

  // MARK: Parts

  private func check(_ client: Client, _ present: [String], absent: [String]) throws {
    for key in present { #expect(try client.get("t", key).status == 200, "\(key) is there") }
    for key in absent { #expect(try client.get("t", key).status == 404, "\(key) was refused") }
  }

  /// Writes a file that leaves about `bytes` free.
  private func fill(_ path: String, leaving bytes: Int, on disk: SmallFileSystem) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(file) }
    let piece = [UInt8](repeating: 1, count: 65536)
    while disk.freeBytes > bytes { guard write(file, piece, piece.count) > 0 else { break } }
  }

  /// The segment that was written last; one laid out in advance holds nothing but zeros.
  private func lastSegment(_ node: Node) throws -> String {
    for segment in logSegments(node).reversed() {
      if try node.directory.read(segment).bytes.contains(where: { $0 != 0 }) { return segment }
    }
    throw Trouble("no log in \(node.directory.files())")
  }

  /// The log's segments below the data directory, oldest first.
  private func logSegments(_ node: Node) -> [String] {
    node.directory.files().filter { $0.hasPrefix("data/") && $0.hasSuffix(".log") }
  }
}
