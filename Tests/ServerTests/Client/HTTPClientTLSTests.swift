import Bytes
import HTTP
import Platform
import Testing

@testable import Server

@Suite("An outgoing connection under TLS")
struct HTTPClientTLSTests {
  static let hello = HTTPClientConnectionTests.hello
  let usual: ClientCertificates
  let tls: (server: TLSContext, client: TLSContext)

  init() throws {
    usual = try ClientCertificates.usual.get()
    tls = (try usual.server(), try usual.client())
  }

  @Test("reads responses of each framing", arguments: HTTPClientConnectionTests.responses)
  func responses(response: String, expected: String) throws {
    let world = try ClientWorld.open(tls: tls)
    world.get("/", tag: 1)
    world.flush()
    try world.serve(response)
    try world.hear(1)
    #expect(world.heard == [expected])
    #expect(world.client.state == .open)
  }

  @Test("reads a response that comes in records of one byte")
  func bytes() throws {
    let world = try ClientWorld.open(tls: tls)
    world.get("/", tag: 1)
    world.flush()
    try world.serveSingly(Self.hello)
    try world.hear(1)
    #expect(world.heard == ["1: 200 hello"])
  }

  @Test("sends what was queued before and during the handshake")
  func queued() throws {
    let world = try ClientWorld(tls: tls)
    world.get("/a", tag: 1)
    try world.accept()
    world.turn()
    world.get("/b", tag: 2)
    world.flush()
    let host = "Host: 127.0.0.1:\(world.listener.port)"
    let expected = "GET /a HTTP/1.1\r\n\(host)\r\n\r\nGET /b HTTP/1.1\r\n\(host)\r\n\r\n"
    #expect(try text(world.read(expected.utf8.count)) == expected)
    try world.serve(Self.hello + Self.hello)
    try world.hear(2)
    #expect(world.heard == ["1: 200 hello", "2: 200 hello"])
  }

