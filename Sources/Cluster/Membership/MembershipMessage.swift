import Bytes

/// What membership says over the control channel. Layout: docs/formats/wire.md.
///
/// The first update is always the sender's own.
struct MembershipMessage: Equatable, Sendable {
  enum Kind: UInt8, Sendable {
    /// Are you alive? With what the asking node believes of the one asked.
    case ping = 1
    /// All that the asking node knows of all members.
    case exchange = 2
    /// The same of one that wants to become a member.
    case join = 3
    /// News that must not wait for gossip: the sender stops.
    case announce = 4
    /// The answer to `ping` and `announce`.
    case pong = 129
    /// The answers to `exchange` and `join`: all that the answering node knows.
    case exchanged = 130
    case joined = 131
    /// The answer to anything; `reason` says why.
    case refused = 132
  }

  /// Why a node is not listened to.
  enum Reason: UInt8, Sendable {
    case none = 0
    case malformed = 1
    /// A later boot of the same node is known.
    case olderBoot = 2
    case removed = 3
    /// The node asked does not know the asking one: it must exchange first.
    case notMember = 4
    /// Wildcard, broadcast, multicast or link-local.
    case addressUnusable = 5
    /// A loopback address among others, or another among loopback addresses.
    case addressLoopback = 6
    /// Another living member, or the answering node itself, has this address.
    case addressTaken = 7
    /// The advertised address was dialled and did not answer as this node.
    case addressUnreachable = 8
    /// The answering node is not part of a cluster itself, is about to stop or is busy: try again.
    case notNow = 9
    case full = 10
  }

  static let family: UInt8 = 1
  static let version: UInt8 = 1
  static let headBytes = 14

  var kind: Kind
  var reason = Reason.none
  var wallMilliseconds: UInt64 = 0
  var updates: [MemberUpdate]

  func encoded() -> [UInt8] {
    var buffer = ByteBuffer(capacity: Self.headBytes + updates.count * 48)
    buffer.appendUInt8(Self.family)
    buffer.appendUInt8(Self.version)
    buffer.appendUInt8(kind.rawValue)
    buffer.appendUInt8(reason.rawValue)
    buffer.appendUInt64(wallMilliseconds)
    buffer.appendUInt16(UInt16(truncatingIfNeeded: updates.count))
    for update in updates { update.encode(into: &buffer) }
    return buffer.copied()
  }

  /// Nil where the bytes are anything but exactly one message whose first update is of `sender`.
  static func decode(_ bytes: Span<UInt8>, from sender: Incarnated) -> MembershipMessage? {
    var reader = ByteReader(bytes)
    guard reader.readUInt8() == family, reader.readUInt8() == version,
      let kind = reader.readUInt8().flatMap(Kind.init),
      let reason = reader.readUInt8().flatMap(Reason.init),
      let wall = reader.readUInt64(), let count = reader.readUInt16(),
      count <= MembershipLimits.members + 1,
      let updates = MemberUpdate.decode(count: Int(count), ownOf: sender, &reader)
    else { return nil }
    return MembershipMessage(kind: kind, reason: reason, wallMilliseconds: wall, updates: updates)
  }
}
