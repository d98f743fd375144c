public import Bytes
import Crypto

/// Seals a process's own datagrams: they can be neither read, changed nor made without the secret.
///
/// Each process has a key of its own (from its number, boot and a random salt) and numbers its
/// datagrams, so that no nonce is ever used twice; random nonces under one shared key would run into
/// the bound of NIST SP 800-38D within days. Layout: docs/formats/wire.md.
public struct PacketSealer: ~Copyable {
  /// What sealing adds: a head of 31 bytes and a tag of 16.
  public static let overheadBytes = headBytes + AEAD.tagBytes
  static let headBytes = 31
  static let magic = UInt8(ascii: "L")
  static let version: UInt8 = 1

  private var aead: AEAD
  private let head: PacketHead
  private var counter: UInt64 = 0

  /// - Parameter salt: random, drawn once for each process.
  public init(secret: ClusterSecret, cluster: UInt64, own: Incarnated, salt: UInt64) {
    head = PacketHead(
      keyID: UInt8(truncatingIfNeeded: secret.id), sender: own, salt: salt, counter: 0)
    aead = head.stream.aead(secret, cluster: cluster)
    self.cluster = cluster
  }

  private let cluster: UInt64

  /// Appends the sealed bytes, 47 more than `bytes`.
  public mutating func seal(_ bytes: Span<UInt8>, into datagram: inout ByteBuffer) {
    counter += 1
    var head = head
    head.counter = counter
    var associated = ByteBuffer(capacity: Self.headBytes + 8)
    head.encode(into: &associated)
    datagram.append(associated.span)
    associated.appendUInt64(cluster)
    aead.seal(
      nonce: Nonce(prefix: 0, counter: counter), associatedData: associated.span,
      plaintext: bytes, into: &datagram)
  }
}

/// Whose datagrams are numbered together: one process.
struct PacketStream: Hashable, Comparable, Sendable {
  let node: UInt64
  let boot: UInt32
  let salt: UInt64

  static func < (left: PacketStream, right: PacketStream) -> Bool {
    (left.node, left.boot, left.salt) < (right.node, right.boot, right.salt)
  }

  func aead(_ secret: ClusterSecret, cluster: UInt64) -> AEAD {
    var info = ByteBuffer(capacity: 26)
    info.append("gossip" as StaticString)
    info.appendUInt64(node)
    info.appendUInt32(boot)
    info.appendUInt64(salt)
    let key = secret.key(cluster: cluster, info: info.span)
    return AEAD(key: key.span)
  }
}

/// The readable part in front of a sealed datagram.
struct PacketHead: Sendable {
  let keyID: UInt8
  let sender: Incarnated
  let salt: UInt64
  var counter: UInt64

  var stream: PacketStream {
    PacketStream(node: sender.node.rawValue, boot: sender.boot, salt: salt)
  }

  func encode(into buffer: inout ByteBuffer) {
    buffer.appendUInt8(PacketSealer.magic)
    buffer.appendUInt8(PacketSealer.version)
    buffer.appendUInt8(keyID)
    buffer.appendUInt64(sender.node.rawValue)
    buffer.appendUInt32(sender.boot)
    buffer.appendUInt64(salt)
    buffer.appendUInt64(counter)
  }

  static func decode(_ reader: inout ByteReader) -> PacketHead? {
    guard reader.readUInt8() == PacketSealer.magic, reader.readUInt8() == PacketSealer.version,
      let keyID = reader.readUInt8(), let node = reader.readUInt64(), node != 0,
      let boot = reader.readUInt32(), let salt = reader.readUInt64(),
      let counter = reader.readUInt64()
    else { return nil }
    return PacketHead(
      keyID: keyID, sender: Incarnated(node: NodeID(node), boot: boot), salt: salt,
      counter: counter)
  }
}
