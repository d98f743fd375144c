public import Bytes
public import Store

/// A node of the cluster, as a value: it is told what happens and says what is to be done.
///
/// It composes who belongs to the cluster (`Membership`) with what they have (`Replication`). No
/// clock, no socket, no disk and no source of randomness is inside: the server and the simulator run
/// the same bytes of code.
public struct Node: ~Copyable {
  private var membership: Membership
  private var replication: Replication
  private var changes: [MembershipChange] = []

  /// - Parameters:
  ///   - savedMembers: what the last `Effect.saveMembers` of this directory kept, nil where there
  ///     was none.
  ///   - seeds: nodes to join through; none where this node may be the first of its cluster.
  public init(
    own: Incarnated, endpoint: Endpoint, cluster: UInt64, settings: ClusterSettings,
    savedMembers: [UInt8]?, seeds: [Endpoint], now: Instant
  ) {
    var memberSettings = settings.membership
    memberSettings.mutant = settings.mutant
    membership = Membership(
      own: own, endpoint: endpoint, cluster: cluster, settings: memberSettings,
      savedMembers: savedMembers, seeds: seeds, now: now)
    replication = Replication(
      own: own, settings: settings, isReady: membership.wasReady, now: now)
    updateReplication()
  }

  /// When `.tick` is to be reported; it may be reported earlier.
  public var nextDeadline: Instant {
    min(membership.nextDeadline, replication.nextDeadline)
  }

  // MARK: Steps

  /// Takes an event and appends what is to be done about it.
  ///
  /// - Parameters:
  ///   - now: the monotonic clock; it never goes back.
  ///   - random: decides whom to ask and when; two nodes never have the same one.
  public mutating func step<R: Replica & ~Copyable>(
    _ event: consuming Event, now: Instant, replica: inout R, random: inout SeededRandom,
    effects: inout [Effect]
  ) {
    switch event {
    case .tick:
      membership.tick(now: now, random: &random, effects: &effects, changes: &changes)
    case .packet(let from, let address, let bytes):
      membership.packet(
        bytes, from: from, address: address, now: now, random: &random, effects: &effects,
        changes: &changes)
    case .request(let id, let from, let bytes):
      receive(id, bytes, from, now, &replica, &random, &effects)
    case .response(let id, let from, let bytes):
      settle(id, bytes, from, now, &replica, &random, &effects)
    case .failed(let id, let reason):
      if Membership.owns(id) {
        membership.failed(
          id, reason: reason, now: now, random: &random, effects: &effects, changes: &changes)
      } else {
        replication.failed(id, now: now)
      }
    case .committed(let entries, let positions, _):
      replication.committed(entries, positions: positions)
    case .leave:
      membership.leave(now: now, random: &random, effects: &effects, changes: &changes)
    }
    takeChanges()
    advance(now, &replica, &random, &effects)
  }

  private mutating func receive<R: Replica & ~Copyable>(
    _ id: RequestID, _ bytes: [UInt8], _ from: Incarnated, _ now: Instant, _ replica: inout R,
    _ random: inout SeededRandom, _ effects: inout [Effect]
  ) {
    if bytes.first != Message.family {
      return membership.request(
        id, bytes, from: from, now: now, random: &random, effects: &effects, changes: &changes)
    }
    membership.heard(
      from: from, now: now, random: &random, effects: &effects, changes: &changes)
    takeChanges()
    // Whoever is no member here gets nothing: tombstones are collected without asking it.
    if let refusal = membership.refusal(of: from) {
      return effects.append(.respond(id, bytes: refusal))
    }
    replication.request(
      id, bytes, from: from, now: now, replica: &replica, effects: &effects)
  }

  private mutating func settle<R: Replica & ~Copyable>(
    _ id: RequestID, _ bytes: [UInt8], _ from: Incarnated, _ now: Instant, _ replica: inout R,
    _ random: inout SeededRandom, _ effects: inout [Effect]
  ) {
    if Membership.owns(id) {
      return membership.response(
        id, bytes, from: from, now: now, random: &random, effects: &effects, changes: &changes)
    }
    if Membership.isRefusal(bytes) {
      membership.refused(
        bytes, from: from, now: now, random: &random, effects: &effects, changes: &changes)
      takeChanges()
      return replication.failed(id, now: now)
    }
    membership.heard(
      from: from, now: now, random: &random, effects: &effects, changes: &changes)
    takeChanges()
    replication.response(
      id, bytes, from: from, now: now, replica: &replica, effects: &effects)
  }

  private mutating func advance<R: Replica & ~Copyable>(
    _ now: Instant, _ replica: inout R, _ random: inout SeededRandom, _ effects: inout [Effect]
  ) {
    let wasReady = replication.isReady
    replication.advance(now: now, replica: &replica, random: &random, effects: &effects)
    if !membership.isJoining, membership.memberCount == 1 {
      replication.needsNoFilling(effects: &effects)
    }
    guard replication.isReady, !wasReady else { return }
    effects.append(.statusChanged)
    membership.markReady(effects: &effects)
  }

