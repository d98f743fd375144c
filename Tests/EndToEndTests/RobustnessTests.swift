import Foundation
import Testing

/// Contract §4: no request, however malformed, stops the node or harms another connection.
@Suite("Robustness", .blocking)
struct RobustnessTests {
  /// `E2E_SEEDS=100` sends as much garbage.
  private static let seeds = ClosedRange(
    uncheckedBounds: (
      1, UInt64(ProcessInfo.processInfo.environment["E2E_SEEDS"] ?? "") ?? 4
    ))

  @Test("1,000 idle connections cost no processor time and slow nobody")
  func idleConnections() throws {
    let node = try Node()
    let process = node.process.identifier
    // Those that a node is born with include what tests beside this one had open.
    let descriptors = try ProcessFigures.openDescriptors(process)
    let idle = try (0..<1000).map { _ in try RawConnection(port: node.port) }
    let client = Client(node, as: "alice")
    let time = try seconds {
      for index in 0..<200 { try client.store("t", "k\(index)", "1") }
    }
    #expect(time < 10, "200 writes took \(time) s")
    let before = try ProcessFigures.processorSeconds(process)
    #expect(!idle[0].stirs(withinMilliseconds: 1500))
    let used = try ProcessFigures.processorSeconds(process) - before
    #expect(used < 0.3, "\(used) s of processor time in 1.5 idle seconds")
    for link in idle { link.close() }
    #expect(try eventually { try ProcessFigures.openDescriptors(process) < descriptors + 10 })
    try node.stop()
  }

  @Test(
    "garbage on many connections leaves the node and a neighbour's connection unharmed",
    arguments: seeds)
  func garbage(seed: UInt64) throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let neighbour = Client(node, as: "alice")
    let kept = try RawConnection(port: node.port)
    try neighbour.store("t", "k", "1")
    let process = node.process.identifier
    let descriptors = try ProcessFigures.openDescriptors(process)
    var random = SeededRandom(seed: seed)
    for _ in 0..<100 {
      let link = try RawConnection(port: node.port)
      try? link.send(Self.noise(&random, neighbour))
      if Bool.random(using: &random) { link.finishSending() }
      if Bool.random(using: &random) { link.reset() } else { link.close() }
      let response = try neighbour.get("t", "k")
      #expect(response.status == 200)
    }
    try kept.send("GET /t/key/k HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try kept.readResponse().record().value == "1")
    #expect(node.process.exitStatus == nil)
    #expect(try eventually { try ProcessFigures.openDescriptors(process) <= descriptors + 2 })
    #expect(try node.stop() == 0)
  }

