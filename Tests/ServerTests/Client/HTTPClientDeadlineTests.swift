import Bytes
import HTTP
import Platform
import Testing

@testable import Server

@Suite("An outgoing connection that takes too long")
struct HTTPClientDeadlineTests {
  static let hello = HTTPClientConnectionTests.hello
  static let late = "did not answer in time"

  @Test("is given up when nobody takes it")
  func connecting() throws {
    let world = try ClientWorld { $0.connectMilliseconds = 2_000 }
    // Nobody reports that the connection is made, so that it is still being made for the client.
    world.get("/", tag: 1)
    #expect(world.client.nextDeadline == world.now.advanced(byMilliseconds: 2_000))
    world.pass(milliseconds: 1_999)
    #expect(world.client.state == .connecting)
    world.pass(milliseconds: 1)
    #expect(world.client.state == .closed(.timedOut(.connecting)))
    #expect(world.heard == ["1: did not take the connection in time"])
  }

  @Test("goes on without the request that cannot wait for it to open")
  func requestWhileConnecting() throws {
    let world = try ClientWorld { $0.connectMilliseconds = 10_000 }
    world.get("/first", tag: 1, seconds: 20)
    world.get("/second", tag: 2, seconds: 1)
    world.get("/third", tag: 3, seconds: 20)
    #expect(world.client.nextDeadline == world.now.advanced(bySeconds: 1))
    world.pass(milliseconds: 1_000)
    #expect(world.heard == ["2: \(Self.late)"])
    try world.accept()
    let host = "Host: 127.0.0.1:\(world.listener.port)"
    let expected =
      "GET /first HTTP/1.1\r\n\(host)\r\n\r\nGET /third HTTP/1.1\r\n\(host)\r\n\r\n"
    #expect(try text(world.read(expected.utf8.count)) == expected)
    try world.serve(Self.hello + Self.hello)
    try world.hear(3)
    #expect(world.heard == ["2: \(Self.late)", "1: 200 hello", "3: 200 hello"])
  }

  @Test("ends with the request whose response is the next to come")
  func firstInLine() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1, seconds: 1)
    world.get("/", tag: 2, seconds: 20)
    world.flush()
    world.pass(milliseconds: 999)
    #expect(world.heard.isEmpty)
    world.pass(milliseconds: 1)
    #expect(world.heard == ["1: \(Self.late)?", "2: \(Self.late)?"])
    #expect(world.client.state == .closed(.timedOut(.responding)))
  }

  @Test("is as late in the middle of a body", arguments: [17, 30, 38, 42])
  func insideResponse(count: Int) throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1, seconds: 1)
    world.flush()
    try world.serve(text(Array(Self.hello.utf8.prefix(count))))
    world.turn()
    world.pass(milliseconds: 1_000)
    #expect(world.heard == ["1: \(Self.late)?"])
  }

  @Test("skips the late response of a request behind another, and stays open")
  func secondInLine() throws {
    let world = try ClientWorld.open()
    world.get("/", tag: 1, seconds: 20)
    world.get("/", tag: 2, seconds: 1)
    world.get("/", tag: 3, seconds: 20)
    world.flush()
    world.pass(milliseconds: 1_000)
    #expect(world.heard == ["2: \(Self.late)?"])
    try world.serve(Self.hello + Self.hello + Self.hello)
    try world.hear(3)
    #expect(world.heard == ["2: \(Self.late)?", "1: 200 hello", "3: 200 hello"])
    #expect(world.client.state == .open)
    #expect(world.client.nextDeadline == nil)
  }

  @Test("waits only a little for a late response whose turn has come")
  func lateTurn() throws {
    let world = try ClientWorld.open { $0.lateMilliseconds = 500 }
    world.get("/", tag: 1, seconds: 20)
    world.get("/", tag: 2, seconds: 1)
    world.get("/", tag: 3, seconds: 20)
    world.flush()
    world.pass(milliseconds: 1_000)
    try world.serve(Self.hello)
    try world.hear(2)
    #expect(world.client.nextDeadline == world.now.advanced(byMilliseconds: 500))
    world.pass(milliseconds: 500)
    #expect(world.heard == ["2: \(Self.late)?", "1: 200 hello", "3: \(Self.late)?"])
    #expect(world.client.state == .closed(.timedOut(.responding)))
  }

  @Test("takes back a request of which nothing was sent, and sends those around it whole")
  func withdrawal() throws {
    let world = try ClientWorld.open()
    let body = [UInt8](repeating: 7, count: 16 << 20)
    world.send(.put, "/", body: body, tag: 1)
    world.flush()
    world.get("/second", tag: 2, seconds: 1)
    world.get("/third", tag: 3)
    world.pass(milliseconds: 1_000)
    #expect(world.heard == ["2: \(Self.late)"])
    let host = "Host: 127.0.0.1:\(world.listener.port)"
    let first = "PUT / HTTP/1.1\r\n\(host)\r\nContent-Length: \(body.count)\r\n\r\n"
    let third = "GET /third HTTP/1.1\r\n\(host)\r\n\r\n"
    let received = try world.read(first.utf8.count + body.count + third.utf8.count)
    #expect(text(Array(received.suffix(third.utf8.count))) == third)
    try world.serve(Self.hello + Self.hello)
    try world.hear(3)
    #expect(world.heard == ["2: \(Self.late)", "1: 200 hello", "3: 200 hello"])
  }

  @Test("waits for nothing when everything is answered")
  func noDeadline() throws {
    let world = try ClientWorld.open()
    #expect(world.client.nextDeadline == nil)
    world.get("/", tag: 1, seconds: 5)
    world.flush()
    #expect(world.client.nextDeadline == world.now.advanced(bySeconds: 5))
    try world.serve(Self.hello)
    try world.hear(1)
    #expect(world.client.nextDeadline == nil)
    world.pass(milliseconds: 1_000_000)
    #expect(world.client.state == .open)
  }
}
