import Bytes
import Store

/// What a node has seen, shard by shard, and durably: no crash takes it back.
///
/// Every write that its node makes later exceeds `hybridTime`; every one it made before is in the
/// clocks. That is what lets others collect tombstones.
struct Advert: Sendable {
  let hybridTime: UInt64
  /// Of the members that the node knew when it took the clocks.
  let memberDigest: UInt64
  let clocks: [ShardClock]
  let digests: [UInt64]
  /// The digest of all digests.
  let root: UInt64

  init(hybridTime: UInt64, memberDigest: UInt64, clocks: [ShardClock], digests: [UInt64]) {
    self.hybridTime = hybridTime
    self.memberDigest = memberDigest
    self.clocks = clocks
    self.digests = digests
    var bytes = ByteBuffer(capacity: 8 * Shard.count)
    for digest in digests { bytes.appendUInt64(digest) }
    root = StableHash.bytes(bytes.span, seed: 0)
  }

  /// How many writes of another one it has not.
  func missingCount(of other: Advert) -> UInt64 {
    var count: UInt64 = 0
    for shard in 0..<Shard.count where digests[shard] != other.digests[shard] {
      count &+= clocks[shard].missingCount(of: other.clocks[shard])
    }
    return count
  }
}

/// The own advert: taken, and told of once it is durable.
struct OwnAdvert: Sendable {
  /// What peers may be told.
  private(set) var durable: Advert?
  private var taken: (advert: Advert, position: UInt64)?
  private var position: UInt64 = 0
  private var takenAt: Instant?

  /// Takes a new one, unless one waits to become durable or nothing has changed for a short time.
  mutating func take<R: Replica & ~Copyable>(
    memberDigest: UInt64, now: Instant, replica: inout R, settings: ClusterSettings
  ) {
    guard taken == nil else { return }
    if let durable, let takenAt, replica.appended == position,
      durable.memberDigest == memberDigest,
      now.milliseconds(since: takenAt) < settings.idleAdvertMilliseconds
    {
      return
    }
    // The time comes first: a write that is given an earlier one is in its shard's clock by the
    // time that clock is read.
    let hybridTime = replica.hybridTime()
    var clocks: [ShardClock] = []
    var digests: [UInt64] = []
    clocks.reserveCapacity(Shard.count)
    digests.reserveCapacity(Shard.count)
    var scratch = ByteBuffer()
    for shard in 0..<Shard.count {
      let clock = replica.clock(ofShard: shard)
      if let durable, durable.clocks[shard] == clock {
        digests.append(durable.digests[shard])
      } else {
        digests.append(clock.digest(scratch: &scratch))
      }
      clocks.append(clock)
    }
    position = replica.appended
    takenAt = now
    taken = (
      Advert(
        hybridTime: hybridTime, memberDigest: memberDigest, clocks: clocks, digests: digests),
      position
    )
    promote(replica: replica, settings: settings)
  }

  /// The advert that was taken may be told of when all that it claims is durable.
  mutating func promote<R: Replica & ~Copyable>(
    replica: borrowing R, settings: ClusterSettings
  ) {
    guard let (advert, position) = taken else { return }
    if replica.committed >= position || settings.mutant == .advertiseBeforeDurable {
      durable = advert
      taken = nil
    }
  }
}
