/// Every number of the protocol, with its unit and its reason. The product runs with the values that
/// stand here; the simulator makes them small, since small limits are met more often.
public struct ClusterSettings: Sendable {
  // MARK: Push

  /// Entries of one batch: the receiver's answer waits for all of them.
  public var pushEntriesMax = 512
  /// Bytes of one batch (one entry may exceed it): a few milliseconds of a slow network.
  public var pushBytesMax = 256 << 10
  /// Batches in flight to one peer: while one is made durable the next is on its way.
  public var pushWindow = 2
  /// Entries that are kept for slow peers; who falls further behind pulls instead.
  public var queueEntriesMax = 20_000
  /// Bytes that are kept for slow peers, for all of them together.
  public var queueBytesMax = 8 << 20
  /// Batches from peers that wait here to become durable, in all: windows of 32 peers.
  public var pushesWaitingMax = 64
  /// A peer that does not answer a batch in this time gets it again.
  public var pushTimeoutMilliseconds: UInt64 = 5_000

  /// The first wait after a request failed; it doubles from failure to failure.
  public var retryMilliseconds: UInt64 = 100
  /// The longest such wait: a peer that is back is served within it.
  public var retryMillisecondsMax: UInt64 = 2_000

  // MARK: Clocks

  /// How often peers compare what they have seen: what a push has lost is found within twice this.
  public var advertMilliseconds: UInt64 = 1_000
  /// How often the own time is stated anew while nothing is written: tombstones wait for it.
  public var idleAdvertMilliseconds: UInt64 = 5_000
  public var advertTimeoutMilliseconds: UInt64 = 2_000
  /// Bytes of clocks in one answer; the rest is asked for again.
  public var clocksBytesMax = 512 << 10

  /// How long a node that starts looks for other members before it says that it is ready without.
  public var catchUpMilliseconds: UInt64 = 5_000
  /// Who meets another member again and lacks so many of its writes says that it is not ready until
  /// it has them; fewer are there in a moment.
  public var catchUpEntriesMin: UInt64 = 1_000
  /// Longer than any turn takes: a process that did nothing for so long was stopped.
  public var standstillMilliseconds: UInt64 = 5_000

  // MARK: Pull

  /// Pulls in flight: enough that the network and both disks are at work together.
  public var pullsMax = 4
  /// Shards of one pull: small ones cost no round trip each, and a scan stays short.
  public var pullShardsMax = 16
  /// Bytes of records in one answer (one entry may exceed it).
  public var pullBytesMax = 256 << 10
  public var pullTimeoutMilliseconds: UInt64 = 10_000
  /// Bytes a second that all pulls of this node bring together: half a gigabit, so that a joining
  /// node leaves room on the network and on the disks of those that serve clients meanwhile. 0:
  /// no bound.
  public var pullBytesPerSecond: UInt64 = 64_000_000

  // MARK: Tombstones and verification

  /// How often tombstones are looked at. A peer's clock counts only when it was known at the look
  /// before: what a peer with relaxed durability may lose in a power failure is younger than that.
  public var collectMilliseconds: UInt64 = 30_000
  /// How often some shards are compared by content with a peer.
  public var verifyMilliseconds: UInt64 = 5_000
  /// Shards of one comparison: all of them within ten minutes, each at the cost of reading it.
  public var verifyShardsMax = 8

  public var membership = MembershipSettings()

  /// Only the simulator sets it, to prove that it would notice.
  public var mutant = Mutant.none

  public init() {}
}

/// The protocol with one rule broken. A check that cannot fail checks nothing: for each of these
/// there is a run of the simulator that must.
public enum Mutant: UInt8, CaseIterable, Sendable {
  case none
  /// Tombstones go by their age alone. The host's: `collectTombstones` by time.
  case collectByTime
  /// Tombstones go when everybody has seen them, although an older write may still come.
  case collectWhenSeen
  /// Tombstones go although a member is not asked that another one knows of already.
  case collectIgnoringMembers
  /// Tombstones go although peers have seen writes that this node has not.
  case collectWithoutCovering
  /// Clocks are told to peers before they are durable.
  case advertiseBeforeDurable
  /// Batches are answered before they are durable.
  case acknowledgeBeforeDurable
  /// What falls out of a full queue is not pulled.
  case dropWithoutPull
  /// A pull counts as complete at its first page.
  case mergeBeforeEnd
  /// A pull ends with what the peer has seen at its end, not at its start.
  case clockAtEnd
  /// A node that joins keeps its own time, although deletes are forgotten that are later.
  case keepOwnTimeAtJoin
  /// Writes that were seen are applied again.
  case applySeen
  /// The host's: of two records with one time the local one stays.
  case keepLocalOnTies
  /// The host's: the order of stamps leaves the boot out.
  case orderWithoutBoot
  /// The host's: a restart begins a boot that was there before.
  case forgetBoot
  /// The host's: hybrid time begins at the wall's after a restart.
  case resetClockAtRestart
  /// The host's: the log is written and never synced.
  case neverSync
  /// The host's: a replay applies what the checkpoint has seen.
  case replaySeen

  // Membership.

  /// Members that are down are not dialled, nor are seeds asked for their sake.
  case neverRedial
  /// Who is called down in a full exchange is down.
  case trustHearsay
  /// A node that is accused says nothing.
  case neverRefute
  /// A refutation does not exceed the accusation.
  case refuteInPlace
  /// A suspicion follows without a ping over the control channel.
  case suspectWithoutControlPing
  /// Who is suspected is down at once.
  case endSuspicionAtOnce
  /// The saved members are not read.
  case forgetMembers
  /// Seeds are asked only while no member answers.
  case forgetSeeds
  /// A node whose join fails is a cluster of its own.
  case formOwnCluster
  /// A node that stops says nothing.
  case leaveSilently
  /// A node that is accused takes that for another process with its number, and stops.
  case stopWhenAccused
  /// An older boot is listened to although a greater one was seen.
  case serveOlderBoots
  /// A removed member is served.
  case serveRemoved
  /// Removed members are not saved.
  case forgetRemoved
  /// A node that was removed goes on.
  case stayWhenRemoved

  // Replication.

  /// Tombstones go although a member that is down is not asked.
  case collectIgnoringDown
  /// Tombstones stay.
  case neverCollect
  /// Own writes are kept for slow peers, however many.
  case unboundedQueue
  /// A node that is not filled itself fills others.
  case fillFromUnready
  /// What has passed is a deadline still.
  case deadlineInPast
  /// What is here is pulled all the same.
  case pullForEver
  /// Shards are compared by content although one side has seen more.
  case verifyAcrossClocks

  // The host's.

  /// What has been seen before is called superseded.
  case supersedeSeen
  /// A peer's record is taken, and not counted as seen.
  case countNothingAtApply
  /// A peer's record gets a version of its own.
  case countVersionAtApply
  /// Clients are answered before their write is durable.
  case answerBeforeDurable
  /// Subscribers hear of own writes only.
  case publishOwnOnly
  /// The checkpoint has blocks without their clocks.
  case checkpointWithoutClocks
  /// The log goes before the checkpoint is whole.
  case recycleEarly
  /// Writes are admitted whether or not the log has room.
  case admitAnything
}
