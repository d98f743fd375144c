public import Bytes

/// Who belongs to the cluster, and who of them answers: SWIM with Lifeguard's additions, as a value.
///
/// Members are probed over UDP in a shuffled order; one that does not answer, directly, through others
/// or over the control channel, is suspected and, unless it refutes in time, held to be down. News
/// rides on the packets; now and then two nodes exchange all they know. Members that are down are
/// dialled for ever, so that a cluster split in halves finds together again. Being down changes
/// nothing about being a member: only an operator's act ends that.
///
/// Sources: SWIM (Das, Gupta, Motivala 2002); Lifeguard (Dadgar, Phillips, Currey 2018,
/// arXiv:1707.00788); the numbers are memberlist's.
public struct Membership: Sendable {
  public let own: Incarnated
  public let cluster: UInt64
  let settings: MembershipSettings
  let seeds: [Endpoint]

  // MARK: What is believed

  /// All other members ever heard of, removed ones too, by ascending number.
  var peers: [Peer] = []
  var ownEndpoint: Endpoint
  var ownIncarnation: UInt64 = 1
  /// `alive`, or `leaving`.
  var ownState = MemberState.alive
  var ownTransmissions = 0
  var health = LocalHealth()
  public internal(set) var counters = MembershipCounters()

  /// Seeds were given and no cluster has admitted this node yet.
  public internal(set) var isJoining: Bool
  /// Who admitted this node in this run: what it lacks comes from there.
  public internal(set) var admittedBy: NodeID?
  /// Whether this directory has ever held all that the cluster had when the node joined it.
  public internal(set) var wasReady: Bool
  /// Whether an operator took this node out of the cluster.
  public internal(set) var wasRemoved = false

  // MARK: What is under way

  var now: Instant
  var isStarted = false
  /// Why this node may not run.
  var stopReason: String?
  var isStopped = false

  var probe: Probe?
  var probeAt: Instant?
  /// Whom to probe, in this order, from `probeNext` on.
  var probeOrder: [NodeID] = []
  var probeNext = 0
  var relays: [Relay] = []
  var sequence: UInt32 = 0

  var gossipAt: Instant?
  var lastGossip: Instant?
  var newsNumber: UInt64 = 0
  var exchangeAt: Instant?

  var seedAt: Instant?
  var seedAttempts: UInt64 = 0
  var lastJoinRefusal: String?
  var pendingJoins: [PendingJoin] = []

  var outstanding: [Outstanding] = []
  var lastRequest: UInt64 = Self.firstRequest

  var wallClock: (milliseconds: UInt64, at: Instant)?

  // MARK: What this step brought

  var effects: [Effect] = []
  var changes: [MembershipChange] = []
  var mustSave = false
  var statusChanged = false

  /// Requests with this bit in their number are membership's.
  static let firstRequest: UInt64 = 1 << 63

  /// - Parameters:
  ///   - savedMembers: what the last `saveMembers` of this directory kept. Where it is damaged or of
  ///     another cluster, the node does nothing but ask to be stopped.
  ///   - seeds: nodes to ask for admission, or, as a member, to find the others by.
  public init(
    own: Incarnated, endpoint: Endpoint, cluster: UInt64, settings: MembershipSettings,
    savedMembers: [UInt8]?, seeds: [Endpoint], now: Instant
  ) {
    self.own = own
    self.cluster = cluster
    self.settings = settings
    self.now = now
    ownEndpoint = endpoint
    self.seeds = seeds.filter { $0 != endpoint }
    isJoining = false
    wasReady = false
    if let savedMembers, settings.mutant != .forgetMembers {
      if let saved = SavedMembers.decode(savedMembers.span), saved.cluster == cluster {
        wasReady = saved.wasReady
        wasRemoved = saved.wasRemoved
        if wasRemoved { stopReason = Self.removedReason }
        for entry in saved.entries where entry.node != own.node {
          var peer = Peer(
            id: entry.node, boot: entry.boot, incarnation: 0,
            state: entry.isRemoved ? .removed : .unheard, endpoint: entry.endpoint)
          if !entry.isRemoved { peer.dialAt = now }
          peers.append(peer)
        }
      } else {
        stopReason = """
          the saved list of members is damaged or belongs to another cluster; restore it from a copy, \
          or start with a new data directory and join again
          """
      }
    }
    // Who has had members is one, also where all others were removed.
    isJoining = !self.seeds.isEmpty && peers.isEmpty
    if !self.seeds.isEmpty { seedAt = now }
  }

  // MARK: Steps

  /// Does what is due. Reported at `nextDeadline` or later.
  public mutating func tick(
    now: Instant, random: inout SeededRandom, effects: inout [Effect],
    changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    if !isStarted { start(&random) }
    endSuspicions()
    driveProbe(&random)
    answerRelays()
    driveDials(&random)
    driveSeeds(&random)
    driveExchange(&random)
    driveGossip(&random)
    finish(&effects, &changes)
  }

  /// Takes a datagram that its seal says is from `from`.
  public mutating func packet(
    _ bytes: [UInt8], from: Incarnated, address: Endpoint, now: Instant,
    random: inout SeededRandom, effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    receive(bytes, from: from, address: address, &random)
    finish(&effects, &changes)
  }

  /// Takes a request of membership's family; answers it, a join perhaps in a later step.
  public mutating func request(
    _ id: RequestID, _ bytes: [UInt8], from: Incarnated, now: Instant,
    random: inout SeededRandom, effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    answer(id, bytes, from: from)
    finish(&effects, &changes)
  }

