public import Cluster

/// A mutant, the worlds in which its broken rule matters, in how many of them it must be found, and
/// by what.
public struct MutantTrial: Sendable {
  public let mutant: Mutant
  /// The invariants that notice it. In some world it must be the first of them; in others another
  /// one may come before it.
  public let invariants: [Invariant]
  /// Seeds within which it must be killed: several times as many as it took.
  public let seedsMax: Int
  private let shape: @Sendable (inout Profile) -> Void

  init(
    _ mutant: Mutant, breaks invariants: Invariant..., within seedsMax: Int = 60,
    _ shape: @escaping @Sendable (inout Profile) -> Void = { _ in }
  ) {
    self.mutant = mutant
    self.invariants = invariants
    self.seedsMax = seedsMax
    self.shape = shape
  }

  /// The world of a seed, with the faults that this rule is there for.
  public func profile(seed: UInt64) -> Profile {
    var profile = Profile(seed: seed)
    profile.hosts = max(profile.hosts, 3)
    profile.clearFaults()
    shape(&profile)
    return profile
  }

  public static let all = data + durability + repair + membership + removal

  /// Mutants that no world can notice, because another rule covers for them.
  public static let harmless: [MutantTrial] = [
    // Two boots of a node never give out one time, since each starts beyond all that the one before
    // may have told; the boot stands in the order in case that fails. `StampTests` hold it there.
    MutantTrial(.orderWithoutBoot),
    // What an older boot says of itself is outdated by its boot, what it says of others by theirs;
    // its writes were durable, and its clocks count only with its boot.
    MutantTrial(.serveOlderBoots),
  ]

  // MARK: What records are

  private static let data: [MutantTrial] = [
    MutantTrial(.keepLocalOnTies, breaks: .supersededIsTrue, .greatestWins, .deletedStaysDeleted) {
      $0.isAligned = true
      $0.skewMilliseconds = 0
      $0.driftMillionths = 0
      $0.thinkMilliseconds = 100
      $0.keys = 1
    },
    MutantTrial(.applySeen, breaks: .deletedStaysDeleted, .seenIsStored, .greatestWins) {
      $0.faults = FaultSet(.clog, .reset, .isolate)
      $0.resetPerMille = 50
      $0.deletesPerMille = 500
    },
    MutantTrial(.countNothingAtApply, breaks: .seenIsStored),
    MutantTrial(.countVersionAtApply, breaks: .recordIsGenuine),
    MutantTrial(.supersedeSeen, breaks: .supersededIsTrue) {
      $0.faults = FaultSet(.reset)
      $0.resetPerMille = 80
      $0.keys = 5
    },
    MutantTrial(.publishOwnOnly, breaks: .subscribersAreCurrent) { $0.subscribers = 4 },
    MutantTrial(.forgetBoot, breaks: .dotAssignedTwice) { $0.faults = FaultSet(.kill, .crash) },
  ]

  // MARK: What is on disk

  private static let durability: [MutantTrial] = [
    MutantTrial(.advertiseBeforeDurable, breaks: .advertIsDurable) {
      $0.faults = FaultSet(.crash, .slowDisk, .tornStep)
      $0.syncMicroseconds = 15_000
      $0.faultMilliseconds = 800
    },
    MutantTrial(.acknowledgeBeforeDurable, breaks: .acknowledgedIsDurable) {
      $0.syncMicroseconds = 15_000
    },
    MutantTrial(.answerBeforeDurable, breaks: .acknowledgedSurvives) {
      $0.faults = FaultSet(.crash)
      $0.syncMicroseconds = 15_000
      $0.thinkMilliseconds = 20
      $0.faultMilliseconds = 800
    },
    MutantTrial(.neverSync, breaks: .clockNeverShrinks, .acknowledgedSurvives) {
      $0.faults = FaultSet(.crash)
      $0.faultMilliseconds = 1000
    },
    MutantTrial(.resetClockAtRestart, breaks: .timeIsPromised) {
      $0.faults = FaultSet(.jump, .kill, .crash)
      $0.faultMilliseconds = 1000
      $0.deletesPerMille = 500
    },
    MutantTrial(.recycleEarly, breaks: .recoveryAccepts, .clockNeverShrinks) {
      $0.faults = FaultSet(.kill)
      $0.faultMilliseconds = 800
      $0.checkpointMilliseconds = 10_000
      $0.thinkMilliseconds = 20
      $0.segmentBytes = 4096
      $0.valueBytesMax = 500
    },
    MutantTrial(.checkpointWithoutClocks, breaks: .replayEqualsMemory) {
      $0.checkpointMilliseconds = 700
      $0.thinkMilliseconds = 60
      $0.segmentBytes = 4096
      $0.valueBytesMax = 500
      $0.safetySeconds = 15
    },
    MutantTrial(.replaySeen, breaks: .replayEqualsMemory, .deletedStaysDeleted, within: 120) {
      // A write that is older than a delete arrives late, a long run of the checkpoint passes the
      // delete by, and the process ends in the middle of the next one.
      $0.hosts = 5
      $0.faults = FaultSet(.isolate, .split, .skew)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 600
      $0.keys = 5
      $0.checkpointMilliseconds = 4000
      $0.checkpointStepMilliseconds = 1500
      $0.isHasty = true
      $0.faultMilliseconds = 2000
      $0.thinkMilliseconds = 200
      $0.safetySeconds = 15
    },
    MutantTrial(.admitAnything, breaks: .admissionHolds) {
      $0.faults = FaultSet(.fullDisk)
      $0.faultMilliseconds = 800
      $0.thinkMilliseconds = 20
      $0.valueBytesMax = 500
    },
  ]

