import Bytes
import Platform

/// The socket of an outgoing connection, with or without TLS. Owns the descriptor.
struct ClientTransport: ~Copyable {
  /// How far a call came.
  enum Step: Equatable {
    /// Bytes that were read, or that are taken to be sent.
    case bytes(Int)
    /// Nothing more until the socket is reported again.
    case waits
    /// The server will send no more, and said so.
    case closed
    /// The server will send no more; under TLS it should have said so, and did not.
    case truncated
    case failed(HTTPClientFailure)
  }

  private let socket: Descriptor
  private var session: TLSSession?
  /// There is a session: both directions move at every event, because either may wait for both.
  let isSecure: Bool

  /// Begins a connection.
  ///
  /// - Parameter serverName: what the server's certificate must name.
  init(
    to address: InternetAddress, port: UInt16, tls: TLSContext?, serverName: String
  ) throws(HTTPClientFailure) {
    let socket = try Self.dial(address, port)
    let session = try Self.secure(socket.raw, tls, serverName)
    self.socket = socket
    self.session = session
    isSecure = tls != nil
  }

  private static func dial(
    _ address: InternetAddress, _ port: UInt16
  ) throws(HTTPClientFailure) -> Descriptor {
    do throws(SystemError) {
      return try Socket.beginConnect(to: address, port: port)
    } catch {
      throw .unreachable(error)
    }
  }

  private static func secure(
    _ descriptor: Int32, _ tls: TLSContext?, _ serverName: String
  ) throws(HTTPClientFailure) -> TLSSession? {
    guard let tls else { return nil }
    do throws(TLSFailure) {
      return try TLSSession(tls, connecting: descriptor, serverName: serverName)
    } catch {
      throw .insecure(error)
    }
  }

  var raw: Int32 { socket.raw }

  /// Goes on with the handshake; `.bytes(0)` where it is done.
  mutating func handshake() -> Step {
    guard isSecure else { return .bytes(0) }
    switch session!.handshake() {
    case .done: return .bytes(0)
    case .wantsRead, .wantsWrite: return .waits
    case .closed: return .closed
    case .failed(let failure): return .failed(Self.failure(failure, "recv"))
    }
  }

  /// Appends what is there to a buffer.
  mutating func read(into buffer: inout ByteBuffer) -> Step {
    let minimum = HTTPClientLimits.readBytes
    guard isSecure else {
      switch Socket.read(socket.raw, into: &buffer, minimum: minimum) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .waits
      case .closed: return .closed
      case .failed(let code): return .failed(.broken(SystemError(call: "recv", code: code)))
      }
    }
    switch session!.read(into: &buffer, minimum: minimum) {
    case .bytes(let count): return .bytes(count)
    case .wantsRead, .wantsWrite: return .waits
    case .closed: return .closed
    case .truncated: return .truncated
    case .failed(let failure): return .failed(Self.failure(failure, "recv"))
    }
  }

  /// Sends as many of the bytes as the connection takes now. Under TLS also what it took before.
  mutating func write(_ bytes: Span<UInt8>) -> Step {
    guard isSecure else {
      switch Socket.write(socket.raw, bytes) {
      case .bytes(let count): return .bytes(count)
      case .wouldBlock: return .waits
      case .failed(let code): return .failed(.broken(SystemError(call: "send", code: code)))
      }
    }
    switch session!.write(bytes) {
    case .bytes(let count): return .bytes(count)
    case .wantsRead, .wantsWrite: return .waits
    case .failed(let failure): return .failed(Self.failure(failure, "send"))
    }
  }

  /// Says that nothing more comes, as far as that can be said at once.
  mutating func finish() {
    if isSecure { _ = session!.shutdown() }
  }

  private static func failure(_ failure: TLSFailure, _ call: StaticString) -> HTTPClientFailure {
    if case .system(let code) = failure { return .broken(SystemError(call: call, code: code)) }
    return .insecure(failure)
  }
}
