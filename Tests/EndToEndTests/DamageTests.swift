import Foundation
import Testing

/// Contract §7, Durability: damage never serves a wrong value and never loses data silently; what
/// a person may do to a data directory is damage too.
@Suite("Damage", .blocking)
struct DamageTests {
  /// A stopped node with 50 records in storage.db and, where `killed`, 50 more in its log.
  private func stopped(killed: Bool) throws -> Node {
    let node = try Node()
    let client = Client(node, as: "alice")
    for index in 0..<50 { try client.store("t", "k\(index)", "\(index)") }
    try node.restart()
    guard killed else {
      try node.stop()
      return node
    }
    let again = Client(node, as: "alice")
    for index in 50..<100 { try again.store("t", "k\(index)", "\(index)") }
    try node.kill()
    return node
  }

  /// Starts the node and expects a refusal that says `word`, or, if it starts, every record.
  private func refusesOrKeepsAll(_ node: Node, saying word: String, of count: Int) throws {
    do {
      try node.start()
    } catch {
      let status = node.process.exitStatus ?? -1
      #expect(status > 0 && status < 128, "exit code \(status)")
      #expect(node.process.errorLines.count == 1, "\(node.process.errorLines)")
      #expect(node.log.contains(word), "\(node.log) names \(word)")
      return
    }
    for index in 0..<count {
      let response = try Client(node).get("t", "k\(index)")
      try #require(response.status == 200, "k\(index) is gone, and nothing was said: \(node.log)")
      #expect(try response.record().value == "\(index)")
    }
    try node.kill()
  }

  private func path(_ node: Node, _ name: String) -> String { "\(node.directory.path)/\(name)" }

  private func logs(_ node: Node) throws -> [String] {
    try node.directory.files().filter { $0.hasSuffix(".log") }.filter {
      try node.directory.read($0).bytes.contains { $0 != 0 }
    }
  }

  @Test(
    "storage.db that is gone, empty or cut is noticed", arguments: ["gone", "empty", "cut", "text"])
  func checkpoint(damage: String) throws {
    for killed in [false, true] {
      let node = try stopped(killed: killed)
      let bytes = try node.directory.read("data/storage.db").bytes
      for file in node.directory.files() where file.hasPrefix("data/storage.db") {
        try FileManager.default.removeItem(atPath: path(node, file))
      }
      switch damage {
      case "gone": break
      case "empty": try node.directory.write("data/storage.db", [])
      case "cut": try node.directory.write("data/storage.db", bytes.prefix(bytes.count / 2))
      default: try node.directory.write("data/storage.db", "this is no database\n")
      }
      try refusesOrKeepsAll(node, saying: "storage.db", of: killed ? 100 : 50)
    }
  }

  @Test("an older storage.db than the one the log was let go for is noticed, or nothing is missing")
  func olderCheckpoint() throws {
    let node = try stopped(killed: false)
    let older = try node.directory.read("data/storage.db").bytes
    try node.start()
    let client = Client(node, as: "alice")
    for index in 50..<100 { try client.store("t", "k\(index)", "\(index)") }
    try node.restart()
    let again = Client(node, as: "alice")
    for index in 100..<120 { try again.store("t", "k\(index)", "\(index)") }
    try node.kill()
    for file in node.directory.files() where file.hasPrefix("data/storage.db-") {
      try FileManager.default.removeItem(atPath: path(node, file))
    }
    try node.directory.write("data/storage.db", older)
    try refusesOrKeepsAll(node, saying: "log", of: 120)
  }

  @Test(
    "a log segment that is gone, empty or foreign is noticed",
    arguments: ["gone", "empty", "foreign"])
  func segment(damage: String) throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    // More than one segment, so that the first one's loss leaves a gap.
    let fill = String(repeating: "f", count: 900_000)
    for index in 0..<40 { try client.store("u", "k\(index)", ByteText("\"\(fill)\"")) }
    for index in 0..<20 { try client.store("t", "k\(index)", "\(index)") }
    try node.kill()
    let segments = try logs(node)
    try #require(segments.count > 1, "\(node.directory.files())")
    let first = path(node, segments[0])
    switch damage {
    case "gone": try FileManager.default.removeItem(atPath: first)
    case "empty": try node.directory.write(segments[0], [])
    default:
      let other = try stopped(killed: true)
      let bytes = try other.directory.read(try #require(try logs(other).first))
      try node.directory.write(segments[0], bytes.bytes)
    }
    do {
      try node.start()
    } catch {
      let status = node.process.exitStatus ?? -1
      #expect(status > 0 && status < 128)
      #expect(node.process.errorLines.count == 1 && node.log.contains("wal-"), "\(node.log)")
      return
    }
    for index in 0..<40 {
      try #require(try Client(node).get("u", "k\(index)").status == 200, "lost silently")
    }
    try node.kill()
  }