  /// Tells replication who the members are, where that has changed.
  private mutating func takeChanges() {
    if changes.isEmpty { return }
    changes.removeAll(keepingCapacity: true)
    updateReplication()
  }

  private mutating func updateReplication() {
    let neighbours = membership.members.map { member in
      Neighbour(
        id: member.id, boot: member.boot, endpoint: member.endpoint,
        isReachable: member.isReachable)
    }
    replication.update(
      neighbours, memberDigest: membership.memberDigest, source: membership.admittedBy)
  }

  // MARK: Outside

  /// The wall clock now, so that the clocks of peers can be compared with it. It decides nothing.
  public mutating func setWallClock(milliseconds: UInt64, at now: Instant) {
    membership.setWallClock(milliseconds: milliseconds, at: now)
  }

  /// Takes a member out of the cluster for ever: an operator's act, passed on to all.
  public mutating func remove(
    _ member: NodeID, now: Instant, random: inout SeededRandom, effects: inout [Effect]
  ) {
    membership.remove(
      member, now: now, random: &random, effects: &effects, changes: &changes)
    takeChanges()
  }

  /// As `remove`, where the member exists and does not answer any more.
  ///
  /// - Parameter isForced: whether a member that answers is removed too: it stops when it is told.
  public mutating func removeMember(
    _ name: MemberName, evenReachable isForced: Bool, now: Instant, random: inout SeededRandom,
    effects: inout [Effect]
  ) -> RemovalOutcome {
    let outcome = membership.removal(of: name, evenReachable: isForced)
    if case .removed(let member, _) = outcome {
      remove(member, now: now, random: &random, effects: &effects)
    }
    return outcome
  }

  /// Whether an operator took this node out of its cluster.
  public var wasRemoved: Bool { membership.wasRemoved }

  /// Other nodes of the cluster, whether or not they answer: a node without any may collect its
  /// tombstones by age.
  public var peerCount: Int { membership.memberCount - 1 }

  /// Whether this node has no cluster yet and waits to be admitted to one.
  public var isJoining: Bool { membership.isJoining }

  public var isReady: Bool { replication.isReady }

  /// Whether this node was away and has not yet all that it missed.
  public var isCatchingUp: Bool { replication.catchUp != nil }

  /// What this node believes of another one; nil where that is no member and never was.
  public func state(of member: NodeID) -> MemberState? { membership.state(of: member) }

  /// The same, with its address.
  public func member(_ id: NodeID) -> Member? { membership.member(id) }

  /// Members that sessions go on with.
  public var reachableMembers: [NodeID] { membership.members.filter(\.isReachable).map(\.id) }

  /// Bytes of own writes that are kept for peers, for all of them together.
  public var queueBytes: Int { replication.outbox.byteCount }

  /// What happened since the start.
  public var counters: (replication: ReplicationCounters, membership: MembershipCounters) {
    (replication.counters, membership.counters)
  }

  /// What this node believes that a member has seen durably in a shard, and the time that every later
  /// write of that member exceeds. Nil while it knows nothing of it.
  public func advert(of member: NodeID, shard: Int) -> (clock: ShardClock, hybridTime: UInt64)? {
    guard let index = replication.index(of: member), let advert = replication.peers[index].advert
    else { return nil }
    return (advert.clocks[shard], advert.hybridTime)
  }

  public var status: ClusterStatus {
    var members = membership.statuses.map {
      ClusterStatus.Member($0, isOwn: $0.id == membership.own.node)
    }
    for index in members.indices { replication.describe(&members[index]) }
    return ClusterStatus(
      members: members, removed: membership.removedMembers, isReady: replication.isReady,
      isCatchingUp: isCatchingUp,
      missingShards: replication.filling?.missing.count ?? 0,
      collectionBlocker: replication.collectionBlocker, replication: replication.counters,
      membership: membership.counters)
  }
}

extension Replication {
  func describe(_ member: inout ClusterStatus.Member) {
    guard let index = index(of: member.id) else { return }
    member.lag = lag(of: index)
    member.wantedShards = peers[index].wanted.count
    member.queueBytes = outbox.byteCount(from: peers[index].push.unanswered)
    member.sentBytes = peers[index].sentBytes
    member.heldTombstones = peers[index].heldTombstones
  }

  func lag(of index: Int) -> UInt64? {
    guard let advert = peers[index].advert else { return nil }
    // Who answers is compared with every second.
    guard !peers[index].isReachable || peers[index].exchange.isFailing,
      let own = ownAdvert.durable
    else { return peers[index].lag }
    return advert.missingCount(of: own)
  }
}
