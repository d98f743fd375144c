import Bytes
import Testing

@testable import Platform

/// RFC 8446 §4.6.3, §5, §6: what an established connection may be told, and what ends it.
@Suite("TLS records")
struct TLSRecordsTests {
  /// The record protocol under test, and the other side's keys by hand.
  private final class World {
    var records = TLSRecords(
      reading: TLSTrafficKeysTests.keys(), writing: TLSTrafficKeysTests.keys(.chaCha20Poly1305))
    var sealing = TLSTrafficKeysTests.keys()
    var opening = TLSTrafficKeysTests.keys(.chaCha20Poly1305)
    var content = ByteBuffer()
    var outgoing = ByteBuffer()

    var isSilent: Bool { outgoing.isEmpty }
    var bytes: [UInt8] { content.copied() }
    var hasRecord: Bool { records.hasRecord }

    func receive(_ kind: TLSContentKind, _ bytes: [UInt8]) -> TLSRecords.Opened? {
      put(kind, bytes)
      return open()
    }

    func put(_ kind: TLSContentKind, _ bytes: [UInt8]) {
      var record = ByteBuffer()
      sealing.seal(kind, bytes.span, into: &record)
      records.incoming.append(record.span)
    }

    func open() -> TLSRecords.Opened? {
      records.open(into: &content, outgoing: &outgoing)
    }

    /// The one record that was answered, opened.
    func answer() -> (kind: TLSContentKind, bytes: [UInt8])? {
      var opened = ByteBuffer()
      guard outgoing.count >= 5 else { return nil }
      let end = 5 + Int(outgoing[3]) << 8 + Int(outgoing[4])
      let result = opening.open(outgoing.span.extracting(0..<end), into: &opened)
      outgoing.consume(end)
      guard case .success(let kind) = result else { return nil }
      return (kind, opened.copied())
    }

    func isAnswered(_ kind: TLSContentKind, _ bytes: [UInt8]) -> Bool {
      guard let answer = answer() else { return false }
      return answer == (kind, bytes) && outgoing.isEmpty
    }
  }

  @Test("bytes for the application are given, whole or byte by byte, with what follows them")
  func content() {
    let world = World()
    world.put(.applicationData, [1, 2, 3])
    world.put(.applicationData, [4])
    let bytes = world.records.incoming.copied()
    #expect(world.hasRecord)
    #expect(world.open() == .content)
    #expect(world.open() == .content)
    #expect(world.open() == nil)
    #expect(world.bytes == [1, 2, 3, 4])

    let slow = World()
    for byte in bytes {
      slow.records.incoming.append([byte])
      while slow.open() != nil {}
    }
    #expect(slow.bytes == [1, 2, 3, 4])
    #expect(slow.isSilent && !slow.hasRecord)
  }

  @Test("a key update changes the reading keys, and is answered where that is wanted")
  func keyUpdate() {
    let world = World()
    #expect(world.receive(.handshake, [24, 0, 0, 1, 0]) == .nothing)
    #expect(world.isSilent)
    world.sealing.update()
    #expect(world.receive(.applicationData, [1]) == .content)
    #expect(world.receive(.handshake, [24, 0, 0, 1, 1]) == .nothing)
    world.sealing.update()
    #expect(world.isAnswered(.handshake, [24, 0, 0, 1, 0]))
    world.opening.update()
    #expect(world.receive(.applicationData, [2]) == .content)
    world.records.seal([3].span, into: &world.outgoing)
    #expect(world.isAnswered(.applicationData, [3]))
  }

  @Test("a key update may come in two records, and nothing between them")
  func dividedUpdate() {
    let world = World()
    #expect(world.receive(.handshake, [24, 0]) == .nothing)
    #expect(world.receive(.handshake, [0, 1, 0]) == .nothing)
    world.sealing.update()
    #expect(world.receive(.applicationData, [1]) == .content)
    #expect(world.receive(.handshake, [24, 0]) == .nothing)
    #expect(world.receive(.applicationData, [1]) == .failed(.unexpected))
    #expect(world.isAnswered(.alert, [2, 10]))
  }

