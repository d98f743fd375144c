public import Cluster

/// A mutant, the worlds in which its broken rule matters, and in how many of them it must be found.
public struct MutantTrial: Sendable {
  public let mutant: Mutant
  /// Seeds within which it must be killed: several times as many as it took.
  public let seedsMax: Int
  private let shape: @Sendable (inout Profile) -> Void

  init(
    _ mutant: Mutant, within seedsMax: Int = 60,
    _ shape: @escaping @Sendable (inout Profile) -> Void = { _ in }
  ) {
    self.mutant = mutant
    self.seedsMax = seedsMax
    self.shape = shape
  }

  /// The world of a seed, with the faults that this rule is there for.
  public func profile(seed: UInt64) -> Profile {
    var profile = Profile(seed: seed)
    profile.hosts = max(profile.hosts, 3)
    shape(&profile)
    return profile
  }

  /// Mutants that no world can notice, because another rule covers for them.
  public static let harmless: [MutantTrial] = [
    // Two boots of a node never give out one time, since each starts beyond all that the one before
    // may have told; the boot stands in the order in case that fails. `StampTests` hold it there.
    MutantTrial(.orderWithoutBoot)
  ]

  public static let all: [MutantTrial] = [
    MutantTrial(.collectByTime) {
      $0.faults = FaultSet(.isolate, .pause, .kill)
      $0.deletesPerMille = 500
      $0.faultMilliseconds = 2000
    },
    MutantTrial(.collectWhenSeen) {
      $0.faults = FaultSet(.skew, .isolate, .split, .oneWay, .clog)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 500
      $0.thinkMilliseconds = 100
    },
    MutantTrial(.collectIgnoringMembers) {
      // Nobody hears by gossip that somebody has joined, and the one that did sleeps at times.
      $0.faults = FaultSet(.join, .loss, .pause)
      $0.pauseSecondsMax = 8
      $0.lossPerMille = 970
      $0.joins = 4
      $0.isHasty = true
      $0.deletesPerMille = 500
      $0.faultMilliseconds = 1500
      $0.thinkMilliseconds = 300
      $0.keys = 5
      $0.safetySeconds = 20
    },
    MutantTrial(.collectWithoutCovering) {
      $0.faults = FaultSet(.oneWay, .isolate, .split, .clog, .skew)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 500
      $0.thinkMilliseconds = 100
    },
    MutantTrial(.advertiseBeforeDurable) {
      $0.faults = FaultSet(.crash, .slowDisk, .tornStep)
      $0.syncMicroseconds = 15_000
      $0.faultMilliseconds = 800
    },
    MutantTrial(.acknowledgeBeforeDurable) { $0.syncMicroseconds = 15_000 },
    MutantTrial(.dropWithoutPull) {
      $0.faults = FaultSet(.isolate, .pause, .kill)
      $0.hasSmallLimits = true
    },
    MutantTrial(.mergeBeforeEnd) {
      $0.faults = FaultSet(.isolate, .pause, .join, .kill)
      $0.hasSmallLimits = true
      $0.keys = 5
    },
    MutantTrial(.clockAtEnd) {
      $0.faults = FaultSet(.isolate, .join, .clog, .kill)
      $0.hasSmallLimits = true
      $0.thinkMilliseconds = 20
      $0.latencyMicroseconds = 20_000
      $0.faultMilliseconds = 1500
      $0.valueBytesMax = 500
      $0.keys = 5
    },
    MutantTrial(.keepOwnTimeAtJoin, within: 300) {
      // Who joins is behind by more than a delete is remembered.
      $0.faults = FaultSet(.join, .skew)
      $0.skewMilliseconds = 30_000
      $0.joins = 4
      $0.isHasty = true
      $0.deletesPerMille = 600
      $0.faultMilliseconds = 1500
      $0.thinkMilliseconds = 400
      $0.keys = 5
      $0.safetySeconds = 20
    },
    MutantTrial(.applySeen) {
      $0.faults = FaultSet(.clog, .reset, .isolate)
      $0.resetPerMille = 50
      $0.deletesPerMille = 500
    },
    MutantTrial(.keepLocalOnTies) {
      $0.faults = FaultSet()
      $0.isAligned = true
      $0.skewMilliseconds = 0
      $0.driftMillionths = 0
      $0.thinkMilliseconds = 100
      $0.keys = 1
    },
    MutantTrial(.forgetBoot) { $0.faults = FaultSet(.kill, .crash) },
    MutantTrial(.resetClockAtRestart) {
      $0.faults = FaultSet(.jump, .kill, .crash)
      $0.faultMilliseconds = 1000
      $0.deletesPerMille = 500
    },
    MutantTrial(.neverSync) {
      $0.faults = FaultSet(.crash)
      $0.faultMilliseconds = 1000
    },
    MutantTrial(.replaySeen, within: 1000) {
      $0.faults = FaultSet(.kill, .crash, .clog, .skew)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 500
      $0.checkpointMilliseconds = 6000
      $0.checkpointStepMilliseconds = 400
      $0.isHasty = true
      $0.faultMilliseconds = 1500
      $0.thinkMilliseconds = 100
    },
  ]
}
