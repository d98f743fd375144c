public import Bytes

/// A member as others may know it: by number, never by address.
public struct Member: Equatable, Sendable {
  public let id: NodeID
  public let boot: UInt32
  public let endpoint: Endpoint
  public let state: MemberState

  /// Whether sessions with it and pushes to it go on.
  public var isReachable: Bool { state.isReachable }
}

/// What `/membership` and `/stats` show of a member.
public struct MemberStatus: Equatable, Sendable {
  public let id: NodeID
  public let boot: UInt32
  public let endpoint: Endpoint
  public let state: MemberState
  /// Nil where nothing came from it since the start; of the own node, now.
  public let lastHeard: Instant?
  /// Positive where its wall clock is ahead; nil while unknown.
  public let clockOffsetMilliseconds: Int64?
  public let roundTripMicroseconds: UInt64?
}

/// What changed for those who work with members.
public enum MembershipChange: Equatable, Sendable {
  /// A new member: from now on it counts for `memberDigest` and holds back tombstones.
  case added(NodeID)
  /// It became reachable.
  case alive(NodeID)
  /// It runs under a greater boot than before: what was agreed with the old one is void.
  case restarted(NodeID)
  /// It has another address.
  case moved(NodeID)
  case suspected(NodeID)
  /// It said that it is about to stop.
  case leaving(NodeID)
  /// It is unreachable from now on.
  case down(NodeID)
  case removed(NodeID)
  /// This node's join succeeded.
  case admitted(by: NodeID)
}

/// What happened since the start.
public struct MembershipCounters: Equatable, Sendable {
  public var probes: UInt64 = 0
  /// Nobody reached the member: neither a packet, nor another node, nor the control channel.
  public var probesFailed: UInt64 = 0
  /// No packet came back, but the control channel answered: UDP does not get through.
  public var probesSavedByControlPing: UInt64 = 0
  public var suspicions: UInt64 = 0
  public var refutations: UInt64 = 0
  public var exchanges: UInt64 = 0
  /// Datagrams and messages that were authentic and yet no packet or message.
  public var malformed: UInt64 = 0
  /// Datagrams and requests of an older boot or of a removed member.
  public var fenced: UInt64 = 0
  public var joinsAdmitted: UInt64 = 0
  public var joinsRefused: UInt64 = 0
}

/// All that is known of another member.
struct Peer: Sendable {
  let id: NodeID
  var boot: UInt32
  var incarnation: UInt64
  var state: MemberState
  var endpoint: Endpoint
  var lastHeard: Instant?
  var clock = ClockOffset()
  /// It was warned of how far its clock is from the own one.
  var isClockApart = false

  /// Only while it is suspect.
  var suspicion: Suspicion?
  /// Whose accusation is passed on next.
  var accuser = NodeID(0)
  var downSince: Instant?

  /// When a full exchange with it is due: to find it again, or because it asked for one.
  var dialAt: Instant?
  var dialAttempts: UInt64 = 0
  var isDialled = false
  /// When it was last told, unasked, what is believed of it.
  var toldAt: Instant?

  /// How many more packets carry the last news of it.
  var transmissions = 0
  /// Orders news of equal age in packets: the latest first.
  var newsNumber: UInt64 = 0

  /// There is nothing about it that it would have to refute.
  var isBelievedWell: Bool { state == .alive || state == .unheard }

  var update: MemberUpdate {
    MemberUpdate(
      node: id, boot: boot, incarnation: incarnation, state: state,
      accuser: state == .suspect ? accuser : NodeID(0), endpoint: endpoint)
  }
}
