import Bytes

/// What a world is like: drawn from its seed before anything happens in it.
///
/// Each seed leaves about half of all faults out, so that rare combinations get time of their own.
/// Source: Groce and others, "Swarm Testing" (ISSTA 2012). Small limits find more than long runs.
public struct Profile: Sendable {
  /// Nodes at the start; more may join.
  public var hosts = 3
  public var joins = 1
  /// 1 to 5 keys: many writes meet.
  public var keys = 3
  public var clients = 4
  public var subscribers = 2
  public var owners = 1
  /// How long faults and writes go on.
  public var safetySeconds = 40
  /// How long a healed world may take until all is equal.
  public var livenessSeconds = 90

  public var faults = FaultSet()
  /// The mean time between two momentary faults.
  public var faultMilliseconds = 4000
  /// The mean time that a fault lasts which is mended.
  public var mendSeconds = 8
  /// The longest pause of a process.
  public var pauseSecondsMax = 30

  /// Writes that are deletes.
  public var deletesPerMille = 300
  public var thinkMilliseconds = 400
  /// Clients write at the same moments, so that stamps of several nodes tie.
  public var isAligned = false
  /// Bytes that a value is filled up with at most.
  public var valueBytesMax = 64

  public var latencyMicroseconds = 300
  public var lossPerMille = 0
  public var duplicationPerMille = 0
  public var resetPerMille = 0
  public var skewMilliseconds = 0
  public var driftMillionths = 0
  public var syncMicroseconds = 400
  public var segmentBytes = 4096
  public var checkpointMilliseconds = 5000

  /// The mean time that a run of the checkpoint takes for a shard.
  public var checkpointStepMilliseconds = 5

  /// Clocks are compared and tombstones looked at ten times as often as elsewhere.
  public var isHasty = false

  /// The protocol's limits are drawn from this, so that they do not shift what else is drawn.
  var limitsSeed: UInt64 = 0
  var hasSmallLimits = false

  public init() {}

  /// The world of a seed. With `hosts` given there are so many nodes.
  public init(seed: UInt64, hosts: Int? = nil) {
    var random = SeededRandom(seed: seed ^ 0x5157_4152_4d00_0001)
    for fault in Fault.allCases where !Fault.late.contains(fault) {
      if random.once(in: 2) { faults.insert(fault) }
    }
    self.hosts = hosts ?? [1, 2, 3, 3, 3, 4, 5, 5][random.index(below: 8)]
    joins = random.int(0...2)
    keys = random.int(1...5)
    clients = random.int(2...6)
    subscribers = random.int(0...4)
    owners = random.once(in: 3) ? 2 : 1
    safetySeconds = random.int(20...50)
    faultMilliseconds = [800, 2000, 4000, 8000][random.index(below: 4)]
    pauseSecondsMax = random.once(in: 3) ? 30 : 8
    deletesPerMille = random.once(in: 4) ? 0 : random.int(50...600)
    thinkMilliseconds = [60, 200, 500, 1500][random.index(below: 4)]
    isAligned = random.once(in: 6)
    valueBytesMax = random.once(in: 4) ? 500 : 40
    latencyMicroseconds = [100, 500, 3000, 20_000][random.index(below: 4)]
    lossPerMille = faults.has(.loss) ? random.int(1...300) : 0
    duplicationPerMille = faults.has(.duplication) ? random.int(1...200) : 0
    resetPerMille = faults.has(.reset) ? random.int(1...80) : 0
    if faults.has(.skew) {
      skewMilliseconds = [50, 1000, 30_000, 600_000][random.index(below: 4)]
    }
    driftMillionths = faults.has(.drift) ? random.int(100...10_000) : 0
    syncMicroseconds = [50, 400, 3000, 15_000][random.index(below: 4)]
    segmentBytes = [4096, 8192, 16_384][random.index(below: 3)]
    checkpointMilliseconds = [700, 3000, 10_000][random.index(below: 3)]
    checkpointStepMilliseconds = [1, 10, 300][random.index(below: 3)]
    isHasty = random.once(in: 4)
    hasSmallLimits = random.once(in: 2)
    limitsSeed = random.next()
    for fault in Fault.late where random.once(in: 2) { faults.insert(fault) }
  }

  /// Whether machines are looked for by names rather than by addresses.
  var hasNames: Bool { faults.has(.moveAll) }

  /// Takes all faults out, also those that go on all the time.
  mutating func clearFaults() {
    faults = FaultSet()
    (lossPerMille, duplicationPerMille, resetPerMille) = (0, 0, 0)
    (skewMilliseconds, driftMillionths) = (0, 0)
  }

  /// Everything at once, 5 nodes and 60 s: what the figure of the simulator's speed is measured
  /// with.
  public static func full(seed: UInt64) -> Profile {
    var profile = Profile(seed: seed, hosts: 5)
    var random = SeededRandom(seed: seed)
    profile.faults = .all
    profile.safetySeconds = 60
    profile.joins = 1
    profile.faultMilliseconds = 2000
    profile.clients = 5
    profile.subscribers = 3
    profile.lossPerMille = random.int(1...100)
    profile.duplicationPerMille = random.int(1...100)
    profile.resetPerMille = random.int(1...50)
    profile.skewMilliseconds = 2000
    profile.driftMillionths = 5000
    return profile
  }

  /// All options, for whoever reads about a failed seed.
  public var description: String {
    let names = Fault.allCases.filter(faults.has).map { "\($0)" }.joined(separator: " ")
    return """
      hosts \(hosts)+\(joins) keys \(keys) clients \(clients) subscribers \(subscribers) \
      owners \(owners) safety \(safetySeconds) s fault every \(faultMilliseconds) ms \
      think \(thinkMilliseconds) ms deletes \(deletesPerMille)‰ aligned \(isAligned) \
      latency \(latencyMicroseconds) µs loss \(lossPerMille)‰ duplication \(duplicationPerMille)‰ \
      reset \(resetPerMille)‰ skew \(skewMilliseconds) ms drift \(driftMillionths) ppm \
      sync \(syncMicroseconds) µs segment \(segmentBytes) \
      checkpoint \(checkpointMilliseconds)+\(checkpointStepMilliseconds) ms \
      small limits \(hasSmallLimits) hasty \(isHasty) faults: \(names)
      """
  }
}
