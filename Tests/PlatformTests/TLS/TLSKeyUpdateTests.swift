import Bytes
import Foundation
import Platform
import Testing

/// RFC 8446 §5.5: keys that have sealed enough are exchanged for new ones.
@Suite("TLS key updates")
struct TLSKeyUpdateTests {
  /// A key update is five bytes, with one for its kind and sixteen for its seal.
  private static let updateLength = 5 + 1 + 16
  private let message = [UInt8](repeating: 42, count: 100)

  private func pair(_ recordsOfKeysMax: UInt32) throws -> TLSPair {
    let certificates = try Certificates.usual.get()
    var pair = try TLSPair(
      Contexts.client(certificates), Contexts.server(certificates),
      recordsOfKeysMax: recordsOfKeysMax)
    _ = pair.shakeHands()
    // What is left of the handshake.
    var nothing = ByteBuffer()
    while pair.carry() { _ = pair.client.read(into: &nothing, minimum: 1) }
    return pair
  }

  @Test("a side that writes changes keys behind its last record with the old ones, time and again")
  func writing() throws {
    var pair = try pair(4)
    var received = ByteBuffer()
    for round in 1...12 {
      #expect(pair.server.write(message.span) == .bytes(100))
      let updates = pair.carryDown().filter { $0 == Self.updateLength }.count
      #expect(updates == (round % 4 == 0 ? 1 : 0), "record \(round)")
      #expect(pair.client.read(into: &received, minimum: 1_000) == .bytes(100))
    }
    #expect(received.copied() == (0..<12).flatMap { _ in message })
  }

  @Test("a side that only reads has the other one change its keys")
  func reading() throws {
    var pair = try pair(4)
    var received = ByteBuffer()
    var updates = 0
    for _ in 1...12 {
      #expect(pair.client.write(message.span) == .bytes(100))
      while pair.carry() {}
      #expect(pair.server.read(into: &received, minimum: 1_000) == .bytes(100))
      updates += pair.carryDown().filter { $0 == Self.updateLength }.count
      // The client hears of it when it reads, and its next record is sealed anew.
      var nothing = ByteBuffer()
      #expect(pair.client.read(into: &nothing, minimum: 1) == .wantsRead)
    }
    #expect(updates == 3)
    #expect(received.copied() == (0..<12).flatMap { _ in message })
  }

  @Test("both sides may change keys at each record, and answer each other's wish to")
  func both() throws {
    var pair = try pair(1)
    var up = ByteBuffer()
    var down = ByteBuffer()
    for _ in 1...50 {
      #expect(pair.client.write(message.span) == .bytes(100))
      #expect(pair.server.write(message.span) == .bytes(100))
      while pair.carry() {}
      #expect(pair.server.read(into: &up, minimum: 1_000) == .bytes(100))
      #expect(pair.client.read(into: &down, minimum: 1_000) == .bytes(100))
    }
    #expect(up.count == 5_000 && down.count == 5_000)
  }

  @Test("a mebibyte passes whole while keys change, through a socket that takes little at a time")
  func gathered() throws {
    var pair = try pair(2)
    let bytes = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var written = 0
    var received = ByteBuffer()
    while received.count < bytes.count {
      if written < bytes.count,
        case .bytes(let count) = pair.server.write(bytes.span.extracting(written..<bytes.count))
      {
        written += count
      }
      _ = pair.server.flush()
      guard pair.carry() else { break }
      _ = pair.client.read(into: &received, minimum: 1 << 16)
      // The client's own updates, which the server asked for.
      _ = pair.client.flush()
      var nothing = ByteBuffer()
      _ = pair.server.read(into: &nothing, minimum: 1)
    }
    let isWhole = received.copied() == bytes
    #expect(isWhole, "\(received.count) bytes of \(bytes.count)")
  }
}
