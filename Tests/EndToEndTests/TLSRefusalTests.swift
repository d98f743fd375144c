import Foundation
import Testing

/// What is no TLS, or TLS gone wrong, at the port of a node in https mode: a clean end, and nobody
/// else notices.
@Suite("TLS refusals", .blocking)
struct TLSRefusalTests {
  private static let shared = Result { () throws -> (CertificateFolder, Node) in
    let certificates = try CertificateFolder()
    return (certificates, try certificates.node(["DYNA_LIMIT_HEAD_SECONDS": "1"]))
  }

  private let certificates: CertificateFolder
  private let node: Node

  init() throws { (certificates, node) = try Self.shared.get() }

  /// What a client of TLS 1.3 sends first.
  private static let hello = Result { () throws -> [UInt8] in
    let recorder = try Recorder(to: nil)
    _ = try Tool.run([
      "openssl", "s_client", "-connect", "127.0.0.1:\(recorder.port)", "-servername", "localhost",
    ])
    return recorder.fromClient
  }

  @Test(
    "plain HTTP gets a 400 in plain HTTP that says what to do",
    arguments: [
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\nGET / HTTP/1.1\r\n", "PUT /t/key/k HTTP/1.1\r\n",
      "G", "nonsense\n",
    ])
  func plainHTTP(text: String) throws {
    let link = try RawConnection(port: node.port)
    try link.send(ByteText(text))
    let response = try link.readResponse()
    #expect(response.status == 400 && response.error?.contains("https://") == true)
    #expect(response.announcesClose)
    #expect(try link.readToEnd().count == 0)
  }

  @Test("random bytes are refused, and nobody else notices")
  func randomBytes() throws {
    var random = SystemRandomNumberGenerator()
    for count in [1, 5, 6, 100, 5_000, 100_000] {
      for first in [0x16, 0x17, 0x15, 0x14, 0x80, 0x00, 0xff] as [UInt8] {
        let link = try RawConnection(port: node.port)
        let bytes = (1..<max(count, 2)).map { _ in UInt8.random(in: 0...255, using: &random) }
        // The node may refuse before it has read all of it.
        try? link.send(ByteText([first] + bytes))
        link.finishSending()
        #expect(try link.readToEnd(.in(seconds: 20)).count < 5_000)
      }
    }
    #expect(try certificates.status(node) == 200)
  }