  @Test(
    "keyring.json or node.json that is gone or damaged is refused with a line that names it",
    arguments: ["keyring.json", "node.json"])
  func identity(file: String) throws {
    let node = try stopped(killed: true)
    let bytes = try node.directory.read("data/\(file)").bytes
    for damage in ["gone", "empty", "cut", "flipped"] {
      switch damage {
      case "gone": try FileManager.default.removeItem(atPath: path(node, "data/\(file)"))
      case "empty": try node.directory.write("data/\(file)", [])
      case "cut": try node.directory.write("data/\(file)", bytes.dropLast(5))
      default:
        var copy = bytes
        copy[copy.count / 2] ^= 0x04
        try node.directory.write("data/\(file)", copy)
      }
      try refusesOrKeepsAll(node, saying: file, of: 100)
      try node.directory.write("data/\(file)", bytes)
    }
    try node.start()
    #expect(try Client(node).get("t", "k99").record().value == "99", "mended, it opens again")
    try node.stop()
  }

  @Test("a data directory works under another path, and its copy keeps everything")
  func moved() throws {
    let node = try stopped(killed: true)
    let target = "\(node.directory.path)/elsewhere"
    try FileManager.default.moveItem(atPath: node.data, toPath: target)
    let moved = try Node(["DYNA_DATA_DIR": target], in: node.directory)
    for index in [0, 49, 50, 99] {
      #expect(try Client(moved).get("t", "k\(index)").record().value == "\(index)")
    }
    try moved.stop()
  }

  @Test("left-overs of a crash between two steps are cleared away, not stumbled over")
  func leftOvers() throws {
    let node = try stopped(killed: true)
    for name in ["node.json.tmp", "keyring.json.tmp", "wal-0000000000000099.log.tmp"] {
      try node.directory.write("data/\(name)", "half")
    }
    try node.directory.write("data/snapshots/snapshot_5.json.enc.tmp", "half")
    try node.start()
    #expect(try Client(node).get("t", "k99").record().value == "99")
    try Client(node, as: "alice").store("t", "new", "1")
    try node.restart()
    #expect(try Client(node).get("t", "new").record().value == "1")
    try node.stop()
  }

  @Test("many starts without a write, killed or stopped, neither lose nor pile up anything")
  func manyStarts() throws {
    let node = try stopped(killed: true)
    var sizes: [Int] = []
    for round in 0..<12 {
      try node.start()
      #expect(try Client(node).get("t", "k99").record().value == "99", "round \(round)")
      if round % 3 == 2 { try node.stop() } else { try node.kill() }
      sizes.append(node.directory.files().count)
    }
    #expect(sizes.max()! <= sizes.prefix(3).max()! + 1, "files: \(sizes)")
  }

  // MARK: Odd surroundings

  @Test(
    "with its standard descriptors closed the node does not log into its own files",
    arguments: ["2>&-", "0<&- 1>&- 2>&-"])
  func closedDescriptors(closing: String) throws {
    let node = try Node(["DYNA_LOG": "debug"])
    let port = node.port
    try Client(node, as: "alice").store("t", "k", "1")
    try node.kill()
    let environment = try Node.environment(
      ["DYNA_DATA_DIR": node.data, "DYNA_LOG": "debug"], node.directory)
    let blind = try Node.process(
      ["127.0.0.1:\(port)"], environment, in: node.directory,
      launcher: ["/bin/sh", "-c", "exec \"$@\" \(closing)", "sh"])
    func call(_ method: String, _ body: String) throws -> Response {
      let link = try RawConnection(port: port)
      try link.send(
        ByteText(
          "\(method) /t/key/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(Token.user("alice"))\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"))
      return try link.readResponse(to: method)
    }
    #expect(eventually { (try? call("GET", "").status) == 200 })
    for index in 2...30 {
      let response = try call("PUT", "{\"value\":\(index)}")
      #expect(try response.record().version == Int64(index))
    }
    blind.signal(SIGKILL)
    _ = try blind.waitForExit()
    try node.start()
    #expect(try Client(node).get("t", "k").record().value == "30")
    try node.stop()
  }

  @Test("when nobody reads its log any more the node goes on")
  func closedLogPipe() throws {
    let node = try Node(["DYNA_LOG": "debug"])
    let port = node.port
    try node.stop()
    let environment = try Node.environment(
      ["DYNA_DATA_DIR": node.data, "DYNA_LOG": "debug"], node.directory)
    // The reader of the pipe ends with the first line.
    let process = try Node.process(
      ["127.0.0.1:\(port)"], environment, in: node.directory,
      launcher: ["/bin/bash", "-c", "exec \"$@\" 2> >(head -1 >/dev/null)", "bash"])
    #expect(eventually { (try? RawConnection(port: port)) != nil })
    for _ in 0..<20 {
      let link = try RawConnection(port: port)
      try link.send(
        "POST /auth/alice HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{\"secret\":\"s\"}")
      #expect(try link.readResponse().status == 200)
      try link.send("BAD\u{0}\r\n\r\n")
    }
    process.signal(SIGTERM)
    #expect(try process.waitForExit() == 0)
  }
}
