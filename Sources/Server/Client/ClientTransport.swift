import Bytes
import Platform

/// The socket of an outgoing connection. Owns the descriptor.
struct ClientTransport: ~Copyable {
  let socket: Descriptor

  var raw: Int32 { socket.raw }

  /// Appends what is there to a buffer.
  mutating func read(into buffer: inout ByteBuffer) -> ReadResult {
    Socket.read(socket.raw, into: &buffer, minimum: HTTPClientLimits.readBytes)
  }

  /// Sends as many of the bytes as the connection takes now.
  mutating func write(_ bytes: Span<UInt8>) -> WriteResult { Socket.write(socket.raw, bytes) }
}
