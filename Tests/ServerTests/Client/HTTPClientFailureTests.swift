import Bytes
import Glibc
import HTTP
import Platform
import Testing

@testable import Server

@Suite("An outgoing connection that fails")
struct HTTPClientFailureTests {
  static let hello = HTTPClientConnectionTests.hello
  static let closedByPeer = "closed the connection without an answer"

  @Test(
    "tells of it, whichever byte of the response was the last",
    arguments: [
      hello, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ])
  func closedInside(response: String) throws {
    for count in 0..<response.utf8.count {
      let world = try ClientWorld.open()
      world.get("/", tag: 1)
      world.flush()
      try world.serve(text(Array(response.utf8.prefix(count))))
      world.endAnswers()
      try world.hear(1)
      #expect(world.heard == ["1: \(Self.closedByPeer)?"], "closed behind byte \(count)")
      #expect(world.client.state == .closed(.closedByPeer))
    }
  }

  @Test("has no outcome where it was idle")
  func closedIdle() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serve(Self.hello)
    try world.hear(1)
    world.hangUp()
    try world.until { world.isClosed }
    #expect(world.client.state == .closed(.closedByPeer))
    #expect(world.heard == ["1: 200 hello"])
  }

  @Test("fails a request that comes too late at once, and says that it never left")
  func sendWhenClosed() throws {
    let world = try ClientWorld.open()
    world.hangUp()
    try world.until { world.isClosed }
    world.get("/", tag: 1)
    #expect(world.heard == ["1: \(Self.closedByPeer)"])
  }

  @Test("tells requests that never left from those that may have arrived")
  func unsent() throws {
    let world = try ClientWorld.open()
    world.send(.put, "/", body: [UInt8](repeating: 0, count: 16 << 20), tag: 1)
    world.flush()
    world.get("/", tag: 2)
    world.flush()
    #expect(world.client.unsentBytes > 0)
    world.reset()
    try world.hear(2)
    #expect(world.heard[0].hasSuffix("?"))
    #expect(!world.heard[1].hasSuffix("?"))
  }

  @Test("fails what stands behind a response that ends the connection")
  func connectionClose() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.get("/", tag: 2)
    world.flush()
    world.get("/", tag: 3)
    try world.serve("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    try world.hear(3)
    #expect(
      world.heard == ["1: 200 ", "2: \(Self.closedByPeer)?", "3: \(Self.closedByPeer)"])
    #expect(world.client.state == .closed(.closedByPeer))
  }

  @Test("was never made where nobody listens")
  func unreachable() throws {
    let port = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, share: .alone).port
    let now = SystemClock.monotonic()
    var client = try HTTPClientConnection(
      to: try InternetAddress.resolve("127.0.0.1")[0], port: port, host: "x",
      limits: HTTPClientLimits(), now: now)
    client.send(.get, "/", tag: 1, deadline: now.advanced(bySeconds: 30))
    client.happened([.error, .hangup], now: now)
    let refused = HTTPClientFailure.unreachable(SystemError(call: "connect", code: ECONNREFUSED))
    #expect(client.state == .closed(refused))
    guard case .failed(1, refused, mayHaveArrived: false)? = client.nextOutcome() else {
      Issue.record("the request did not fail with the connection")
      return
    }
  }

  @Test("is broken by a reset")
  func reset() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    world.reset()
    try world.hear(1)
    #expect(
      world.client.state == .closed(.broken(SystemError(call: "recv", code: ECONNRESET))))
  }

  @Test("ends all requests when this side closes it")
  func closedHere() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    world.get("/", tag: 2)
    world.client.close()
    try world.hear(2)
    #expect(world.heard == ["1: the connection is closed?", "2: the connection is closed"])
    #expect(world.client.nextDeadline == nil)
  }

  // MARK: What no server should send

  static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

  @Test(
    "refuses what is no response, whole and byte by byte",
    arguments: [
      "SSH-2.0-OpenSSH_9\r\n", "\u{16}\u{3}\u{1}\u{2}", "HTTP/2 200\r\n\r\n", "\r\n" + hello,
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 9) + hello,
      chunked + "x\r\n", chunked + "3\r\nhello\r\n0\r\n\r\n", chunked + "FFFFFFFFFFFFFFFF\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ])
  func garbage(response: String) throws {
    for singly in [false, true] {
      let world = try ClientWorld.open()
      world.get("/", tag: 1)
      world.flush()
      if singly { try world.serveSingly(response) } else { try world.serve(response) }
      try world.hear(1)
      #expect(world.heard[0].hasPrefix("1: sent a malformed response: "))
      #expect(world.heard[0].hasSuffix("?"))
    }
  }

  @Test("refuses a head beyond its limit")
  func oversizedHead() throws {
    let world = try ClientWorld.open { $0.headBytesMax = 1_000 }
    world.get("/", tag: 1)
    world.flush()
    try world.serve("HTTP/1.1 200 OK\r\nA: \(String(repeating: "b", count: 1_000))\r\n\r\n")
    try world.hear(1)
    #expect(world.heard[0].contains("The head is longer"))
  }

  @Test(
    "refuses a body beyond its limit, of any framing",
    arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", chunked + "6\r\nabcdef\r\n6\r\n",
      "HTTP/1.1 200 OK\r\n\r\nabcdefghijk",
    ])
  func oversizedBody(response: String) throws {
    let world = try ClientWorld.open { $0.bodyBytesMax = 10 }
    world.get("/", tag: 1)
    world.flush()
    try world.serve(response)
    try world.hear(1)
    #expect(world.heard[0].contains("The body is longer"))
  }

  @Test("refuses bytes that nobody asked for, also behind the last response")
  func unasked() throws {
    let idle = try ClientWorld.open()
    try idle.serve(Self.hello)
    try idle.until { idle.isClosed }
    #expect(idle.client.state == .closed(.unasked))

    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    try world.serve(Self.hello + "HTTP/1.1")
    try world.hear(1)
    #expect(world.heard == ["1: 200 hello"])
    #expect(world.client.state == .closed(.unasked))
  }

  @Test("takes no response to a request that was queued and not sent")
  func tooEarly() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1)
    world.flush()
    world.get("/", tag: 2)
    try world.serve(Self.hello + Self.hello)
    try world.hear(2)
    #expect(world.heard == ["1: 200 hello", "2: sent a response that nobody asked for"])
  }

  // MARK: Responses that come before the request is sent

  @Test("hears why its request is refused while it still sends it")
  func earlyRefusal() throws {
    let world = try ClientWorld.open()
    world.send(.put, "/", body: [UInt8](repeating: 0, count: 16 << 20), tag: 1)
    world.flush()
    #expect(world.client.unsentBytes > 0)
    try world.serve(
      "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
    world.hangUp()
    try world.hear(1)
    #expect(world.heard == ["1: 413 no"])
    #expect(world.isClosed)
  }

  @Test("sends the rest of a request that is answered early")
  func earlyAnswer() throws {
    let world = try ClientWorld.open()
    let count = 16 << 20
    world.send(.put, "/", body: [UInt8](repeating: 0, count: count), tag: 1)
    world.flush()
    try world.serve(Self.hello)
    try world.hear(1)
    #expect(world.client.unsentBytes > 0)
    _ = try world.read(count)
    #expect(world.client.unsentBytes == 0)
    #expect(world.client.state == .open)
  }

  // MARK: Limits of its own

  @Test("takes no more requests than it is allowed to")
  func requestLimit() throws {
    let world = try ClientWorld.open { $0.requestsMax = 2 }
    for tag in 1...3 { world.get("/", tag: UInt64(tag)) }
    #expect(world.heard == ["3: the connection has too many requests waiting"])
    #expect(world.client.requestCount == 2)
  }

  @Test("holds no more unsent bytes than it is allowed to")
  func outputLimit() throws {
    let world = try ClientWorld.open { $0.outputBytesMax = 1_000 }
    world.send(.put, "/", body: [UInt8](repeating: 0, count: 900), tag: 1)
    world.send(.put, "/", body: [UInt8](repeating: 0, count: 900), tag: 2)
    #expect(world.heard == ["2: the connection has too many requests waiting"])
  }

  @Test(
    "sends no target that could end the request line",
    arguments: ["", "a", "/a b", "/a\r\nX: y", "/é", "/\u{7f}", "http://x/", "/a\0"])
  func target(target: String) throws {
    let world = try ClientWorld.open()
    world.send(.get, target, tag: 1)
    #expect(world.heard == ["1: the path of the request is malformed"])
    #expect(world.client.unsentBytes == 0)
  }
}
