import Foundation
import Testing

/// Contract §5: snapshots of the whole store, and the verb that works on them.
@Suite("Snapshots", .blocking)
struct SnapshotTests {
  /// Runs `dynaswift snapshot …` for the node's data directory.
  private func snapshot(
    _ words: [String], of node: Node, _ changes: [String: String] = [:]
  ) throws -> (status: Int32, output: String, error: String) {
    let environment = try Node.environment(
      ["DYNA_DATA_DIR": node.data].merging(changes) { $1 }, node.directory)
    let process = try Node.process(["snapshot"] + words, environment, in: node.directory)
    defer { process.signal(SIGKILL) }
    let status = try process.waitForExit(.in(seconds: 60))
    return (status, process.output, process.errorOutput)
  }

  private func files(_ node: Node) -> [String] {
    node.directory.files().filter { $0.hasPrefix("data/snapshots/") }
  }

  /// A node with some records, users and deletes; returns what GET /{table}/store says.
  private func filled() throws -> (Node, ByteText) {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<300).map { (key: "k\($0)", value: "[\($0),1.0,\"mark-5519\"]") })
    try client.store("t", "a%2F%0A", #""\ud800 1e400""#)
    try client.store("t", "a%2F%0A", "1e400")
    try Client(node, as: "bob").store("u", "k", "{ }")
    #expect(try client.delete("t", "k7").status == 200)
    #expect(try client.login("carol", "secret-mark-5519").status == 200)
    return (node, try client.send("GET", "/t/store").body)
  }

  @Test("now writes a snapshot beside a running node, sealed, under a name with its time")
  func now() throws {
    let (node, _) = try filled()
    let before = wallMilliseconds()
    let taken = try snapshot(["now"], of: node)
    #expect(taken.status == 0, "\(taken.error)")
    let name = try #require(files(node).last)
    let match = try #require(name.firstMatch(of: #/snapshot_(\d+)\.json(\.enc)?$/#), "\(name)")
    let stamp = try #require(Int64(match.1))
    #expect(abs((match.1.count > 11 ? stamp : stamp * 1000) - before) < 60_000, "\(name)")
    #expect(taken.output.contains("snapshot_\(match.1)"))
    let bytes = try node.directory.read(name)
    #expect(name.hasSuffix(".enc") && !bytes.contains("mark-5519") && !bytes.contains("carol"))
    #expect(try Client(node).send("GET", "/heartbeat").status == 200)
    let listed = try snapshot(["list"], of: node)
    #expect(listed.status == 0 && listed.output.contains("snapshot_\(match.1)"))
    let verified = try snapshot(["verify", String(name.split(separator: "/").last!)], of: node)
    #expect(verified.status == 0, "\(verified.error)")
    #expect(verified.output.contains("301") || verified.output.contains("302"), "\(verified.output)")
    try node.stop()
  }

  @Test("a snapshot restores byte for byte into a new directory: records, owners, users, deletes",
    arguments: ["running", "stopped"])
  func restore(state: String) throws {
    let (node, store) = try filled()
    if state == "stopped" { try node.stop() }
    #expect(try snapshot(["now"], of: node).status == 0)
    if state == "running" { try node.kill() }
    let path = "\(node.directory.path)/\(try #require(files(node).last))"
    let restored = try snapshot(["restore", path, "\(node.directory.path)/restored"], of: node)
    #expect(restored.status == 0, "\(restored.error)")

    let copy = try Node(
      ["DYNA_DATA_DIR": "\(node.directory.path)/restored"], in: node.directory)
    let client = Client(copy, as: "alice")
    #expect(try client.send("GET", "/t/store").body == store)
    #expect(try client.get("t", "k7").status == 404)
    #expect(try client.login("carol", "wrong").status == 401)
    #expect(try client.login("carol", "secret-mark-5519").status == 200)
    #expect(try client.put("u", "k", "{}").status == 401)
    let version = try client.get("t", "k1").record().version
    #expect(try client.store("t", "k1", "2").version == version + 1)
    try copy.kill()
    try copy.start()
    #expect(try Client(copy).get("t", "k1").record().value == "2")
    try copy.stop()
  }

  @Test("the newest SNAP_LIMIT snapshots are kept")
  func limit() throws {
    let node = try Node(["SNAP_LIMIT": "2"])
    let client = Client(node, as: "alice")
    var kept: [String] = []
    for round in 0..<4 {
      try client.store("t", "k\(round)", "1")
      #expect(try snapshot(["now"], of: node).status == 0)
      kept.append(try #require(files(node).last))
    }
    #expect(files(node) == Array(kept.suffix(2)))
    #expect(Set(kept).count == 4)
    try node.stop()
  }

  @Test("a damaged, cut or foreign snapshot is refused by verify and restore, which leaves nothing")
  func damaged() throws {
    let (node, _) = try filled()
    #expect(try snapshot(["now"], of: node).status == 0)
    let name = try #require(files(node).last)
    let bytes = try node.directory.read(name).bytes
    var copies: [[UInt8]] = [[], Array(bytes.dropLast()), Array(bytes.prefix(bytes.count / 2)), bytes + [0]]
    for at in [0, 40, bytes.count / 3, bytes.count / 2, bytes.count - 1] {
      var copy = bytes
      copy[at] ^= 1
      copies.append(copy)
    }
    for copy in copies {
      try node.directory.write("snapshot_1.json.enc", copy)
      let path = "\(node.directory.path)/snapshot_1.json.enc"
      let verified = try snapshot(["verify", path], of: node)
      #expect(verified.status > 0 && verified.status < 128 && !verified.error.isEmpty)
      let target = "\(node.directory.path)/half"
      let restored = try snapshot(["restore", path, target], of: node)
      #expect(restored.status > 0 && restored.status < 128)
      #expect(!FileManager.default.fileExists(atPath: target))
    }
    try node.directory.write("other", [UInt8](repeating: 9, count: 32))
    let foreign = try snapshot(
      ["verify", "\(node.directory.path)/\(name)"], of: node,
      ["DYNA_ENCRYPTION_KEY_FILE": "\(node.directory.path)/other"])
    #expect(foreign.status > 0 && foreign.error.lowercased().contains("key"), "\(foreign.error)")
    try node.stop()
  }

  @Test("restore never writes into a directory that holds something, least of all a node's")
  func notOver() throws {
    let (node, store) = try filled()
    #expect(try snapshot(["now"], of: node).status == 0)
    let path = "\(node.directory.path)/\(try #require(files(node).last))"
    for target in [node.data, node.directory.path] {
      let restored = try snapshot(["restore", path, target], of: node)
      #expect(restored.status > 0 && restored.status < 128 && !restored.error.isEmpty)
    }
    #expect(try Client(node).send("GET", "/t/store").body == store)
    try node.stop()
  }

  @Test("an unknown verb or a missing argument is refused")
  func badWords() throws {
    let node = try Node()
    for words in [[], ["nonsense"], ["verify"], ["restore"], ["verify", "none.json.enc"]] {
      let result = try snapshot(words, of: node)
      #expect(result.status > 0 && result.status < 128 && !result.error.isEmpty, "\(words)")
    }
    let nowhere = try snapshot(
      ["now"], of: node, ["DYNA_DATA_DIR": "\(node.directory.path)/nowhere"])
    #expect(nowhere.status > 0)
    #expect(!FileManager.default.fileExists(atPath: "\(node.directory.path)/nowhere"))
    try node.stop()
  }

  @Test("writes go on while a snapshot is taken, and each is in the next one")
  func underWrites() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<5000).map { (key: "k\($0)", value: "[\($0)]") })
    let environment = try Node.environment(["DYNA_DATA_DIR": node.data], node.directory)
    let taking = try Node.process(["snapshot", "now"], environment, in: node.directory)
    var written = 0
    while taking.exitStatus == nil && written < 20_000 {
      try client.store("t", "new\(written)", "1")
      written += 1
    }
    #expect(try taking.waitForExit() == 0, "\(taking.errorOutput)")
    let path = "\(node.directory.path)/\(try #require(files(node).last))"
    #expect(try snapshot(["verify", path], of: node).status == 0)
    try node.stop()
  }

  @Test("a snapshot is taken by itself, after as many minutes as told", .waiting)
  func hourly() throws {
    let node = try Node(["DYNA_SNAPSHOT_MINUTES": "1"])
    try Client(node, as: "alice").store("t", "k", "1")
    #expect(eventually(within: 100) { !files(node).isEmpty })
    #expect(try eventually(within: 10) {
      guard let name = files(node).last else { return false }
      return try snapshot(["verify", "\(node.directory.path)/\(name)"], of: node).status == 0
    })
    try node.stop()
  }
}
