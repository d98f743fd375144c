import Bytes
import Foundation
import Platform
import Testing

@Suite("TLS session")
struct TLSSessionTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates.usual.get() }

  private func pair(
    name: String = "localhost", bytesAtOnce: Int = 1 << 16, as client: String? = nil,
    requires: Bool = false
  ) throws -> TLSPair {
    try TLSPair(
      Contexts.client(certificates, as: client), Contexts.server(certificates, requires: requires),
      name: name, bytesAtOnce: bytesAtOnce)
  }

  /// Bytes that are easy to tell apart.
  private func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  /// Says where two texts differ, not what they are: they are long.
  private func expectSame(_ left: [UInt8], _ right: [UInt8]) {
    let place = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    #expect(
      left.count == right.count && place == nil,
      "\(left.count) and \(right.count), differ at \(place ?? -1)")
  }

  @Test("both sides agree, on TLS 1.3, and bytes pass both ways")
  func agreement() throws {
    var pair = try pair()
    let (client, server) = pair.shakeHands()
    #expect(client == .done && server == .done)
    #expect(pair.server.version == "TLSv1.3")
    #expect(pair.server.isEstablished == true)
    let request = Array("hello".utf8)
    #expect(pair.client.write(request.span) == .bytes(5))
    pair.carry()
    var received = ByteBuffer()
    #expect(pair.server.read(into: &received, minimum: 100) == .bytes(5))
    #expect(received.copied() == request)
    #expect(pair.server.read(into: &received, minimum: 100) == .wantsRead)
    #expect(pair.server.write(request.span) == .bytes(5))
    pair.carry()
    #expect(pair.client.read(into: &received, minimum: 100) == .bytes(5))
  }

  @Test("nothing is written by an empty write, and nothing is wrong with it")
  func emptyWrite() throws {
    var pair = try pair()
    _ = pair.shakeHands()
    #expect(pair.server.write(Span()) == .bytes(0))
  }

  @Test("a transport that carries one byte at a time carries all of them", arguments: [1, 2, 7])
  func slowTransport(bytesAtOnce: Int) throws {
    var pair = try pair(bytesAtOnce: bytesAtOnce)
    let (client, server) = pair.shakeHands()
    #expect(client == .done && server == .done)
    let message = pattern(2_000)
    #expect(pair.client.write(message.span) == .bytes(2_000))
    var received = ByteBuffer()
    while received.count < message.count, pair.carry() {
      while case .bytes = pair.server.read(into: &received, minimum: 100) {}
    }
    expectSame(received.copied(), message)
  }

  @Test("a megabyte goes through a socket that takes little at a time")
  func partialWrites() throws {
    var pair = try pair()
    _ = pair.shakeHands()
    let message = pattern(1 << 20)
    var written = 0
    var received = ByteBuffer()
    var refusals = 0
    while written < message.count {
      switch pair.server.write(message.span.extracting(written..<message.count)) {
      case .bytes(let count): written += count
      case .wantsWrite: refusals += 1
      default: throw NothingCame()
      }
      if refusals % 3 == 1 {
        pair.carry()
        _ = pair.client.read(into: &received, minimum: 1 << 16)
      }
    }
    while received.count < message.count {
      _ = pair.server.flush()
      guard pair.carry() else { break }
      _ = pair.client.read(into: &received, minimum: 1 << 16)
    }
    #expect(refusals > 0, "the socket was never full")
    expectSame(received.copied(), message)
    #expect(pair.server.flush() == .bytes(0))
  }

  @Test("bytes that were taken need not be offered again, whatever comes next")
  func otherBytesAfterRefusal() throws {
    var pair = try pair()
    _ = pair.shakeHands()
    var sent: [UInt8] = []
    let first = pattern(300_000)
    filling: while true {
      switch pair.server.write(first.span) {
      case .bytes(let count): sent += first.prefix(count)
      case .wantsWrite: break filling
      default: throw NothingCame()
      }
    }
    var received = ByteBuffer()
    let last = Array("something else".utf8)
    var isLastWritten = false
    for _ in 0..<10_000 where received.count < sent.count || !isLastWritten {
      pair.carry()
      _ = pair.client.read(into: &received, minimum: 1 << 16)
      _ = pair.server.flush()
      if !isLastWritten, pair.server.write(last.span) == .bytes(last.count) {
        sent += last
        isLastWritten = true
      }
    }
    expectSame(received.copied(), sent)
  }

  @Test("a reader with little room gets everything, and is told that there is more")
  func smallReads() throws {
    var pair = try pair()
    _ = pair.shakeHands()
    let message = pattern(40_000)
    #expect(pair.client.write(message.span) == .bytes(40_000))
    while pair.carry() {}
    var whole: [UInt8] = []
    while whole.count < message.count {
      if !whole.isEmpty { #expect(pair.server.mayReadMore == true, "after \(whole.count)") }
      var small = ByteBuffer(capacity: 1_000)
      guard case .bytes = pair.server.read(into: &small, minimum: 1_000) else { break }
      whole += small.copied()
    }
    expectSame(whole, message)
  }

  @Test("an orderly end is told from one that is cut off")
  func ends() throws {
    var orderly = try pair()
    _ = orderly.shakeHands()
    #expect(orderly.client.shutdown() == .bytes(0))
    orderly.carry()
    var buffer = ByteBuffer()
    #expect(orderly.server.read(into: &buffer, minimum: 1) == .closed)
    #expect(orderly.server.read(into: &buffer, minimum: 1) == .closed)
    let answer = Array("still here".utf8)
    #expect(orderly.server.write(answer.span) == .bytes(10), "half an end is not the end")
    orderly.carry()
    #expect(orderly.client.read(into: &buffer, minimum: 1) == .bytes(10))

    var cut = try pair()
    _ = cut.shakeHands()
    cut.cutClient()
    #expect(cut.server.read(into: &buffer, minimum: 1) == .truncated)
    #expect(cut.server.write(answer.span) == .bytes(10), "a half-closed client gets its answers")
  }

  @Test("a client that leaves during the handshake is told as that")
  func leavesEarly() throws {
    var pair = try pair()
    _ = pair.client.handshake()
    pair.cutClient()
    #expect(pair.server.handshake() == .closed)
  }

  @Test("a changed byte ends the connection")
  func damage() throws {
    var pair = try pair()
    _ = pair.shakeHands()
    pair.inject([23, 3, 3, 0, 20] + [UInt8](repeating: 7, count: 20))
    var buffer = ByteBuffer()
    guard case .failed(.protocolError) = pair.server.read(into: &buffer, minimum: 1) else {
      Issue.record("it was accepted")
      return
    }
    #expect(buffer.count == 0)
    #expect(pair.takeFromServer().first == 23, "an alert, sealed as everything else")
  }

  // MARK: Names and certificates

  @Test(
    "a server is known by each of its names", arguments: ["localhost", "127.0.0.1", "::1", "[::1]"])
  func names(name: String) throws {
    var pair = try pair(name: name)
    #expect(pair.shakeHands().client == .done)
  }

  @Test(
    "a server of another name is refused",
    arguments: ["localhost.example", "example.com", "127.0.0.2", "LOCALHOST.", "::2"])
  func wrongNames(name: String) throws {
    var pair = try pair(name: name)
    let (client, server) = pair.shakeHands()
    guard case .certificate(let reason)? = client.failure else {
      Issue.record("\(client)")
      return
    }
    #expect(reason.contains("mismatch"), "\(reason)")
    _ = server
  }

  @Test("no session is made for a name that is none", arguments: ["", "[]", "a\0b"])
  func noNames(name: String) throws {
    let context = try Contexts.client(certificates)
    #expect(throws: TLSFailure.self) {
      _ = try TLSSession(context, connecting: 0, serverName: name)
    }
  }

  @Test("a server whose certificate is of an authority that the client does not know is refused")
  func foreignServer() throws {
    let foreign = try Certificates.foreign.get()
    var pair = try TLSPair(Contexts.client(foreign), Contexts.server(certificates))
    let (client, server) = pair.shakeHands()
    guard case .certificate? = client.failure, case .alert? = server.failure else {
      Issue.record("\(client), \(server)")
      return
    }
  }

  @Test("a client's certificate is seen, and none is needed")
  func clientCertificates() throws {
    var with = try pair(as: "client")
    #expect(with.shakeHands().server == .done)
    #expect(with.server.hasPeerCertificate == true)
    #expect(with.server.peerSubject == "CN=client,O=DynaSwift")
    var without = try pair()
    #expect(without.shakeHands().server == .done)
    #expect(without.server.hasPeerCertificate == false)
    #expect(without.server.peerSubject == nil)
  }

  @Test("a server's certificate serves it as a client too")
  func nodeAsClient() throws {
    var pair = try pair(as: "server", requires: true)
    #expect(pair.shakeHands().server == .done)
    #expect(pair.server.peerSubject == "CN=node,O=DynaSwift")
  }

  @Test("where a client certificate is required, none is an alert")
  func requiredCertificate() throws {
    var pair = try pair(requires: true)
    let (_, server) = pair.shakeHands()
    guard case .protocolError(let reason)? = server.failure else {
      Issue.record("\(server)")
      return
    }
    #expect(reason.contains("certificate"), "\(reason)")
    var buffer = ByteBuffer()
    guard case .failed(.alert) = pair.client.read(into: &buffer, minimum: 1) else {
      Issue.record("no alert")
      return
    }
  }

  @Test("a client certificate of another authority is refused, also where none is required")
  func wrongClientCertificate() throws {
    let foreign = try Certificates.foreign.get()
    let clientContext = try TLSContext.client(
      caFile: certificates["ca.crt"], certificateFile: foreign["client.crt"],
      keyFile: foreign["client.key"])
    var pair = try TLSPair(clientContext, Contexts.server(certificates))
    let (_, server) = pair.shakeHands()
    guard case .certificate? = server.failure else {
      Issue.record("\(server)")
      return
    }
  }
}