  /// Takes the answer to a request that `owns` says is membership's.
  public mutating func response(
    _ id: RequestID, _ bytes: [UInt8], from: Incarnated, now: Instant,
    random: inout SeededRandom, effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    settle(id, bytes, from: from, &random)
    finish(&effects, &changes)
  }

  /// A request that `owns` says is membership's gets no answer.
  public mutating func failed(
    _ id: RequestID, reason: RequestFailure, now: Instant,
    random: inout SeededRandom, effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    settleFailure(id, reason, &random)
    finish(&effects, &changes)
  }

  /// The node begins to stop: says so to all that can be reached.
  public mutating func leave(
    now: Instant, random: inout SeededRandom, effects: inout [Effect],
    changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    announceLeaving()
    finish(&effects, &changes)
  }

  /// Takes a member out of the cluster for ever: an operator's act, passed on to all.
  public mutating func remove(
    _ node: NodeID, now: Instant, random: inout SeededRandom, effects: inout [Effect],
    changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    if let index = index(of: node), peers[index].state != .removed {
      become(.removed, index)
    }
    finish(&effects, &changes)
  }

  /// The own address is another one from now on.
  public mutating func move(
    to endpoint: Endpoint, now: Instant, random: inout SeededRandom, effects: inout [Effect],
    changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    if endpoint != ownEndpoint {
      ownEndpoint = endpoint
      raiseIncarnation(above: ownIncarnation)
    }
    finish(&effects, &changes)
  }

  /// What this node joined for is here and durable; kept with the members.
  public mutating func markReady(effects: inout [Effect]) {
    guard !wasReady, !isStopped, stopReason == nil else { return }
    wasReady = true
    effects.append(.saveMembers(bytes: saved.encoded()))
  }

  /// The wall clock now, so that answers to probes tell how far the peers' clocks are from it. It
  /// decides nothing.
  public mutating func setWallClock(milliseconds: UInt64, at now: Instant) {
    wallClock = (milliseconds, now)
  }

  // MARK: Queries

  /// When `tick` is due; it may have been due before.
  public var nextDeadline: Instant {
    guard stopReason == nil, isStarted else { return isStopped ? Self.never : now }
    var next = Self.never
    func consider(_ instant: Instant?) { if let instant, instant < next { next = instant } }
    consider(probeDeadline)
    consider(gossipAt)
    consider(exchangeAt)
    if wantsSeeds { consider(seedAt) }
    let mayDial = mayDial
    for relay in relays where !relay.isAnswered { consider(relay.nackAt) }
    // By place: a copy of a peer counts references.
    for index in peers.indices {
      if peers[index].suspicion != nil { consider(peers[index].suspicion?.deadline) }
      if mayDial, !peers[index].isDialled { consider(peers[index].dialAt) }
    }
    return next
  }

  /// All members but the own node; removed ones not.
  public var members: [Member] {
    peers.lazy.filter { $0.state != .removed }.map(Member.init)
  }

  /// A member, or one that was removed.
  public func member(_ id: NodeID) -> Member? { index(of: id).map { Member(peers[$0]) } }

  public func state(of node: NodeID) -> MemberState? { index(of: node).map { peers[$0].state } }

  /// How many members there are, the own node included.
  public var memberCount: Int { 1 + peers.indices.count { peers[$0].state != .removed } }

  /// The same on two nodes just when both know the same members.
  public var memberDigest: UInt64 {
    var ids = ByteBuffer(capacity: (peers.count + 1) * 8)
    var isOwnWritten = false
    for peer in peers where peer.state != .removed {
      if !isOwnWritten, own.node < peer.id {
        ids.appendUInt64(own.node.rawValue)
        isOwnWritten = true
      }
      ids.appendUInt64(peer.id.rawValue)
    }
    if !isOwnWritten { ids.appendUInt64(own.node.rawValue) }
    return StableHash.bytes(ids.span, seed: cluster)
  }

  public var isLeaving: Bool { ownState == .leaving }

  public var endpoint: Endpoint { ownEndpoint }

  /// The own node and all members, by ascending number.
  public var statuses: [MemberStatus] {
    var list: [MemberStatus] = []
    list.reserveCapacity(peers.count + 1)
    for peer in peers where peer.state != .removed {
      if peer.id > own.node, list.last?.id ?? NodeID(0) < own.node { list.append(ownStatus) }
      list.append(MemberStatus(peer))
    }
    if list.last?.id ?? NodeID(0) < own.node { list.append(ownStatus) }
    return list
  }

  public var ownStatus: MemberStatus {
    MemberStatus(
      id: own.node, boot: own.boot, endpoint: ownEndpoint, state: ownState, lastHeard: now,
      clockOffsetMilliseconds: 0, roundTripMicroseconds: 0)
  }

  /// Whether the answer to this request belongs to membership.
  public static func owns(_ id: RequestID) -> Bool { id.rawValue >= firstRequest }

  static let never = Instant(nanoseconds: .max)
}

extension Member {
  init(_ peer: Peer) {
    self.init(id: peer.id, boot: peer.boot, endpoint: peer.endpoint, state: peer.state)
  }
}

extension MemberStatus {
  init(_ peer: Peer) {
    self.init(
      id: peer.id, boot: peer.boot, endpoint: peer.endpoint, state: peer.state,
      lastHeard: peer.lastHeard, clockOffsetMilliseconds: peer.clock.offsetMilliseconds,
      roundTripMicroseconds: peer.clock.roundTripMicroseconds)
  }
}