  @Test("a handshake that breaks off anywhere leaves nothing behind")
  func truncated() throws {
    let hello = try Self.hello.get()
    let before = try ProcessFigures.openDescriptors(node.process.identifier)
    for count in stride(from: 1, through: hello.count, by: 17) {
      let link = try RawConnection(port: node.port)
      try link.send(ByteText(hello[..<count]))
      if count % 2 == 0 { link.finishSending() } else { link.reset() }
      if count % 2 == 0 { _ = try link.readToEnd(.in(seconds: 20)) }
    }
    #expect(
      try eventually {
        try ProcessFigures.openDescriptors(node.process.identifier) <= before + 2
      })
    #expect(try certificates.status(node) == 200)
  }

  @Test("a hello that comes byte by byte is answered")
  func slowHello() throws {
    let hello = try Self.hello.get()
    let link = try RawConnection(port: node.port)
    try link.send(ByteText(hello), inPiecesOf: 1)
    let first = try link.take(upTo: 1, .patient)
    #expect(first?.first == 22, "a record of the handshake")
  }

  @Test("a changed hello is refused, wherever it was changed")
  func changed() throws {
    let hello = try Self.hello.get()
    var random = SystemRandomNumberGenerator()
    for at in stride(from: 1, to: hello.count, by: 5) {
      var bytes = hello
      bytes[at] ^= UInt8.random(in: 1...255, using: &random)
      let link = try RawConnection(port: node.port)
      try? link.send(ByteText(bytes))
      link.finishSending()
      _ = try link.readToEnd(.in(seconds: 20))
    }
    #expect(try certificates.status(node) == 200)
  }

  @Test("a record that is longer than records may be is refused with an alert")
  func oversized() throws {
    for length in [0x4801, 0x5000, 0xffff] {
      let link = try RawConnection(port: node.port)
      let head: [UInt8] = [22, 3, 1, UInt8(length >> 8), UInt8(length & 0xff)]
      try? link.send(ByteText(head + [UInt8](repeating: 1, count: 5_000)))
      let answer = try link.readToEnd(.in(seconds: 20))
      #expect(answer.bytes.first == 21, "an alert: \(answer)")
    }
  }

  @Test("a handshake that was recorded does nothing when it is replayed")
  func replay() throws {
    let table = uniqueTable()
    let recorder = try Recorder(to: node.port)
    let tunnel = try Tunnel(to: recorder.port, trusting: certificates.authority)
    let put = Client(node, as: "alice").request("PUT", "/\(table)/key/k", "{\"value\":1}")
    try tunnel.connection.send(put)
    #expect(try tunnel.connection.readResponse(to: "PUT").status == 201)
    for _ in 0..<3 {
      let link = try RawConnection(port: node.port)
      try? link.send(ByteText(recorder.fromClient))
      link.finishSending()
      #expect(try !link.readToEnd(.in(seconds: 20)).string.contains("HTTP/1.1"))
    }
    let check = try certificates.tunnel(node)
    try check.connection.send(Client(node).request("GET", "/\(table)/key/k"))
    #expect(try check.connection.readResponse().record().version == 1)
  }

  @Test("a handshake that stalls is ended when a head would be", .timeLimit(.minutes(5)))
  func stalled() throws {
    let hello = try Self.hello.get()
    for count in [1, 5, 100, hello.count] {
      let link = try RawConnection(port: node.port)
      try link.send(ByteText(hello[..<count]))
      let time = try seconds { _ = try link.readToEnd(.in(seconds: 20)) }
      #expect(time > 0.5 && time < 10 * Node.slowness, "\(count) bytes: \(time) s")
    }
  }

  @Test("handshakes that stall, 200 of them, do not slow others")
  func stalledMany() throws {
    let hello = try Self.hello.get()
    let links = try (0..<200).map { _ in try RawConnection(port: node.port) }
    for link in links { try link.send(ByteText(hello[..<100])) }
    let tunnel = try certificates.tunnel(node)
    let time = try seconds {
      for _ in 0..<100 {
        try tunnel.connection.send("GET /heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try tunnel.connection.readResponse().status == 200)
      }
    }
    #expect(time < 5 * Node.slowness, "\(time) s")
  }

  @Test("bytes that do not fit end a connection that was well until then")
  func damagedLater() throws {
    let recorder = try Recorder(to: node.port)
    let tunnel = try Tunnel(to: recorder.port, trusting: certificates.authority)
    try tunnel.connection.send("GET /heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(try tunnel.connection.readResponse().status == 200)
    recorder.inject([23, 3, 3, 0, 40] + [UInt8](repeating: 9, count: 40))
    #expect(try tunnel.complaint().contains("alert bad record mac"))
    #expect(try certificates.status(node) == 200)
  }
}

/// A man in the middle, who only listens: hands on bytes between one client and the node.
private final class Recorder: @unchecked Sendable {
  let port: UInt16
  private let lock = NSLock()
  private var recorded: [UInt8] = []
  private var upstream: RawConnection?

  var fromClient: [UInt8] { lock.withLock { recorded } }

  /// - Parameter target: the node's port; nil takes what a client sends first and hangs up.
  init(to target: UInt16?) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 4) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw Trouble("listen: errno \(errno)") }
    port = UInt16(bigEndian: address.sin_port)
    let upstream = try target.map { try RawConnection(port: $0) }
    self.upstream = upstream
    Thread.detachNewThread { [self] in
      let client = accept(listener, nil, nil)
      close(listener)
      _ = fcntl(client, F_SETFL, O_NONBLOCK)
      let near = RawConnection(descriptor: client)
      if let upstream {
        Thread.detachNewThread { Self.copy(upstream, near) { _ in } }
        Self.copy(near, upstream) { bytes in lock.withLock { recorded += bytes } }
      } else if let bytes = try? near.take(upTo: 1 << 16, .patient) {
        lock.withLock { recorded += bytes }
      }
    }
  }

  /// Sends the node something in the client's place.
  func inject(_ bytes: [UInt8]) { try? upstream?.send(ByteText(bytes)) }

  private static func copy(
    _ source: RawConnection, _ target: RawConnection, _ see: (ArraySlice<UInt8>) -> Void
  ) {
    while let bytes = try? source.take(upTo: 1 << 16, .patient) {
      see(bytes)
      guard (try? target.send(ByteText(bytes))) != nil else { return }
    }
    target.finishSending()
  }
}
