import Bytes
import Foundation
import Platform

/// A client and a server session, and between them a transport that the test turns by hand.
struct TLSPair: ~Copyable {
  var client: TLSSession
  var server: TLSSession
  /// Each session's own end of a socket pair, and the end that the test holds.
  private let clientEnd: (Int32, Int32)
  private let serverEnd: (Int32, Int32)
  /// How many bytes a turn carries at most, in each direction.
  let bytesAtOnce: Int
  private var held = Held()

  init(
    _ client: TLSContext, _ server: TLSContext, name: String = "localhost",
    bytesAtOnce: Int = 1 << 16, recordsOfKeysMax: UInt32 = TLSSession.recordsOfKeysMax,
    clientRecordsOfKeysMax: UInt32 = TLSSession.recordsOfKeysMax
  ) throws {
    let (clientEnd, serverEnd) = (try Self.socketPair(), try Self.socketPair())
    let clientSession = try TLSSession(
      client, connecting: clientEnd.0, serverName: name, recordsOfKeysMax: clientRecordsOfKeysMax)
    let serverSession = try TLSSession(
      server, accepting: serverEnd.0, recordsOfKeysMax: recordsOfKeysMax)
    self.clientEnd = clientEnd
    self.serverEnd = serverEnd
    self.bytesAtOnce = bytesAtOnce
    self.client = clientSession
    self.server = serverSession
  }

  deinit {
    for descriptor in [clientEnd.0, clientEnd.1, serverEnd.0, serverEnd.1] {
      Socket.close(descriptor)
    }
  }

  /// Carries what is under way, one piece in each direction; false where nothing was.
  @discardableResult
  mutating func carry() -> Bool {
    let up = move(clientEnd.1, serverEnd.1, \.up)
    let down = move(serverEnd.1, clientEnd.1, \.down)
    return up || down
  }

  /// What was taken from a source and not taken by its target is offered again first.
  private mutating func move(
    _ source: Int32, _ target: Int32, _ held: WritableKeyPath<Held, [UInt8]>
  ) -> Bool {
    if self.held[keyPath: held].isEmpty {
      var piece = [UInt8](repeating: 0, count: bytesAtOnce)
      let count = recv(source, &piece, piece.count, 0)
      self.held[keyPath: held] = Array(piece.prefix(max(0, count)))
    }
    let bytes = self.held[keyPath: held]
    guard !bytes.isEmpty, case .bytes(let count) = Socket.write(target, bytes.span) else {
      return false
    }
    self.held[keyPath: held].removeFirst(count)
    return true
  }

  struct Held {
    var up: [UInt8] = []
    var down: [UInt8] = []
  }

  /// Both handshakes, to their ends; what each came to.
  mutating func shakeHands() -> (client: TLSHandshakeResult, server: TLSHandshakeResult) {
    var client = TLSHandshakeResult.wantsRead
    var server = TLSHandshakeResult.wantsRead
    while true {
      if client.goesOn { client = self.client.handshake() }
      if server.goesOn { server = self.server.handshake() }
      if !carry() { break }
    }
    return (client, server)
  }

  /// Carries what the server has sent to the client; the lengths of its records, which must be whole.
  mutating func carryDown() -> [Int] {
    let bytes = takeFromServer()
    var lengths: [Int] = []
    var at = 0
    while at + 5 <= bytes.count {
      lengths.append(Int(bytes[at + 3]) << 8 | Int(bytes[at + 4]))
      at += 5 + lengths.last!
    }
    _ = Socket.write(clientEnd.1, bytes.span)
    return lengths
  }

  /// The client's transport ends, without a word of TLS.
  func cutClient() { Socket.shutdownWrite(serverEnd.1) }

  /// Writes straight to the server's end, past the client session.
  func inject(_ bytes: [UInt8]) { _ = Socket.write(serverEnd.1, bytes.span) }

  /// What the server has sent and nobody has carried.
  func takeFromServer() -> [UInt8] { take(from: serverEnd.1) }

  /// What the client has sent and nobody has carried.
  func takeFromClient() -> [UInt8] { take(from: clientEnd.1) }

  private func take(from end: Int32) -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(end, &piece, piece.count, 0)
    return Array(piece.prefix(max(0, count)))
  }

  private static func socketPair() throws -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw CocoaError(.fileReadUnknown) }
    return (ends[0], ends[1])
  }
}

extension TLSHandshakeResult {
  var goesOn: Bool { self == .wantsRead || self == .wantsWrite }

  var failure: TLSFailure? {
    if case .failed(let failure) = self { return failure }
    return nil
  }
}

/// Contexts of the usual certificates.
enum Contexts {
  static func server(
    _ certificates: Certificates, _ name: String = "server", requires: Bool = false
  ) throws -> TLSContext {
    try TLSContext.server(
      certificateFile: certificates["\(name).crt"], keyFile: certificates["\(name).key"],
      clientCAFile: certificates["ca.crt"], requireClientCertificate: requires)
  }

  static func client(_ certificates: Certificates, as name: String? = nil) throws -> TLSContext {
    try TLSContext.client(
      caFile: certificates["ca.crt"],
      certificateFile: name.map { certificates["\($0).crt"] },
      keyFile: name.map { certificates["\($0).key"] })
  }
}