  @Test("carries bodies of a mebibyte in both directions, however little the sockets take")
  func largeBodies() throws {
    let world = try ClientWorld.open(tls: tls)
    Socket.setSendBuffer(world.client.descriptor, bytes: 4_096)
    let body = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    world.send(.put, "/", body: body, tag: 1)
    world.flush()
    #expect(world.client.unsentBytes > 0)
    let head =
      "PUT / HTTP/1.1\r\nHost: 127.0.0.1:\(world.listener.port)\r\nContent-Length: 1048576\r\n\r\n"
    let received = try world.read(head.utf8.count + body.count)
    #expect(Array(received.suffix(body.count)) == body)
    let answer = String(repeating: "x", count: 1 << 20)
    try world.serve("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + answer)
    try world.hear(1)
    #expect(world.answers[0].body == utf8(answer))
  }

  @Test("takes a body that ends with the connection only where the server says that it ends")
  func untilClose() throws {
    let said = try ClientWorld.open(tls: tls)
    said.get("/", tag: 1)
    said.flush()
    try said.serve("HTTP/1.1 200 OK\r\n\r\nhello")
    said.hangUp()
    try said.hear(1)
    #expect(said.heard == ["1: 200 hello"])

    let cut = try ClientWorld.open(tls: tls)
    cut.get("/", tag: 1)
    cut.flush()
    try cut.serve("HTTP/1.1 200 OK\r\n\r\nhello")
    cut.breakOff()
    try cut.hear(1)
    #expect(cut.heard == ["1: closed the connection without an answer?"])
  }

  @Test("is closed without an outcome where it was idle, however the server leaves")
  func closedIdle() throws {
    for says in [true, false] {
      let world = try ClientWorld.open(tls: tls)
      if says { world.hangUp() } else { world.breakOff() }
      try world.until { world.isClosed }
      #expect(world.client.state == .closed(.closedByPeer))
      #expect(world.heard.isEmpty)
    }
  }

  @Test("tells the server that it is closed here")
  func closeNotify() throws {
    let world = try ClientWorld.open(tls: tls)
    world.client.close()
    #expect(world.readSealed() == .closed)
  }

  @Test("is broken by bytes in the clear")
  func cleartext() throws {
    let world = try ClientWorld.open(tls: tls)
    world.get("/", tag: 1)
    world.flush()
    world.serveInTheClear(Self.hello)
    try world.hear(1)
    guard case .closed(.insecure(.protocolError)) = world.client.state else {
      Issue.record("\(world.client.state)")
      return
    }
    #expect(world.heard[0].hasSuffix("?"))
  }

  // MARK: Handshakes that fail

  /// Why the client does not go on with a server; the request in its queue fails with it.
  private func refusal(
    by client: TLSContext, of server: TLSContext, host: String = "127.0.0.1"
  ) throws -> String {
    let world = try ClientWorld(tls: (server, client), host: host)
    world.get("/", tag: 1)
    try world.accept()
    try world.until { world.isClosed }
    #expect(world.heard.count == 1)
    return world.heard[0]
  }

  @Test("accepts the address and the name that the certificate has")
  func names() throws {
    for host in ["127.0.0.1", "localhost", "::1"] {
      let world = try ClientWorld(tls: tls, host: host)
      try world.accept()
      try world.until { world.client.state == .open }
    }
  }

  @Test(
    "refuses a name or an address that the certificate has not",
    arguments: ["other.example", "127.0.0.2", "::2"])
  func wrongName(host: String) throws {
    let said = try refusal(by: tls.client, of: tls.server, host: host)
    #expect(said.hasPrefix("1: the certificate is not accepted: "))
    #expect(said.hasSuffix("mismatch"))
  }

  @Test("refuses a certificate of another authority")
  func wrongAuthority() throws {
    let foreign = try ClientCertificates.foreign.get()
    let said = try refusal(by: foreign.client(), of: tls.server)
    #expect(said.hasPrefix("1: the certificate is not accepted: "))
  }

  @Test("refuses a certificate when the time of one between it and its authority is over")
  func expired() throws {
    let server = try TLSContext.server(
      certificateFile: usual["chain.crt"], keyFile: usual["leaf.key"], clientCAFile: nil,
      requireClientCertificate: false)
    let said = try refusal(by: tls.client, of: server)
    #expect(said == "1: the certificate is not accepted: certificate has expired")
  }

  @Test("hears that the server wants a certificate")
  func clientCertificate() throws {
    let strict = try usual.server(requiresCertificate: true)
    let world = try ClientWorld(tls: (strict, tls.client))
    world.get("/", tag: 1)
    try world.accept()
    try world.hear(1)
    #expect(world.heard[0].hasPrefix("1: the other side refused: "))

    let client = try TLSContext.client(
      caFile: usual["ca.crt"], certificateFile: usual["server.crt"], keyFile: usual["server.key"])
    let known = try ClientWorld.open(tls: (strict, client))
    known.get("/", tag: 1)
    known.flush()
    try known.serve(Self.hello)
    try known.hear(1)
    #expect(known.heard == ["1: 200 hello"])
  }

  @Test("refuses a server that speaks no TLS, and says that nothing was sent")
  func plainServer() throws {
    let world = try ClientWorld(tls: tls)
    world.get("/", tag: 1)
    try world.accept()
    world.serveInTheClear("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    try world.hear(1)
    #expect(!world.heard[0].hasSuffix("?"))
    guard case .closed(.insecure(.protocolError)) = world.client.state else {
      Issue.record("\(world.client.state)")
      return
    }
  }

  @Test("is closed by a server that leaves during the handshake, and nothing was sent")
  func leavesDuringHandshake() throws {
    let world = try ClientWorld(tls: tls)
    world.get("/", tag: 1)
    try world.accept()
    world.breakOff()
    try world.hear(1)
    #expect(world.isClosed)
    #expect(!world.heard[0].hasSuffix("?"))
  }

  @Test("is given up when the handshake takes too long")
  func handshakeDeadline() throws {
    // The server's side accepts, and never says a word.
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    var limits = HTTPClientLimits()
    limits.handshakeMilliseconds = 3_000
    let now = SystemClock.monotonic()
    var client = try HTTPClientConnection(
      to: try InternetAddress.resolve("127.0.0.1")[0], port: listener.port, host: "127.0.0.1",
      tls: tls.client, limits: limits, now: now)
    client.send(.get, "/", tag: 1, deadline: now.advanced(bySeconds: 30))
    let poller = try Poller()
    try poller.add(client.descriptor, token: 1, events: HTTPClientConnection.pollEvents)
    #expect(poller.wait(timeoutMilliseconds: 5_000) == 1)
    let connected = now.advanced(byMilliseconds: 100)
    client.happened(poller[0].events, now: connected)
    #expect(client.nextDeadline == connected.advanced(byMilliseconds: 3_000))
    client.expire(now: connected.advanced(byMilliseconds: 2_999))
    #expect(client.state == .connecting)
    client.expire(now: connected.advanced(byMilliseconds: 3_000))
    #expect(client.state == .closed(.timedOut(.handshaking)))
    guard
      case .failed(1, .timedOut(.handshaking), mayHaveArrived: false)? = client.nextOutcome()
    else {
      Issue.record("the request did not fail with the handshake")
      return
    }
  }
}
