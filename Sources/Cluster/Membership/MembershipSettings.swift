/// The intervals of membership, in milliseconds. Source: memberlist's settings for a local network,
/// which have been tested the longest, except where a reason is given.
public struct MembershipSettings: Sendable {
  /// Between two probes, while this node is well.
  public var probeIntervalMilliseconds: UInt64 = 1_000
  /// How long a probed member may take before others are asked about it.
  public var probeTimeoutMilliseconds: UInt64 = 500
  /// How long the ping over the control channel may take that precedes a suspicion.
  public var controlPingTimeoutMilliseconds: UInt64 = 1_500
  /// How many others are asked about a member that does not answer.
  public var indirectProbes = 3
  /// Between two rounds of gossip, while there is something to tell.
  public var gossipIntervalMilliseconds: UInt64 = 200
  /// How many members a round of gossip goes to.
  public var gossipMembers = 3
  /// How long a member that is down still hears the gossip, in case it is not.
  public var gossipToDownMilliseconds: UInt64 = 30_000
  /// Between two full exchanges with a random member.
  public var exchangeIntervalMilliseconds: UInt64 = 30_000
  /// How long a member is suspected at least; times the logarithm of the number of nodes.
  public var suspicionMilliseconds: UInt64 = 4_000
  /// How much longer without anybody who confirms it.
  public var suspicionLongestFactor: UInt64 = 6
  /// The first dial of a member that is down comes after this time …
  public var redialFirstMilliseconds: UInt64 = 1_000
  /// … and no two are further apart than this and a fifth, so that a cluster split in halves is one
  /// again within ten seconds of healing.
  public var redialLongestMilliseconds: UInt64 = 8_000
  /// How long a dialled member may take.
  public var redialTimeoutMilliseconds: UInt64 = 3_000
  /// After a first failure to join …
  public var joinFirstMilliseconds: UInt64 = 1_000
  /// … and at most between two attempts.
  public var joinLongestMilliseconds: UInt64 = 5_000
  /// How long a join may take: the member that is asked dials back first.
  public var joinTimeoutMilliseconds: UInt64 = 6_000
  /// How long the node that asks to join may take when it is dialled back.
  public var dialBackTimeoutMilliseconds: UInt64 = 2_000
  /// At most one unasked word a second to a member that does not know that it is held to be down.
  public var tellIntervalMilliseconds: UInt64 = 1_000
  /// Wall clocks that are further apart than this are warned of; machines that synchronise their time
  /// stay far below it.
  public var clockApartMilliseconds: UInt64 = 250

  /// That of `ClusterSettings`.
  var mutant = Mutant.none

  public init() {}
}

/// What membership holds at most.
enum MembershipLimits {
  /// A full exchange of so many members stays below 300 KiB.
  static let members = 1_000
  /// A datagram of 1400 bytes fits every path; sealing takes 47 of them.
  static let packetBytes = 1_400 - PacketSealer.overheadBytes
  /// Nodes that wait to be dialled back; more are told to come again.
  static let pendingJoins = 16
  /// Probes made for others at a time; beyond that the oldest is forgotten.
  static let relays = 64
  /// Members dialled again at a time.
  static let redials = 8
  /// Members told over the control channel that this node stops.
  static let announcements = 16
}
