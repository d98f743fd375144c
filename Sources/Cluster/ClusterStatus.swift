public import Bytes

/// What `/membership`, `/readyz` and `/stats` show.
public struct ClusterStatus: Sendable {
  /// A member, as this node sees it. Of the own one only what says who it is.
  public struct Member: Sendable {
    public let id: NodeID
    public let boot: UInt32
    public let endpoint: Endpoint
    public let state: MemberState
    public let isOwn: Bool
    /// Nil where nothing came from it since the start; of the own node, now.
    public let lastHeard: Instant?
    /// Positive where its wall clock is ahead; nil while unknown.
    public let clockOffsetMilliseconds: Int64?
    public let roundTripMicroseconds: UInt64?
    /// Writes that this node has and it has not: as of the last comparison, or, where it does not
    /// answer, all since what it last said. Nil where it has said nothing since this node's start.
    public internal(set) var lag: UInt64?
    /// Shards of which it has what this node has not.
    public internal(set) var wantedShards = 0
    /// Bytes of own writes that wait for it.
    public internal(set) var queueBytes = 0
    /// Bytes of requests that were sent to it since the start.
    public internal(set) var sentBytes: UInt64 = 0
    /// Tombstones that this node keeps since nobody knows whether the member has seen them: as of
    /// the last look. Of members that answer, and what they have is known, none.
    public internal(set) var heldTombstones = 0

    /// Whether sessions with it go on.
    public var isReachable: Bool { state.isReachable }

    init(_ status: MemberStatus, isOwn: Bool) {
      id = status.id
      boot = status.boot
      endpoint = status.endpoint
      state = status.state
      self.isOwn = isOwn
      lastHeard = status.lastHeard
      clockOffsetMilliseconds = status.clockOffsetMilliseconds
      roundTripMicroseconds = status.roundTripMicroseconds
    }
  }

  /// All members, the own node too, by ascending number; removed ones not.
  public internal(set) var members: [Member]
  /// Those that an operator took out, by ascending number.
  public let removed: [Cluster.Member]
  /// Whether everything that was there when the node joined is here and durable.
  public let isReady: Bool
  /// Whether this node was away and lacks what others have: it serves, and others serve better.
  public let isCatchingUp: Bool
  /// Shards that a joining node still lacks.
  public let missingShards: Int
  /// Who kept tombstones from going at the last look.
  public let collectionBlocker: NodeID?
  public let replication: ReplicationCounters
  public let membership: MembershipCounters
}
