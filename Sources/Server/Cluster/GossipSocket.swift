// Datagrams between nodes: sealed, and never waited for.

import Bytes
import Cluster
import Platform

/// A datagram that was opened: who sealed it, and from where it came.
struct OpenedPacket {
  let from: Incarnated
  let address: Endpoint
  let bytes: [UInt8]
}

/// The node's UDP socket, on the same port number as HTTP. What cannot be opened is counted and
/// left without an answer.
struct GossipSocket: ~Copyable {
  private let socket: DatagramSocket
  private var sealer: PacketSealer
  private var opener: PacketOpener
  private var datagram = ByteBuffer(capacity: bytesMax)
  private var opened = ByteBuffer(capacity: bytesMax)
  private(set) var received: Int64 = 0
  private(set) var refused: Int64 = 0

  private static let bytesMax = 2_048
  /// Datagrams that a turn takes at most: others have their turn too.
  static let batchMax = 128

  init(socket: consuming DatagramSocket, identity: LinkIdentity, salt: UInt64) {
    self.socket = consume socket
    sealer = PacketSealer(
      secret: identity.secrets[0], cluster: identity.cluster, own: identity.own, salt: salt)
    opener = PacketOpener(
      secrets: identity.secrets, cluster: identity.cluster, own: identity.own, salt: salt)
  }

  var descriptor: Int32 { socket.descriptor.raw }

  mutating func send(_ bytes: [UInt8], to address: InternetAddress, port: UInt16) {
    // The buffer leaves the struct while its bytes are lent out.
    var datagram = ByteBuffer()
    swap(&datagram, &self.datagram)
    datagram.clear()
    sealer.seal(bytes.span, into: &datagram)
    socket.send(datagram.span, to: address, port: port)
    swap(&datagram, &self.datagram)
  }

  /// The next datagram that waits and is authentic; nil where none waits. `budget` counts those
  /// that were looked at.
  mutating func receive(budget: inout Int) -> OpenedPacket? {
    var datagram = ByteBuffer()
    var opened = ByteBuffer()
    swap(&datagram, &self.datagram)
    swap(&opened, &self.opened)
    defer {
      swap(&datagram, &self.datagram)
      swap(&opened, &self.opened)
    }
    while budget > 0, let sender = socket.receive(into: &datagram, bytesMax: Self.bytesMax) {
      budget -= 1
      received += 1
      opened.clear()
      if case .opened(let from) = opener.open(datagram.span, into: &opened) {
        return OpenedPacket(
          from: from, address: Endpoint(sender.address, port: sender.port),
          bytes: opened.copied())
      }
      refused += 1
    }
    return nil
  }
}
