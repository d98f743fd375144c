import Bytes
import Foundation
import Platform
import Testing

@testable import Server

@Suite("Loop: sealed connections")
final class LoopTLSTests {
  private let node: LoopWorld
  private let client: LoopClient
  private var session: TLSSession

  /// A client that has shaken hands.
  init() throws {
    let certificates = try ClientCertificates.usual.get()
    var folder = certificates["ca.crt"]
    folder.removeLast("/ca.crt".count)
    node = try LoopWorld(door: TLSDoor(folder: folder, requiresClientCertificate: false))
    client = try node.connect()
    _ = fcntl(client.raw, F_SETFL, O_NONBLOCK)
    session = try TLSSession(
      certificates.client(), connecting: client.raw, serverName: "localhost")
    for _ in 0..<1_000 {
      guard session.handshake() != .done else { return }
      node.turn()
    }
    throw Trouble(what: "no handshake")
  }

  /// What comes until the node ends the connection, and how it does.
  private func readToEnd() throws -> (text: String, end: TLSReadResult) {
    var bytes = ByteBuffer()
    for _ in 0..<1_000 {
      node.turn()
      switch session.read(into: &bytes, minimum: 1 << 14) {
      case .bytes, .wantsRead, .wantsWrite: continue
      case let end: return (text(bytes.copied()), end)
      }
    }
    throw Trouble(what: "no end")
  }

  private func send(_ request: String) {
    #expect(session.write(utf8(request).span) == .bytes(request.utf8.count))
  }

  @Test("a client that has said its last word is answered, and then told that this is the end")
  func halfClose() throws {
    send(get("/heartbeat"))
    #expect(session.shutdown() == .bytes(0))
    client.finishSending()
    let (answers, end) = try readToEnd()
    #expect(statuses(answers) == ["200"])
    #expect(end == .closed)
  }

  @Test("the same holds where only the socket ends, or only TLS does", arguments: [true, false])
  func halfOfIt(isSocket: Bool) throws {
    send(get("/heartbeat") + get("/nothing"))
    if isSocket { client.finishSending() } else { #expect(session.shutdown() == .bytes(0)) }
    let (answers, end) = try readToEnd()
    #expect(statuses(answers) == ["200", "404"])
    #expect(end == .closed)
  }

  @Test("a write whose client has said its last word is answered when it is committed")
  func heldWrite() throws {
    send(node.put("k", "1"))
    #expect(session.shutdown() == .bytes(0))
    client.finishSending()
    node.turn()
    #expect(node.phase(of: client) == .held)
    node.commit()
    let (answers, end) = try readToEnd()
    #expect(statuses(answers) == ["201"])
    #expect(end == .closed)
  }

  @Test("a request that is cut off by the end is not applied")
  func cutOff() throws {
    send(String(node.put("k", "1").dropLast()))
    client.finishSending()
    let (answers, _) = try readToEnd()
    #expect(!statuses(answers).contains("201"))
    #expect(node.world.database.log.appended == 0)
  }
}
