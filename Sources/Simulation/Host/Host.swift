import Bytes
import Cluster
import Durability
import Store

/// A machine of the world: what survives its processes.
final class Host {
  let number: Int
  var endpoint: Endpoint
  var disk: SimulatedDisk
  var checkpoint = SimulatedCheckpoint()
  var clock: HostClock
  /// Whom its process asks to find the cluster, and those of its members that do not answer; nobody, for the
  /// first node.
  var seeds: [Endpoint]
  let salts: SimulatedSalts
  /// Drawn once, for the first `node.json`.
  let node: NodeID
  /// Counts starts and ends of processes: what was meant for an earlier life is void.
  var life = 0
  var process: Process?
  /// The process stands still; what comes for it waits here.
  var isPaused = false
  var backlog: [WorldEvent] = []
  /// Its machine starts no process.
  var isRetired = false
  /// An operator has decided that it is no member any more; from then on it may be told so.
  var isDoomed = false
  /// It died before anybody who stays had heard of it.
  var wasNeverKnown = false
  /// It was told, and has ended.
  var wasTold = false
  /// It does not come back: its disk is gone, or it has been back and was told.
  var isGone = false
  var syncDelay: UInt64

  // MARK: What the world knows of it

  /// What is durable here, by shard.
  var durable = Array(repeating: ShardClock(), count: Keyspace.shardCount)
  /// The time that is promised durably: later writes exceed what was told before.
  var durableTime: UInt64 = 0
  /// It has told its clients that it is ready; from then on it counts as a member with a say.
  var hasBeenReady = false
  /// What each ready node had on disk when this one began to join, or when that node became ready.
  var clusterAtJoin: [[ShardClock]] = []
  var lastBoot: UInt32 = 0
  /// Removed members that it has on disk as such.
  var removedOnDisk: [NodeID] = []
  /// Whether it was somebody's member when it last saved, and where the others were.
  var isAdmitted = false
  var known: [(host: Int, endpoint: Endpoint)] = []
  /// For each of the last 64 seconds a bit, the latest lowest: it stood still, was down, or somebody
  /// could not reach it.
  var trouble: UInt64 = 0
  /// It said goodbye while all was well, and nobody has looked since whether that was heard.
  var goodbyeAt: UInt64?

  init(
    number: Int, disk: SimulatedDisk, clock: HostClock, seeds: [Endpoint], node: NodeID,
    salts: SimulatedSalts, syncDelay: UInt64
  ) {
    self.number = number
    endpoint = Self.endpoint(number, address: 0)
    self.disk = disk
    self.clock = clock
    self.seeds = seeds
    self.node = node
    self.salts = salts
    self.syncDelay = syncDelay
  }

  /// The name that leads to it, wherever it is.
  var name: Endpoint { Endpoint(host: Array("n\(number)".utf8), port: 6660) }

  static func endpoint(_ number: Int, address: Int) -> Endpoint {
    Endpoint(host: Array("10.\(address).0.\(number + 1)".utf8), port: 6660)
  }

  var isUp: Bool { process != nil }
  /// Clients reach it and it does something for them.
  var isServing: Bool { process?.isReady == true && !isPaused }
}

/// One life of a node.
final class Process {
  var node: Node
  var replica: SimulatedReplica
  var random: SeededRandom
  let own: Incarnated
  /// When the next wake is due in virtual time.
  var wakeAt = UInt64.max
  var isReady: Bool { node.isReady && !isLeaving }
  var isSyncing = false
  var isLeaving = false
  var checkpoint = CheckpointSlot()
  /// A finished checkpoint holds everything up to here.
  var recyclable: UInt64 = 0
  /// Requests of peers that wait for an answer, by their numbers, which ascend.
  var incoming: [Flight] = []
  var nextIncoming: UInt64 = 1
  /// Writes of clients, by position, that wait for their acknowledgement.
  var waiting: [PendingWrite] = []
  /// Own writes: position and number in the ledger, ascending.
  var ownWrites: [(lsn: UInt64, write: Int)] = []
  /// Bytes of the most entries that became durable together.
  var longestCommit = 0
  /// What waits until there is room on the disk for the members, which come first.
  var postponed: ArraySlice<Effect> = []
  /// When it began, in virtual time.
  let beganAt: UInt64
  /// For each host whether this node called it down when that was last looked at.
  var calledDown: [Bool] = []

  init(
    node: consuming Node, replica: SimulatedReplica, random: SeededRandom, own: Incarnated,
    beganAt: UInt64
  ) {
    self.beganAt = beganAt
    self.node = node
    self.replica = replica
    self.random = random
    self.own = own
  }
}

/// A client's write that is not acknowledged yet.
struct PendingWrite {
  let lsn: UInt64
  let write: Int
}

/// The run of a checkpoint that is under way, if any.
struct CheckpointSlot: ~Copyable {
  var run: CheckpointRun?
}