  /// Random bytes, or a valid request with some bytes changed, cut, doubled or moved.
  private static func noise(_ random: inout SeededRandom, _ client: Client) -> ByteText {
    if Int.random(in: 0..<4, using: &random) == 0 {
      return ByteText(random.bytes(Int.random(in: 1..<4000, using: &random)))
    }
    let requests = [
      client.request("PUT", "/n/key/%41", #"{"value":{"a":[1,2.5e3,"\u0041"]}}"#),
      client.request("POST", "/n/keys", #"{"keys":["a","b"]}"#),
      client.request("PATCH", "/n/key/k", #"{"a":1}"#),
      client.request("POST", "/auth/someone", #"{"secret":1}"#),
      client.request("GET", "/n/subscribe/k", fields: [("Last-Event-ID", "1-2-3-4")]),
      "POST /n/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n[]\r\n0\r\nA: b\r\n\r\n",
      "GET /n/store HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ]
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 1...5, using: &random) {
      bytes += requests.randomElement(using: &random)!.bytes
    }
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.insert(contentsOf: random.bytes(3), at: at)
      case 2: bytes.remove(at: at)
      case 3: bytes.insert(contentsOf: bytes[at..<min(at + 40, bytes.count)], at: at)
      default: bytes[at] = [0, 10, 13, 32, 37, 58][Int.random(in: 0..<6, using: &random)]
      }
      if bytes.isEmpty { break }
    }
    return ByteText(bytes)
  }

  @Test("out of descriptors: no crash, no busy loop; when some are free again, it goes on")
  func descriptorLimit() throws {
    let node = try Node(launcher: ["/bin/sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"])
    let process = node.process.identifier
    let client = Client(node, as: "alice")
    try client.store("t", "k", "1")
    var links: [RawConnection] = []
    for _ in 0..<200 { links.append(try RawConnection(port: node.port)) }
    #expect(try client.store("t", "k", "2").version == 2, "connections that are there go on")
    let before = try ProcessFigures.processorSeconds(process)
    _ = links.last?.stirs(withinMilliseconds: 2000)
    let used = try ProcessFigures.processorSeconds(process) - before
    #expect(used < 0.5, "\(used) s of processor time in 2 s of waiting")
    #expect(node.process.exitStatus == nil)
    for link in links { link.close() }
    links = []
    let recovered = try eventually(within: 20) {
      let link = try RawConnection(port: node.port)
      try link.send("GET /t/key/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      return (try? link.readResponse(to: "GET", .in(seconds: 5)).status) == 200
    }
    #expect(recovered)
    try client.store("t", "k", "3")
    #expect(try node.stop() == 0)
    try node.start()
    #expect(try Client(node).get("t", "k").record().value == "3")
    try node.stop()
  }

  @Test("out of descriptors while the log and the checkpoint need files: no write is lost")
  func descriptorLimitAndLog() throws {
    let node = try Node(launcher: ["/bin/sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"])
    let client = Client(node, as: "alice")
    try client.store("t", "first", "1")
    var links: [RawConnection] = []
    for _ in 0..<100 { links.append(try RawConnection(port: node.port)) }
    let fill = ByteText("\"" + String(repeating: "f", count: 900_000) + "\"")
    var acknowledged = 0
    for index in 0..<100 {
      guard try client.put("t", "k\(index)", "{\"value\":" + fill + "}").status == 201 else {
        break
      }
      acknowledged += 1
    }
    #expect(acknowledged > 0)
    try node.kill()
    for link in links { link.close() }
    try node.start()
    let after = Client(node)
    for index in 0..<acknowledged { #expect(try after.get("t", "k\(index)").status == 200) }
    try node.stop()
  }

  @Test("a reader that never reads its 20 MB answer does not grow memory with each request")
  func unreadAnswers() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let fill = ByteText("\"" + String(repeating: "f", count: 1_000_000) + "\"")
    for index in 0..<20 { try client.store("t", "k\(index)", fill) }
    let before = try ProcessFigures.residentBytes(node.process.identifier)
    let links = try (0..<10).map { _ in
      try RawConnection(port: node.port, receiveBufferBytes: 4096)
    }
    for link in links {
      for _ in 0..<20 { try link.send("GET /t/store HTTP/1.1\r\nHost: x\r\n\r\n") }
    }
    for _ in 0..<50 { #expect(try client.send("GET", "/heartbeat").status == 200) }
    let after = try ProcessFigures.residentBytes(node.process.identifier)
    #expect(
      Node.isSanitized || after - before < 64 << 20,
      "grew by \((after - before) >> 20) MiB for 4 GB of answers")
    try node.stop()
  }

  @Test("requests of one busy connection do not starve another")
  func fairness() throws {
    let node = try Node(["DYNA_DURABILITY": "os", "DYNA_LOOPS": "1"])
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<2000).map { (key: "k\($0)", value: "\($0)") })
    let busy = try RawConnection(port: node.port)
    let requests = [[UInt8]](
      repeating: Array("GET /t/store HTTP/1.1\r\nHost: x\r\n\r\n".utf8), count: 200)
    try busy.send(ByteText(requests.joined()))
    Thread.detachNewThread { [busy] in for _ in 0..<200 { _ = try? busy.readResponse() } }
    var slowest = 0.0
    for _ in 0..<50 {
      slowest = max(slowest, try seconds { _ = try client.send("GET", "/heartbeat") })
    }
    #expect(slowest < 1 * Node.slowness, "a request took \(slowest) s")
    try node.stop()
  }
}
