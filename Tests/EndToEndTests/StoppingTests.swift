import Foundation
import Testing

/// Contract and operations: a node told to stop is gone within 2 s, whatever it is doing, and what
/// it acknowledged is there.
@Suite("Stopping", .blocking)
struct StoppingTests {
  /// Sends SIGTERM and waits; the exit code must be 0, and the time that it took two seconds, and
  /// what the machine is slow by: on a busy one a node that has nothing to do takes longer too.
  private func stopInTime(_ node: Node) throws {
    let before = try pace()
    var status: Int32 = -1
    let time = try seconds { status = try node.stop(.in(seconds: 120)) }
    #expect(status == 0, "\(node.log.suffix(500))")
    let allowed = 2.5 * Node.slowness + 5 * max(before, try pace())
    #expect(time < allowed, "\(time) s of \(allowed)")
  }

  /// Seconds that a node without anything to do takes to start and stop.
  private func pace() throws -> Double {
    try seconds { try Node().stop() }
  }

  @Test("under load from writers, readers of lists and streams")
  func underLoad() throws {
    let node = try Node()
    try Client(node, as: "alice").storeAll("t", (0..<3000).map { (key: "k\($0)", value: "\($0)") })
    let streams = try (0..<10).map { _ in try EventStream(node, "/t/subscribe/k0") }
    let acknowledged = Counter()
    for writer in 0..<6 {
      Thread.detachNewThread {
        let client = Client(node, as: "alice")
        var number = 0
        while (try? client.put("w", "\(writer)-\(number)", "{}").status) == 201 {
          acknowledged.add("\(writer)-\(number)")
          number += 1
        }
      }
      Thread.detachNewThread {
        let client = Client(node, as: "alice")
        while (try? client.send("GET", "/t/store").status) == 200 {}
      }
    }
    #expect(eventually { acknowledged.values.count > 300 })
    try stopInTime(node)
    for stream in streams { while try stream.next() != nil {} }
    try node.start()
    let listed = try JSONText.elements(of: Client(node).send("GET", "/w/keys").body)
    let keys = Set(try listed.map { try JSONText.string($0) })
    for key in acknowledged.values { #expect(keys.contains(ByteText(key)), "\(key)") }
    try node.stop()
  }

  @Test("with more to write into the checkpoint than two seconds allow, nothing is lost")
  func muchToWrite() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let fill = String(repeating: "f", count: 900_000)
    for index in 0..<150 { try client.store("t", "k\(index)", "[\(index),\"\(fill)\"]") }
    try stopInTime(node)
    try node.start()
    for index in 0..<150 {
      let value = try Client(node).get("t", "k\(index)").record().value
      #expect(value.count > 900_000 && value.bytes.starts(with: "[\(index),".utf8))
    }
    try node.stop()
  }

  @Test("with streams and lists that nobody reads, and log-ins waiting for their turn")
  func stalled() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let fill = ByteText("\"" + String(repeating: "f", count: 500_000) + "\"")
    let streams = try (0..<10).map { _ in
      try EventStream(node, "/t/subscribe/k", receiveBufferBytes: 4096)
    }
    let lists = try (0..<10).map { _ in
      try RawConnection(port: node.port, receiveBufferBytes: 4096)
    }
    for _ in 0..<20 { try client.store("t", "k", fill) }
    for index in 0..<10 { try client.store("t", "k\(index)", fill) }
    for list in lists { try list.send("GET /t/store HTTP/1.1\r\nHost: x\r\n\r\n") }
    let logins = try (0..<30).map { index in
      let link = try RawConnection(port: node.port)
      try link.send(client.request("POST", "/auth/user\(index)", #"{"secret":"s"}"#))
      return link
    }
    try stopInTime(node)
    #expect(streams.count + lists.count + logins.count == 50)
    try node.start()
    #expect(try Client(node).get("t", "k").record().version == 20)
    try node.stop()
  }

  @Test("during a snapshot, which is then whole or not there")
  func duringSnapshot() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let fill = String(repeating: "f", count: 900_000)
    for index in 0..<100 { try client.store("t", "k\(index)", "[\(index),\"\(fill)\"]") }
    let environment = try Node.environment(["DYNA_DATA_DIR": node.data], node.directory)
    let taking = try Node.process(["snapshot", "now"], environment, in: node.directory)
    _ = eventually(within: 5) {
      node.directory.files().contains { $0.hasPrefix("data/snapshots/snapshot") }
    }
    try stopInTime(node)
    // It goes on by itself, with the whole store to load: how long that takes is not the point.
    _ = try taking.waitForExit(.in(seconds: 120 * Node.slowness))
    for file in node.directory.files() where file.hasSuffix(".json.enc") {
      let verify = try Node.process(
        ["snapshot", "verify", "\(node.directory.path)/\(file)"], environment, in: node.directory)
      #expect(try verify.waitForExit() == 0, "\(file): \(verify.errorOutput)")
    }
    try node.start()
    #expect(try Client(node).get("t", "k99").status == 200)
    try node.stop()
  }

  @Test(
    "a table stays what it was over a restart, also one whose last record was deleted",
    arguments: ["kill", "stop"])
  func emptiedTable(end: String) throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.store("emptied", "k", "1")
    #expect(try client.delete("emptied", "k").status == 200)
    let before = try ["/emptied/keys", "/emptied/store", "/default/keys", "/never/keys"].map {
      try client.send("GET", $0).status
    }
    if end == "kill" { try node.kill() } else { try node.stop() }
    try node.start()
    let after = try ["/emptied/keys", "/emptied/store", "/default/keys", "/never/keys"].map {
      try Client(node).send("GET", $0).status
    }
    #expect(after == before)
    #expect(before[2] == 200 && before[3] == 404)
    try node.stop()
  }
}

/// Names added from many threads.
private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var names: [String] = []

  func add(_ name: String) { lock.withLock { names.append(name) } }
  var values: [String] { lock.withLock { names } }
}