  @Test("an own update tells the other side first")
  func ownUpdate() {
    let world = World()
    world.records.updateKeys(wantsAnswer: true, into: &world.outgoing)
    #expect(world.isAnswered(.handshake, [24, 0, 0, 1, 1]))
    world.opening.update()
    world.records.seal([7].span, into: &world.outgoing)
    #expect(world.isAnswered(.applicationData, [7]))
  }

  @Test(
    "what has no place in an established connection ends it, with an alert that says why",
    arguments: [
      (TLSContentKind.handshake, [], 10), (.handshake, [1, 0, 0, 0], 10),
      (.handshake, [4, 0, 0, 1, 0], 10), (.handshake, [13, 0, 0, 0], 10),
      (.handshake, [20, 0, 0, 32], 10), (.handshake, [24, 0, 0, 2, 0, 0], 50),
      (.handshake, [24, 1, 0, 1, 0], 50), (.handshake, [24, 0, 0, 1, 2], 47),
      (.handshake, [24, 0, 0, 1, 0, 24], 10), (.alert, [], 50), (.alert, [1], 50),
      (.alert, [1, 0, 0], 50), (.changeCipherSpec, [1], 10),
    ] as [(TLSContentKind, [UInt8], UInt8)])
  func refused(kind: TLSContentKind, bytes: [UInt8], alert: UInt8) {
    let world = World()
    let expected = TLSRecordError(rawValue: alert)!
    #expect(world.receive(kind, bytes) == .failed(expected))
    #expect(world.isAnswered(.alert, [2, alert]))
    #expect(world.bytes.isEmpty)
  }

  @Test("what is not sealed, or not authentic, or too long, ends it; the length alone suffices")
  func refusedRecords() {
    let cases: [([UInt8], TLSRecordError)] = [
      ([20, 3, 3, 0, 1, 1], .unexpected), ([21, 3, 3, 0, 2, 1, 0], .unexpected),
      ([22, 3, 3, 0, 5, 24, 0, 0, 1, 0], .unexpected),
      ([0x47, 0x45, 0x54, 0x20, 0x2f], .unexpected),
      ([23, 3, 3, 0x41, 1], .tooLong), ([23, 3, 3, 0xff, 0xff], .tooLong),
      ([23, 3, 3, 0, 0], .badRecord),
      ([23, 3, 3, 0, 16] + [UInt8](repeating: 0, count: 16), .badRecord),
      ([23, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20), .badRecord),
    ]
    for (bytes, error) in cases {
      let world = World()
      world.records.incoming.append(bytes)
      #expect(world.hasRecord)
      #expect(world.open() == .failed(error), "\(bytes.prefix(5))")
      #expect(world.isAnswered(.alert, [2, error.rawValue]))
    }
  }

  @Test("the other side's end is an end; its alert is one with a reason")
  func alerts() {
    let world = World()
    #expect(world.receive(.alert, [1, 90]) == .nothing)
    #expect(world.receive(.alert, [1, 0]) == .end)
    #expect(world.isSilent)
    let other = World()
    #expect(other.receive(.alert, [2, 40]) == .alert(40))
    #expect(other.isSilent)
  }

  @Test("the own end is said once, and no alert comes behind it")
  func end() {
    let world = World()
    world.records.sayEnd(into: &world.outgoing)
    world.records.sayEnd(into: &world.outgoing)
    #expect(world.isAnswered(.alert, [1, 0]))
    #expect(world.receive(.handshake, [1]) == .failed(.unexpected))
    #expect(world.isSilent)
  }

  @Test("records without content are borne to a number, and anew after a rest or content")
  func floods() {
    let world = World()
    for round in 0..<3 {
      for _ in 0..<32 { #expect(world.receive(.applicationData, []) == .nothing) }
      if round == 0 { world.records.rest() }
      if round == 1 { #expect(world.receive(.applicationData, [1]) == .content) }
    }
    #expect(world.receive(.applicationData, []) == .failed(.unexpected))
  }
}
