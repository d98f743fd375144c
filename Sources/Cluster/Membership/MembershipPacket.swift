import Bytes

/// What one datagram says, before it is sealed. Layout: docs/formats/wire.md.
///
/// The first update is always the sender's own, so that every packet refutes what is false about it
/// and makes it known to those who have never heard of it.
struct MembershipPacket: Equatable, Sendable {
  enum Kind: UInt8, Sendable {
    case ping = 1
    /// Asks a third node to ping `target`.
    case pingRequest = 2
    /// `target` is alive.
    case ack = 3
    /// The helper lives, but has not heard from `target`.
    case nack = 4
    /// Nothing but the updates.
    case gossip = 5
  }

  static let version: UInt8 = 1
  static let headBytes = 23

  var kind: Kind
  /// Which probe of the asking node this is or answers; 0 in gossip.
  var sequence: UInt32
  /// Who is probed; 0 in gossip.
  var target: NodeID
  /// The sender's clock when it wrote this, in milliseconds since 1970; 0 where it does not know.
  var wallMilliseconds: UInt64
  /// At least one, at most 255.
  var updates: [MemberUpdate]

  func encoded() -> [UInt8] {
    var buffer = ByteBuffer(capacity: MembershipLimits.packetBytes)
    buffer.appendUInt8(Self.version)
    buffer.appendUInt8(kind.rawValue)
    buffer.appendUInt32(sequence)
    buffer.appendUInt64(target.rawValue)
    buffer.appendUInt64(wallMilliseconds)
    buffer.appendUInt8(UInt8(truncatingIfNeeded: updates.count))
    for update in updates { update.encode(into: &buffer) }
    return buffer.copied()
  }

  /// Nil where the bytes are anything but exactly one packet whose first update is of `sender`.
  static func decode(_ bytes: Span<UInt8>, from sender: Incarnated) -> MembershipPacket? {
    var reader = ByteReader(bytes)
    guard reader.readUInt8() == version, let kind = reader.readUInt8().flatMap(Kind.init),
      let sequence = reader.readUInt32(), let target = reader.readUInt64(),
      let wall = reader.readUInt64(), let count = reader.readUInt8(),
      let updates = MemberUpdate.decode(count: Int(count), ownOf: sender, &reader)
    else { return nil }
    return MembershipPacket(
      kind: kind, sequence: sequence, target: NodeID(target), wallMilliseconds: wall,
      updates: updates)
  }
}

extension MemberUpdate {
  /// Exactly `count` updates up to the end, the first of them about `sender`.
  static func decode(
    count: Int, ownOf sender: Incarnated, _ reader: inout ByteReader
  ) -> [MemberUpdate]? {
    guard count > 0, count <= reader.remaining / bytesMin else { return nil }
    var updates: [MemberUpdate] = []
    updates.reserveCapacity(count)
    for _ in 0..<count {
      guard let update = decode(&reader) else { return nil }
      updates.append(update)
    }
    guard reader.remaining == 0, updates[0].node == sender.node, updates[0].boot == sender.boot
    else { return nil }
    return updates
  }
}
