/// What replication has done since the start.
public struct ReplicationCounters: Equatable, Sendable {
  /// Entries sent as they were written, repetitions included.
  public internal(set) var pushedEntries: UInt64 = 0
  /// Entries that peers sent as they were written.
  public internal(set) var receivedEntries: UInt64 = 0
  /// Entries of peers, pulled ones too, with a time more than a minute ahead of this node's wall clock.
  public internal(set) var aheadEntries: UInt64 = 0
  /// How often a peer fell so far behind that it has to pull.
  public internal(set) var queueDrops: UInt64 = 0
  /// Entries that peers were sent because they asked for what they lack.
  public internal(set) var servedEntries: UInt64 = 0
  /// Entries that this node asked for.
  public internal(set) var pulledEntries: UInt64 = 0
  /// Shards that were pulled to their end.
  public internal(set) var pulledShards: UInt64 = 0
  /// Shards whose content differed although both sides had seen the same: there must be none.
  public internal(set) var repairs: UInt64 = 0
  /// Shards that were compared by content.
  public internal(set) var verifiedShards: UInt64 = 0
  public internal(set) var collectedTombstones: UInt64 = 0
  /// Requests that could not be read.
  public internal(set) var refusedRequests: UInt64 = 0

  public init() {}
}
