import Bytes
import HTTP
import Platform
import Testing

@testable import Server

@Suite("An outgoing connection")
struct HTTPClientConnectionTests {
  static let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

  @Test("sends a request without a body as these bytes")
  func bareRequest() throws {
    let world = try ClientWorld.open()
    world.get("/a?b=c", tag: 1)
    world.flush()
    let expected = "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:\(world.listener.port)\r\n\r\n"
    #expect(try text(world.read(expected.utf8.count)) == expected)
  }

  @Test("sends fields and a body behind the fields of its own")
  func fullRequest() throws {
    let world = try ClientWorld.open()
    world.send(.put, "/t/key/k", fields: "Content-Type: text/plain\r\n", body: utf8("xyz"), tag: 1)
    world.flush()
    let expected =
      "PUT /t/key/k HTTP/1.1\r\nHost: 127.0.0.1:\(world.listener.port)\r\nContent-Length: 3\r\n"
      + "Content-Type: text/plain\r\n\r\nxyz"
    #expect(try text(world.read(expected.utf8.count)) == expected)
  }

  @Test("puts an IPv6 address into brackets where it names the host")
  func bracketedHost() throws {
    let listener = try Socket.listen(host: "::1", port: 0, backlog: 16, share: .alone)
    let client = try HTTPClientConnection(
      to: try InternetAddress.resolve("::1")[0], port: listener.port, host: "::1",
      limits: HTTPClientLimits(), now: SystemClock.monotonic())
    #expect(text(client.host) == "[::1]:\(listener.port)")
  }

  /// Responses of each framing, and what is to be heard of them.
  static let responses: [(String, String)] = [
    (hello, "1: 200 hello"),
    ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "1: 404 "),
    ("HTTP/1.1 204 No Content\r\n\r\n", "1: 204 "),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n",
      "1: 200 hello"
    ),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
      "1: 200 hello"
    ),
    ("HTTP/1.1 100 Continue\r\n\r\n" + hello, "1: 200 hello"),
    ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 x\r\n\r\n" + hello, "1: 200 hello"),
  ]

  @Test("reads a response of each framing, and stays open", arguments: responses)
  func wholeResponse(response: String, expected: String) throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serve(response)
    try world.hear(1)
    #expect(world.heard == [expected])
    #expect(world.client.state == .open)
  }

  @Test("reads a response that comes byte by byte", arguments: responses)
  func responseInBytes(response: String, expected: String) throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serveSingly(response)
    try world.hear(1)
    #expect(world.heard == [expected])
    #expect(world.client.state == .open)
  }

  @Test("expects no body behind the head that answers HEAD")
  func headRequest() throws {
    let world = try ClientWorld.open()
    world.send(.head, "/", tag: 1)
    world.get("/", tag: 2)
    world.flush()
    try world.serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + Self.hello)
    try world.hear(2)
    #expect(world.heard == ["1: 200 ", "2: 200 hello"])
  }

  @Test("reads a body that ends with the connection")
  func untilClose() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serve("HTTP/1.1 200 OK\r\n\r\nhel")
    world.turn()
    try world.serve("lo")
    world.hangUp()
    try world.hear(1)
    #expect(world.heard == ["1: 200 hello"])
    #expect(world.client.state == .closed(.closedByPeer))
  }

  @Test("lends the fields of a response")
  func fields() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serve("HTTP/1.1 200 OK\r\nX-Acks: 2/3\r\nContent-Length: 0\r\n\r\n")
    try world.hear(1)
    let answer = world.answers[0]
    let range = answer.response.value(of: "x-acks", in: answer.head.span)
    #expect(range.map { text(Array(answer.head[$0.range])) } == "2/3")
  }

  @Test("matches pipelined responses with their requests in order")
  func pipelining() throws {
    let world = try ClientWorld.open()
    for tag in 1...200 { world.get("/", tag: UInt64(tag)) }
    world.flush()
    let response = { (tag: Int) in
      "HTTP/1.1 200 OK\r\nContent-Length: \("\(tag)".utf8.count)\r\n\r\n\(tag)"
    }
    try world.serve((1...200).map(response).joined())
    try world.hear(200)
    #expect(world.heard == (1...200).map { "\($0): 200 \($0)" })
  }

  @Test("takes requests before it is connected, and sends them then")
  func queueWhileConnecting() throws {
    let world = try ClientWorld()
    world.get("/", tag: 1)
    world.flush()
    #expect(world.client.state == .connecting)
    try world.accept()
    _ = try world.read(16)
    try world.serve(Self.hello)
    try world.hear(1)
    #expect(world.heard == ["1: 200 hello"])
  }

  @Test("carries bodies of a mebibyte in both directions, however little the sockets take")
  func largeBodies() throws {
    let world = try ClientWorld.open()
    Socket.setSendBuffer(world.client.descriptor, bytes: 4_096)
    let body = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    world.send(.put, "/", body: body, tag: 1)
    world.flush()
    #expect(world.client.unsentBytes > 0)
    let head =
      "PUT / HTTP/1.1\r\nHost: 127.0.0.1:\(world.listener.port)\r\nContent-Length: 1048576\r\n\r\n"
    let received = try world.read(head.utf8.count + body.count)
    #expect(Array(received.suffix(body.count)) == body)
    #expect(world.client.unsentBytes == 0)

    try world.serve("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
    for start in stride(from: 0, to: body.count, by: 32_768) {
      try world.serve(String(repeating: "x", count: 32_768))
      if start % 65_536 == 0 { world.turn() }
    }
    try world.hear(1)
    #expect(world.answers[0].body == [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
  }

  @Test("holds no memory for bytes while it idles")
  func idleMemory() throws {
    let world = try ClientWorld.open()
    world.send(.put, "/", body: [UInt8](repeating: 0, count: 100_000), tag: 1)
    world.flush()
    _ = try world.read(100_000)
    try world.serve(Self.hello)
    try world.hear(1)
    #expect(world.client.input.capacity == 0)
    #expect(world.client.output.capacity <= HTTPClientLimits.keptBytesMax)
  }
}
