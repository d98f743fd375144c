import Foundation
import Testing

/// Contract §3 and §7: how long a node waits for a client. These tests mostly wait, all at once.
@Suite("HTTP: waiting", .waiting)
struct HTTPTimingTests {
  static let node = SharedNode()

  /// Sends one byte of `text` each `milliseconds` until the node answers or ends the connection;
  /// returns what it said and the seconds that took.
  private func dribble(
    _ text: ByteText, everyMilliseconds milliseconds: Int32, on link: RawConnection, limit: Double
  ) throws -> (ByteText, Double) {
    var said = ByteText([])
    let time = try seconds {
      let deadline = Deadline.in(seconds: limit)
      for byte in text.bytes {
        if deadline.hasPassed { throw Trouble("the node still waits after \(limit) s") }
        do { try link.send(ByteText([byte])) } catch { break }
        if link.stirs(withinMilliseconds: milliseconds) { break }
      }
      said = try link.readToEnd(deadline)
    }
    return (said, time)
  }

  @Test("a head must be there within 10 s, however it trickles in")
  func slowHead() throws {
    let link = try RawConnection(port: Self.node().port)
    let head = ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 9))
    let (said, time) = try dribble(head, everyMilliseconds: 500, on: link, limit: 20)
    #expect(said.isEmpty || said.string.hasPrefix("HTTP/1.1 408 "), "\(said)")
    #expect((9...15).contains(time), "\(time) s")
  }

  @Test("a head that stops half-way is given up within 10 s")
  func stalledHead() throws {
    let link = try RawConnection(port: Self.node().port)
    try link.send("GET /heartbeat HTTP/1.1\r\nHost: x\r\n")
    let (said, time) = try dribble("\r", everyMilliseconds: 20_000, on: link, limit: 20)
    #expect(said.isEmpty || said.string.hasPrefix("HTTP/1.1 408 "), "\(said)")
    #expect((9...15).contains(time), "\(time) s")
  }

  @Test("a second head on a kept connection has 10 s too")
  func slowSecondHead() throws {
    let link = try RawConnection(port: Self.node().port)
    try link.send("GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
    #expect(try link.readResponse().status == 200)
    let (_, time) = try dribble("r", everyMilliseconds: 20_000, on: link, limit: 20)
    #expect((9...15).contains(time), "\(time) s")
  }

  @Test("a body that stalls is given up within 30 s and never applied")
  func stalledBody() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let request = client.request("PUT", "/\(table)/key/k", "{\"value\":1}      ")
    let link = try RawConnection(port: Self.node().port)
    try link.send(ByteText(request.bytes.dropLast(3)))
    let (said, time) = try dribble(" ", everyMilliseconds: 45_000, on: link, limit: 45)
    #expect(said.isEmpty || said.string.hasPrefix("HTTP/1.1 408 "), "\(said)")
    #expect((28...40).contains(time), "\(time) s")
    #expect(try Client(Self.node()).get(table, "k").status == 404)
  }

  @Test("a body that goes on, slowly, is not given up")
  func slowBody() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let request = client.request("PUT", "/\(table)/key/k", "{\"value\":12345}")
    let link = try RawConnection(port: Self.node().port)
    try link.send(ByteText(request.bytes.dropLast(8)))
    for byte in request.bytes.suffix(8) {
      #expect(!link.stirs(withinMilliseconds: 1500))
      try link.send(ByteText([byte]))
    }
    #expect(try link.readResponse(to: "PUT").status == 201)
  }

  @Test("an idle connection is closed after 60 s, not much sooner")
  func idle() throws {
    let fresh = try RawConnection(port: Self.node().port)
    let used = try RawConnection(port: Self.node().port)
    try used.send("GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try used.readResponse().status == 200)
    var rest: ByteText = "?"
    let usedSeconds = try seconds { rest = try used.readToEnd(.in(seconds: 80)) }
    #expect(rest.isEmpty || rest.string.hasPrefix("HTTP/1.1 408 "), "\(rest)")
    #expect((55...75).contains(usedSeconds), "\(usedSeconds) s")
    // A connection that never sent anything has no longer than that.
    #expect(try fresh.readToEnd(.in(seconds: 5)).count < 1000)
  }

  @Test("slow clients, 200 of them, do not slow a quick one")
  func slowMany() throws {
    let node = try Self.node()
    let links = try (0..<200).map { _ in try RawConnection(port: node.port) }
    for link in links { try link.send("POST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Le") }
    let client = Client(node)
    let time = try seconds {
      for _ in 0..<200 {
        let response = try client.send("GET", "/heartbeat")
        #expect(response.status == 200)
      }
    }
    #expect(time < 5, "200 requests took \(time) s")
  }
}
