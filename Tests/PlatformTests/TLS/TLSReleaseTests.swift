import Bytes
import Foundation
import Testing

@testable import Platform

/// Server sessions that go on without OpenSSL's session, against a client that is OpenSSL.
@Suite("TLS without a session")
struct TLSReleaseTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates.usual.get() }

  private func pair(
    bytesAtOnce: Int = 1 << 16, as client: String? = nil, requires: Bool = false,
    recordsOfKeysMax: UInt32 = TLSSession.recordsOfKeysMax,
    clientRecordsOfKeysMax: UInt32 = TLSSession.recordsOfKeysMax
  ) throws -> TLSPair {
    var pair = try TLSPair(
      Contexts.client(certificates, as: client), Contexts.server(certificates, requires: requires),
      bytesAtOnce: bytesAtOnce, recordsOfKeysMax: recordsOfKeysMax,
      clientRecordsOfKeysMax: clientRecordsOfKeysMax)
    let (client, server) = pair.shakeHands()
    #expect(client == .done && server == .done)
    return pair
  }

  private func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  /// Sends from the server to the client until all has arrived; false where it does not.
  private func passDown(_ bytes: [UInt8], _ pair: inout TLSPair) -> Bool {
    var written = 0
    var received = ByteBuffer()
    while received.count < bytes.count {
      if written < bytes.count,
        case .bytes(let count) = pair.server.writeReleasing(
          bytes.span.extracting(written..<bytes.count))
      {
        written += count
      }
      _ = pair.server.flush()
      let isMoving = pair.carry()
      let result = pair.client.read(into: &received, minimum: 1 << 16)
      if case .failed = result { return false }
      _ = pair.client.flush()
      var nothing = ByteBuffer()
      if case .failed = pair.server.read(into: &nothing, minimum: 1) { return false }
      if !isMoving, written == bytes.count, received.count < bytes.count { return false }
    }
    return received.copied() == bytes
  }

  private func passUp(_ bytes: [UInt8], _ pair: inout TLSPair) -> Bool {
    var received = ByteBuffer()
    guard pair.client.write(bytes.span) == .bytes(bytes.count) else { return false }
    repeat {
      let isMoving = pair.carry()
      if case .failed = pair.server.read(into: &received, minimum: 1 << 16) { return false }
      if !isMoving && received.count < bytes.count { return false }
    } while received.count < bytes.count
    return received.copied() == bytes
  }

  @Test(
    "bytes pass both ways before and after, however the transport cuts them",
    arguments: [1, 3, 1 << 16])
  func goesOn(bytesAtOnce: Int) throws {
    var pair = try pair(bytesAtOnce: bytesAtOnce)
    #expect(passUp(pattern(300), &pair))
    #expect(pair.server.isReleased == false)
    #expect(passDown(pattern(100), &pair))
    #expect(pair.server.isReleased == true)
    for count in [1, 500, 16_384, 16_385, bytesAtOnce == 1 ? 20_000 : 1 << 20] {
      #expect(passDown(pattern(count), &pair))
      #expect(passUp(pattern(min(count, 16_000)), &pair))
    }
    #expect(pair.server.isEstablished == true && pair.server.version == "TLSv1.3")
  }

  @Test("the first bytes may be longer than a record")
  func longFirst() throws {
    var pair = try pair()
    #expect(passDown(pattern(100_000), &pair))
    #expect(pair.server.isReleased == true)
    #expect(passDown(pattern(10), &pair))
  }

  @Test("clients that showed a certificate, and such that resume, are no different")
  func otherHandshakes() throws {
    var shown = try pair(as: "client", requires: true)
    #expect(passDown(pattern(10), &shown) && passUp(pattern(10), &shown))
    #expect(shown.server.isReleased == true)
  }

  @Test("many records before it are counted", arguments: [1, 7, 300])
  func late(records: Int) throws {
    var pair = try pair()
    for number in 0..<records {
      #expect(passUp([UInt8(truncatingIfNeeded: number)], &pair))
      #expect(pair.server.write(pattern(20).span) == .bytes(20))
      pair.carry()
      var nothing = ByteBuffer()
      _ = pair.client.read(into: &nothing, minimum: 100)
    }
    #expect(passDown(pattern(10), &pair))
    #expect(pair.server.isReleased == true)
    #expect(passUp(pattern(10), &pair))
  }

  @Test("both sides change keys afterwards, each when it wants to, and are answered")
  func keyUpdates() throws {
    var pair = try pair(recordsOfKeysMax: 3, clientRecordsOfKeysMax: 1 << 20)
    #expect(passDown(pattern(10), &pair))
    #expect(pair.server.isReleased == true)
    for _ in 0..<20 {
      #expect(passDown(pattern(50), &pair))
      #expect(passUp(pattern(50), &pair))
    }
    var other = try self.pair(clientRecordsOfKeysMax: 4)
    #expect(passDown(pattern(10), &other))
    #expect(other.server.isReleased == true)
    for _ in 0..<20 {
      #expect(passUp(pattern(50), &other))
      #expect(passDown(pattern(50), &other))
    }
  }

  @Test("a connection that has changed its keys before keeps its session")
  func outdated() throws {
    var pair = try pair(recordsOfKeysMax: 2)
    for _ in 0..<4 { #expect(pair.server.write(pattern(5).span) == .bytes(5)) }
    #expect(passDown(pattern(10), &pair) == false, "what was written before comes first")
    #expect(pair.server.isReleased == false)
  }

  @Test("while something is half read the session stays, and goes with the next write")
  func halfRead() throws {
    var pair = try pair()
    #expect(pair.client.write(pattern(40).span) == .bytes(40))
    let bytes = pair.takeFromClient()
    pair.inject(Array(bytes.prefix(20)))
    var received = ByteBuffer()
    #expect(pair.server.read(into: &received, minimum: 100) == .wantsRead)
    #expect(pair.server.writeReleasing(pattern(5).span) == .bytes(5))
    #expect(pair.server.isReleased == false)
    pair.inject(Array(bytes.dropFirst(20)))
    #expect(pair.server.read(into: &received, minimum: 100) == .bytes(40))
    #expect(pair.server.writeReleasing(pattern(5).span) == .bytes(5))
    #expect(pair.server.isReleased == true)
    pair.carry()
    var seen = ByteBuffer()
    #expect(pair.client.read(into: &seen, minimum: 100) == .bytes(10))
  }

  @Test("each side's end is heard by the other; a cut is no end")
  func ends() throws {
    var pair = try pair()
    #expect(passDown(pattern(10), &pair))
    #expect(pair.client.shutdown() == .bytes(0))
    pair.carry()
    var nothing = ByteBuffer()
    #expect(pair.server.read(into: &nothing, minimum: 1) == .closed)
    #expect(pair.server.mayReadMore == true)
    #expect(pair.server.shutdown() == .bytes(0))
    #expect(pair.server.shutdown() == .bytes(0))
    pair.carry()
    #expect(pair.client.read(into: &nothing, minimum: 1) == .closed)

    var cut = try self.pair()
    #expect(passDown(pattern(10), &cut))
    cut.cutClient()
    #expect(cut.server.read(into: &nothing, minimum: 1) == .truncated)
  }

  @Test("garbage is answered with an alert that the client understands, and nothing more")
  func garbage() throws {
    for bytes: [UInt8] in [
      Array("GET / HTTP/1.1\r\n\r\n".utf8), [23, 3, 3, 0, 40] + pattern(40),
      [21, 3, 3, 0, 2, 1, 0],
    ] {
      var pair = try pair()
      #expect(passDown(pattern(10), &pair))
      pair.inject(bytes)
      var nothing = ByteBuffer()
      guard case .failed = pair.server.read(into: &nothing, minimum: 1) else {
        Issue.record("garbage was taken")
        continue
      }
      guard case .failed = pair.server.write(pattern(3).span) else {
        Issue.record("a connection that failed goes on")
        continue
      }
      pair.carry()
      guard case .failed(.alert) = pair.client.read(into: &nothing, minimum: 1) else {
        Issue.record("no alert came")
        continue
      }
      #expect(nothing.copied().isEmpty)
    }
  }
}
