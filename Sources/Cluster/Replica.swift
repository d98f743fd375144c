public import Bytes
public import Store

/// What the protocol asks of the store that it keeps in step with its peers: the server's database,
/// or the simulator's.
///
/// Entries are the bytes of `LogEntry`, one behind the other, and stay opaque here: names, stamps and
/// values are spelled out in them, so what one node logged is what another applies.
///
/// Every change is appended to the replica's log as it is applied. Positions (LSN) are those of that
/// log; what was changed at a position is durable once `committed` has reached it. Nothing may be
/// told to a peer before it is durable here: a peer that counts on it would lose it in a crash.
public protocol Replica: ~Copyable {
  /// The highest position that is as durable as the node was asked to be.
  var committed: UInt64 { get }

  /// The highest position handed out.
  var appended: UInt64 { get }

  /// A hybrid time that every later write of this node exceeds, also after a crash; every write that
  /// does not exceed it is in its shard's clock by the time that clock is asked for.
  ///
  /// The promise is in the log, as a clock ceiling: it holds once `appended`, as it is at the
  /// return, is committed. Where the log has no room, an older time for which that is so.
  mutating func hybridTime() -> UInt64

  /// Makes every later write of this node exceed a time, also after a crash, however far it is ahead
  /// of the wall. The promise is in the log before whatever is appended after it.
  ///
  /// - Returns: false, with nothing changed, where the log has no room.
  mutating func exceed(_ hybridTime: UInt64) -> Bool

  /// Which writes the shard has seen, whether or not they are durable by now.
  func clock(ofShard shard: Int) -> ShardClock

  /// Applies a peer's entries (puts and tombstones), each through the one door and into the log, and
  /// counts each as seen, whether it won or not.
  ///
  /// An entry that the shard's clock has seen is passed over: it may be a late copy of a write whose
  /// tombstone is gone already, and nothing but the clock remembers that.
  ///
  /// - Parameter evenSeen: applies also what the clock has seen. Only for repairing a difference
  ///   that should not exist.
  /// - Returns: nil, with nothing or a part applied, where the entries are malformed or there is no
  ///   room for them; what was applied is applied, and sending it again does no harm.
  mutating func apply(_ entries: Span<UInt8>, count: Int, evenSeen: Bool) -> AppliedEntries?

  /// Counts as seen, in a shard, all that `clock` has seen; logged. For the end of a pull: what the
  /// peer had seen and did not send was superseded.
  ///
  /// - Returns: the position at which this is durable; nil where the log has no room.
  mutating func merge(_ clock: ShardClock, intoShard shard: Int) -> UInt64?

  /// Appends entries for the records and tombstones of a shard that `clock` has not seen, in the
  /// order of their hashes from `place` on, until `bytesMax` is reached (one entry may exceed it).
  ///
  /// - Returns: how many, and where to go on; nil at the end of the shard. A place is never divided
  ///   between two pages.
  func scan(
    shard: Int, missingFrom clock: ShardClock, from place: UInt64, bytesMax: Int,
    into entries: inout ByteBuffer
  ) -> (count: Int, next: UInt64?)

  /// The digest of a shard's live records by key and stamp, whatever their order: the second line of
  /// repair, which must find nothing where the clocks are equal. The cost is that of the shard.
  func contentDigest(ofShard shard: Int) -> UInt64

  /// How many tombstones a shard has.
  func tombstoneCount(ofShard shard: Int) -> Int

  /// How many tombstones of a shard have a time that is not before `hybridTime`, or belong to a
  /// write that `clock` has not seen. The cost is that of the shard.
  func tombstoneCount(
    ofShard shard: Int, notBefore hybridTime: UInt64, orUnseenBy clock: ShardClock
  ) -> Int

  /// Removes the tombstones of a shard whose time is before `hybridTime` and whose write every one of
  /// `clocks` has seen. That nothing older can still arrive is for the caller to know.
  ///
  /// - Returns: how many went.
  mutating func collectTombstones(
    ofShard shard: Int, before hybridTime: UInt64, seenBy clocks: [ShardClock]
  ) -> Int
}

/// What became of a peer's entries.
public struct AppliedEntries: Sendable {
  /// They are durable when this position is committed; so are those that had been seen before.
  public let position: UInt64
  /// Numbers (from 0) of entries that lost against another node's record which was already here;
  /// of those passed over too.
  public let superseded: [UInt32]
  /// Those that a broken clock made: their time is further ahead of the wall than the own clock
  /// follows.
  public let ahead: AheadEntries

  public init(position: UInt64, superseded: [UInt32], ahead: AheadEntries = AheadEntries()) {
    self.position = position
    self.superseded = superseded
    self.ahead = ahead
  }
}

/// Entries with a time from the future.
public struct AheadEntries: Equatable, Sendable {
  public private(set) var count: UInt64 = 0
  /// Who wrote the first of them.
  public private(set) var node = NodeID(0)

  public init() {}

  public mutating func add(from node: UInt64) {
    if count == 0 { self.node = NodeID(node) }
    count += 1
  }
}