  // MARK: What is repaired and forgotten

  private static let repair: [MutantTrial] = [
    MutantTrial(.collectByTime, breaks: .collectionIsSafe) {
      $0.faults = FaultSet(.isolate, .pause, .kill)
      $0.deletesPerMille = 500
      $0.faultMilliseconds = 2000
    },
    MutantTrial(.collectWhenSeen, breaks: .collectionIsSafe, within: 120) {
      $0.faults = FaultSet(.skew, .isolate, .split, .oneWay, .clog)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 500
      $0.thinkMilliseconds = 100
    },
    MutantTrial(.collectIgnoringMembers, breaks: .collectionIsSafe) {
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
    MutantTrial(.collectIgnoringDown, breaks: .collectionIsSafe) {
      $0.faults = FaultSet(.pause, .crash, .isolate)
      $0.pauseSecondsMax = 30
      $0.deletesPerMille = 500
      $0.thinkMilliseconds = 200
    },
    MutantTrial(.collectWithoutCovering, breaks: .collectionIsSafe, within: 120) {
      $0.faults = FaultSet(.oneWay, .isolate, .split, .clog, .skew)
      $0.skewMilliseconds = 5000
      $0.deletesPerMille = 500
      $0.thinkMilliseconds = 100
    },
    MutantTrial(.neverCollect, breaks: .tombstonesGo) {
      $0.deletesPerMille = 500
      $0.safetySeconds = 10
    },
    MutantTrial(.dropWithoutPull, breaks: .converges) {
      $0.faults = FaultSet(.isolate, .pause, .kill)
      $0.hasSmallLimits = true
    },
    MutantTrial(.unboundedQueue, breaks: .queuesAreBounded) {
      $0.faults = FaultSet(.isolate, .pause)
      $0.hasSmallLimits = true
      $0.thinkMilliseconds = 20
      $0.valueBytesMax = 500
    },
    MutantTrial(
      .mergeBeforeEnd, breaks: .greatestWins, .seenIsStored, .deletedStaysDeleted
    ) {
      $0.faults = FaultSet(.isolate, .pause, .join, .kill)
      $0.hasSmallLimits = true
      $0.keys = 5
    },
    MutantTrial(
      .clockAtEnd, breaks: .greatestWins, .deletedStaysDeleted, .supersededIsTrue, .readyIsComplete,
      .seenIsStored
    ) {
      $0.faults = FaultSet(.isolate, .join, .clog, .kill)
      $0.hasSmallLimits = true
      $0.thinkMilliseconds = 20
      $0.latencyMicroseconds = 20_000
      $0.faultMilliseconds = 1500
      $0.valueBytesMax = 500
      $0.keys = 5
    },
    MutantTrial(.fillFromUnready, breaks: .readyIsComplete, within: 300) {
      $0.faults = FaultSet(.join, .split, .isolate, .clog)
      $0.joins = 4
      $0.keys = 5
      $0.deletesPerMille = 0
      $0.hasSmallLimits = true
      $0.latencyMicroseconds = 20_000
      $0.faultMilliseconds = 400
      $0.safetySeconds = 15
    },
    MutantTrial(
      .keepOwnTimeAtJoin, breaks: .greatestWins, .deletedStaysDeleted, .collectionIsSafe,
      within: 300
    ) {
      // Who joins is behind by more than a delete is remembered.
      $0.faults = FaultSet(.join, .skew)
      $0.skewMilliseconds = 30_000
      $0.joins = 4
      $0.isHasty = true
      $0.deletesPerMille = 600
      $0.faultMilliseconds = 1500
      $0.thinkMilliseconds = 400
      $0.keys = 1
      $0.safetySeconds = 20
    },
    MutantTrial(.verifyAcrossClocks, breaks: .secondLineFindsNothing) {
      $0.thinkMilliseconds = 60
      $0.latencyMicroseconds = 20_000
    },
    MutantTrial(.pullForEver, breaks: .comesToRest) { $0.safetySeconds = 10 },
    MutantTrial(.deadlineInPast, breaks: .worldMovesOn) {
      $0.faults = FaultSet(.reset, .isolate)
      $0.resetPerMille = 80
      $0.hasSmallLimits = true
    },
  ]

  // MARK: Who is up

  private static let membership: [MutantTrial] = [
    MutantTrial(.neverRedial, breaks: .converges) {
      // Long enough that each half gives the other one up.
      $0.hosts = 5
      $0.faults = FaultSet(.split)
      $0.faultMilliseconds = 8000
      $0.mendSeconds = 60
      $0.safetySeconds = 50
    },
    MutantTrial(.trustHearsay, breaks: .hearsayIsDoubted) {
      $0.hosts = 5
      $0.faults = FaultSet(.isolate, .oneWay)
      $0.safetySeconds = 50
    },
    MutantTrial(.neverRefute, breaks: .converges, .reachableIsNotDown) {
      $0.faults = FaultSet(.pause, .isolate)
      $0.pauseSecondsMax = 6
    },
    MutantTrial(.refuteInPlace, breaks: .converges, .reachableIsNotDown) {
      $0.faults = FaultSet(.pause, .isolate)
      $0.pauseSecondsMax = 6
    },
    MutantTrial(.suspectWithoutControlPing, breaks: .reachableIsNotDown) {
      // Nothing but sessions gets through.
      $0.faults = FaultSet(.loss)
      $0.lossPerMille = 1000
      $0.safetySeconds = 50
    },
    MutantTrial(.endSuspicionAtOnce, breaks: .reachableIsNotDown, .hearsayIsDoubted) {
      $0.faults = FaultSet(.pause)
      $0.pauseSecondsMax = 3
      $0.faultMilliseconds = 20_000
      $0.safetySeconds = 50
    },
    MutantTrial(.leaveSilently, breaks: .goodbyeIsHeard) {
      $0.faults = FaultSet(.leave)
      $0.faultMilliseconds = 15_000
      $0.safetySeconds = 50
    },
    MutantTrial(.forgetSeeds, breaks: .converges) {
      $0.faults = FaultSet(.moveAll)
      $0.safetySeconds = 15
    },
    MutantTrial(.forgetMembers, breaks: .clusterIsOne) { $0.faults = FaultSet(.kill) },
    MutantTrial(.formOwnCluster, breaks: .clusterIsOne, .readyIsComplete) {
      $0.faults = FaultSet(.join, .isolate, .clog)
      $0.joins = 3
      $0.faultMilliseconds = 1000
    },
    MutantTrial(.stopWhenAccused, breaks: .nodeGoesOn) {
      $0.faults = FaultSet(.pause, .isolate)
      $0.pauseSecondsMax = 6
    },
  ]

  // MARK: Who was removed

  private static let removal: [MutantTrial] = [
    MutantTrial(.stayWhenRemoved, breaks: .removedStaysOut) { $0.faults = FaultSet(.remove) },
    MutantTrial(.serveRemoved, breaks: .removedStaysOut) { $0.faults = FaultSet(.remove) },
    MutantTrial(.forgetRemoved, breaks: .removedStaysOut, .collectionIsSafe, .clusterIsOne) {
      $0.faults = FaultSet(.die, .kill)
      $0.faultMilliseconds = 1500
    },
  ]
}
