import Bytes
import Platform

/// The socket of a connection, with or without TLS, as the loops read and write it.
struct Wire: ~Copyable {
  private let socket: Descriptor
  private var session: TLSSession?
  private let isSecure: Bool
  /// Bytes are sealed that the kernel has not taken.
  private(set) var holdsSealed = false
  /// More can be read at once, whether the poller reports it or not.
  private(set) var mayReadMore = false

  init(_ socket: consuming Descriptor) {
    self.socket = socket
    session = nil
    isSecure = false
  }

  /// Shakes hands on a connected socket, for as long as the socket's own timeout lets each step take.
  init(
    _ socket: consuming Descriptor, tls: TLSContext, serverName: String
  ) throws(TLSFailure) {
    session = try Self.secure(socket.raw, tls, serverName)
    self.socket = socket
    isSecure = true
  }

  private static func secure(
    _ socket: Int32, _ tls: TLSContext, _ serverName: String
  ) throws(TLSFailure) -> TLSSession {
    var session = try TLSSession(tls, connecting: socket, serverName: serverName)
    switch session.handshake() {
    case .done: return session
    case .failed(let failure): throw failure
    case .closed: throw .protocolError(reason: "the connection was closed in the TLS handshake")
    case .wantsRead, .wantsWrite:
      throw .protocolError(reason: "the TLS handshake takes too long")
    }
  }

  var raw: Int32 { socket.raw }

  mutating func read(into buffer: inout ByteBuffer, minimum: Int) -> ReadResult {
    guard isSecure else { return Socket.read(socket.raw, into: &buffer, minimum: minimum) }
    let read = session!.read(into: &buffer, minimum: minimum)
    mayReadMore = session?.mayReadMore ?? false
    switch read {
    case .bytes(let count): return .bytes(count)
    case .wantsRead, .wantsWrite: return .wouldBlock
    case .closed, .truncated: return .closed
    case .failed(let failure): return .failed(Self.code(failure))
    }
  }

  /// Takes what it can of the bytes. `.wouldBlock`, or `holdsSealed`: go on when there is room.
  mutating func write(_ bytes: Span<UInt8>) -> WriteResult {
    guard isSecure else { return Socket.write(socket.raw, bytes) }
    let taken = session!.write(bytes)
    holdsSealed = session!.flush() == .wantsWrite
    switch taken {
    case .bytes(let count): return .bytes(count)
    case .wantsRead, .wantsWrite: return .wouldBlock
    case .failed(let failure): return .failed(Self.code(failure))
    }
  }

  /// EPROTO for what is no failure of the socket.
  private static func code(_ failure: TLSFailure) -> Int32 {
    if case .system(let code) = failure { return code }
    return 71
  }
}
