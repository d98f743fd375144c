// The thread that speaks for the node: it owns the protocol's value, and carries out its effects.

import Bytes
import Cluster
import Crypto
import Durability
import Platform
import Store

/// What the cluster loop is made of.
struct ClusterStart: ~Copyable, Sendable {
  let gate: ClusterGate
  let database: Database
  let gates: [LoopGate]
  let disk: FileDisk
  let logger: Logger
  let identity: LinkIdentity
  let settings: ClusterSettings
  let seeds: [Endpoint]
  let savedMembers: [UInt8]?
  let socket: DatagramSocket
  let resolver: Resolver
  let stop: StopRequest
}

/// The host of `Cluster.Node`: events in, effects out, all on one thread.
struct ClusterLoop: ~Copyable {
  /// A peer's request that the node has not answered yet.
  struct Incoming {
    let loop: Int
    let token: UInt64
    let style: ReplyStyle
    let mark: SessionMark
    let channel: Channel
  }

  let gate: ClusterGate
  let gates: [LoopGate]
  let log: CommitLog
  let logger: Logger
  let disk: FileDisk
  let stop: StopRequest
  let resolver: Resolver
  var poller: Poller
  var node: Cluster.Node
  var replica: DatabaseReplica
  var random: SeededRandom
  var effects: [Effect] = []
  var gossip: GossipSocket
  var links: PeerLinks
  var sessions: InternalSessions
  var incoming: [UInt64: Incoming] = [:]
  var nextIncoming: UInt64 = 1
  /// Addresses of names, as last looked up.
  var addresses: [String: [InternetAddress]] = [:]
  /// When others told of members that were not heard themselves yet, in wall milliseconds.
  var toldOf: [UInt64: UInt64] = [:]
  var now = SystemClock.monotonic()
  var shownAt = Instant(nanoseconds: 0)
  var isStatusNew = true
  var hasClosed = false
  var wasReady = false
  var refusedRequests: Int64 = 0
  var complainedAt = Instant(nanoseconds: 0)

  static let wakeupToken = UInt64.max
  static let gossipToken = UInt64.max - 1
  /// What `/stats` shows of lags and queues is at most so old.
  static let showMilliseconds: UInt64 = 500

  init(_ start: consuming ClusterStart) throws(SystemError) {
    let poller = try Poller()
    try poller.add(
      start.gate.wakeup.descriptor, token: Self.wakeupToken, events: .readable)
    try poller.add(
      start.socket.descriptor.raw, token: Self.gossipToken, events: .readable)
    let salt = SecureRandom.uint64()
    gate = start.gate
    gates = start.gates
    log = start.database.log
    logger = start.logger
    disk = start.disk
    stop = start.stop
    resolver = start.resolver
    node = Cluster.Node(
      own: start.identity.own, endpoint: start.gate.endpoint, cluster: start.identity.cluster,
      settings: start.settings, savedMembers: start.savedMembers, seeds: start.seeds, now: now)
    replica = DatabaseReplica(database: start.database)
    random = SeededRandom(seed: SecureRandom.uint64())
    links = PeerLinks(identity: start.identity, resolver: start.resolver, logger: start.logger)
    sessions = InternalSessions(start.identity)
    gossip = GossipSocket(socket: start.socket, identity: start.identity, salt: salt)
    self.poller = poller
    // A node without peers is ready from its first request on.
    step(.tick)
    replica.isAlone = isAlone
    show()
  }

  /// Turns until it is told to end.
  mutating func run() {
    while !hasClosed { turn() }
    gate.close()
  }

  /// One turn: waits for what happens next, reports it to the node, carries out what it wants.
  mutating func turn() {
    let count = poller.wait(timeoutMilliseconds: sleepMilliseconds())
    now = SystemClock.monotonic()
    node.setWallClock(milliseconds: SystemClock.wallMilliseconds(), at: now)
    for index in 0..<count {
      let (token, events) = poller[index]
      switch token {
      case Self.wakeupToken: gate.wakeup.drain()
      case Self.gossipToken: readPackets()
      default: links.happened(events, token: token, now: now, poller)
      }
    }
    readMailbox()
    readResolver()
    links.expire(now: now, poller)
    reportOutcomes()
    if node.nextDeadline <= now { step(.tick) }
    replica.isAlone = isAlone
    if isStatusNew || shownAt.advanced(byMilliseconds: Self.showMilliseconds) <= now { show() }
  }

  /// Whether nobody else holds records that a forgotten delete could bring back.
  private var isAlone: Bool { node.peerCount == 0 && !node.isJoining }

  private mutating func sleepMilliseconds() -> Int32 {
    if links.hasOutcomes { return 0 }
    let current = SystemClock.monotonic()
    var due = min(node.nextDeadline, current.advanced(byMilliseconds: Self.showMilliseconds))
    if let links = links.nextDeadline(now: current) { due = min(due, links) }
    guard due > current else { return 0 }
    // Rounded up: a turn a little too late finds its work, one too early only turns again.
    return Int32((due.nanoseconds - current.nanoseconds + 999_999) / 1_000_000)
  }

  // MARK: Events

  mutating func step(_ event: consuming Event) {
    node.step(event, now: now, replica: &replica, random: &random, effects: &effects)
    carryOut()
  }

  private mutating func readPackets() {
    var budget = GossipSocket.batchMax
    while let packet = gossip.receive(budget: &budget) {
      step(.packet(from: packet.from, address: packet.address, bytes: packet.bytes))
    }
  }

  private mutating func reportOutcomes() {
    var outcomes: [LinkOutcome] = []
    links.takeOutcomes(into: &outcomes)
    for outcome in outcomes {
      switch outcome {
      case .response(let id, let from, let bytes): step(.response(id, from: from, bytes: bytes))
      case .failed(let id, let reason): step(.failed(id, reason: reason))
      }
    }
  }

  private mutating func readResolver() {
    var names: [ResolvedName] = []
    resolver.take(into: &names)
    for name in names {
      addresses[name.host] = name.addresses
      links.resolved(name, now: now, poller)
    }
  }

  private mutating func readMailbox() {
    var messages: [ClusterMessage] = []
    gate.mailbox.take(into: &messages)
    for message in messages {
      switch message {
      case .request(let request): answer(request)
      case .committed(let batch): report(batch)
      case .remove(let removal): remove(removal)
      case .leave: step(.leave)
      case .close: hasClosed = true
      }
    }
  }

  /// Reports a batch of the log: the own writes in it, and how far the log is durable.
  private mutating func report(_ batch: CommittedBatch) {
    defer { gate.consumed(bytes: batch.entries.count) }
    let own = gate.own
    let all = batch.entries
    var entries = ByteBuffer()
    var positions: [UInt64] = []
    var position = batch.firstLSN
    var start = 0
    var reader = LogEntryReader(all.span)
    while let entry = reader.next() {
      let end = reader.offset
      let isWrite = entry.kind == .put || entry.kind == .tombstone
      if isWrite, entry.node == own.node.rawValue, entry.boot == own.boot {
        entries.append(all.span.extracting(start..<end))
        positions.append(position)
      }
      start = end
      position += 1
    }
    let through = batch.firstLSN + UInt64(batch.count) - 1
    step(.committed(entries: entries.copied(), positions: positions, through: through))
  }

  // MARK: Status

  private mutating func show() {
    isStatusNew = false
    shownAt = now
    let view = makeView()
    gate.show(view)
    gate.acknowledgements.setPeers(
      view.members.filter { !$0.isOwn }.map { ($0.id, $0.isReachable) })
    for gate in gates { gate.wakeIfWaitingForPeers() }
  }
}
