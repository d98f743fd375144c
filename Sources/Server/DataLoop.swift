// One event loop: a listener, the connections it accepted, and everything they are in the middle of.

import Auth
import Bytes
import HTTP
import Platform
import Synchronization

/// What all loops of a node share.
final class NodeContext: Sendable {
  let configuration: Configuration
  let database: Database
  let gates: [LoopGate]
  let metrics: [LoopMetrics]
  let passwords: PasswordQueue
  let logger: Logger
  let description: NodeDescription
  let signer: TokenSigner
  /// The cluster loop's door; nil where the node runs alone.
  let cluster: ClusterGate?
  /// The node does not know its cluster yet.
  let isWaitingRoom: Bool
  /// Who seals connections; nil in http mode.
  let door: TLSDoor?
  /// Connections of all loops.
  let connectionCount = Atomic<Int>(0)
  /// The descriptors that are left to connections, once log, checkpoint and snapshots have theirs.
  let connectionsMax: Int

  init(
    configuration: Configuration, database: Database, gates: [LoopGate], passwords: PasswordQueue,
    logger: Logger, description: NodeDescription, descriptors: UInt64,
    cluster: ClusterGate? = nil, isWaitingRoom: Bool = false, door: TLSDoor? = nil
  ) {
    self.door = door
    self.configuration = configuration
    self.database = database
    self.gates = gates
    self.passwords = passwords
    self.logger = logger
    self.description = description
    self.cluster = cluster
    self.isWaitingRoom = isWaitingRoom
    metrics = gates.map { _ in LoopMetrics() }
    connectionsMax = Int(
      max(descriptors / 2, descriptors - min(descriptors, Limits.ownDescriptors)))
    signer = TokenSigner(secret: configuration.tokenSecret)
  }
}

/// What a node tells of itself.
struct NodeDescription: Sendable {
  let address: [UInt8]
  /// 16 hexadecimal digits.
  let nodeID: String
  let boot: UInt32
  let started: Instant
}

/// A data loop, alone on its thread. Its state is one struct, so that touching it costs no checks.
struct DataLoop: ~Copyable {
  let node: NodeContext
  let database: Database
  let gate: LoopGate
  let metrics: LoopMetrics
  let limits: Limits
  let httpLimits: HTTPLimits
  /// Reading needs no token.
  let readsArePublic: Bool
  /// A script's origin changes nothing in an answer's head.
  let headsAreUniform: Bool

  var poller: Poller
  var listener: Listener?
  var connections = Slab<Connection>()
  var deadlines = Deadlines()
  var streams = StreamGroups()
  var commits = CommitQueue()
  var events: [EventFrame] = []
  /// Connections whose write waits for the node to be ready.
  var parked: [UInt64] = []
  /// Connections that wait for other nodes.
  var awaitingPeers: [UInt64] = []
  /// What they had acknowledged when this loop last looked.
  var seenAcknowledgements: UInt64 = 0
  /// When their deadlines are looked at next.
  var looksAtPeersAt = Instant(nanoseconds: 0)
  var verifier: TokenVerifier
  var knownTable = KnownTable()

  /// Bytes just read, of whichever connection is being driven.
  var scratch = ByteBuffer(capacity: DataLoop.readBytes)
  var ahead = ReadAhead()
  /// Answers of the connection that is being driven: they leave in one system call.
  var output = ByteBuffer(capacity: DataLoop.readBytes)
  /// The highest log position that the answers in `output` depend on.
  var outputWaitsFor: UInt64 = 0
  /// Which answers in `output` depend on other nodes.
  var outputAcks: [AcknowledgementWait] = []
  /// Requests answered into `output`.
  var outputRequests: UInt32 = 0

  /// Requests that were answered in this turn without waiting for the disk.
  var answersOfTurn: UInt64 = 0

  /// Steps of handshakes in this turn.
  var handshakesOfTurn = 0

  /// Connections that could go on but let others take their turn.
  var runnable: [UInt64] = []
  var now = SystemClock.monotonic()
  var date: DateLine
  var nextGeneration: UInt32 = 1
  /// A request held a password: its bytes are overwritten when they are done with.
  var readsSecret = false
  /// This turn appended to the log.
  var hasAppended = false
  /// Bytes of bodies that are not complete.
  var bodyBytesInFlight = 0
  /// Bytes of answers that clients have not taken yet.
  var bytesOwed = 0
  /// No descriptors were left: the listener rests until then.
  var acceptsAgainAt: Instant?
  var drainsUntil: Instant?

  static let readBytes = 64 << 10
  static let anyOriginField: StaticString = "Access-Control-Allow-Origin: *\r\n"
  static let listenerToken = UInt64.max
  static let wakeupToken = UInt64.max - 1

  init(node: NodeContext, index: Int, listener: consuming Listener) throws(SystemError) {
    let poller = try Poller()
    let gate = node.gates[index]
    try poller.add(gate.wakeup.descriptor, token: Self.wakeupToken, events: .readable)
    try poller.add(listener.descriptor.raw, token: Self.listenerToken, events: .readable)
    self.poller = poller
    self.listener = consume listener
    self.node = node
    self.gate = gate
    database = node.database
    metrics = node.metrics[index]
    limits = node.configuration.limits
    var httpLimits = HTTPLimits()
    httpLimits.headBytesMax = limits.headBytesMax
    httpLimits.headerFieldsMax = limits.headerFieldsMax
    httpLimits.bodyBytesMax = limits.bodyBytesMax
    self.httpLimits = httpLimits
    verifier = TokenVerifier(
      secret: node.configuration.tokenSecret, subjectBytesMax: limits.nameBytesMax)
    readsArePublic = node.configuration.readAccess == .public
    let crossOrigin = node.configuration.crossOrigin
    headsAreUniform = crossOrigin == .any || crossOrigin == .off
    date = DateLine(crossOriginField: crossOrigin == .any ? Self.anyOriginField : "")
  }

  /// Turns until the node has drained.
  mutating func run() {
    while !hasDrained { turn(milliseconds: sleepMilliseconds()) }
    closeEverything()
  }

  /// One turn: waits for events, at most so long (-1: for ever), and does what they ask for.
  mutating func turn(milliseconds: Int32) {
    let count = poller.wait(timeoutMilliseconds: milliseconds)
    now = SystemClock.monotonic()
    handshakesOfTurn = 0
    for index in 0..<count {
      let (token, events) = poller[index]
      switch token {
      case Self.listenerToken: acceptConnections()
      case Self.wakeupToken: gate.wakeup.drain()
      default: if !readAhead(events, token) { happened(events, to: token) }
      }
    }
    answerAhead()
    readMailbox()
    runRunnable()
    kickLog()
    settle()
    settlePeers()
    settleParked()
    kickLog()
    countAnswersOfTurn()
    expireDeadlines()
  }

  /// How long the next wait may last: not at all while there is work, else until a deadline is near.
  mutating func sleepMilliseconds() -> Int32 {
    if !runnable.isEmpty { return 0 }
    if !commits.isEmpty || !events.isEmpty {
      gate.waitForCommit()
      // What was committed before the loop asked to be woken is settled now.
      settle()
      kickLog()
      if !runnable.isEmpty { return 0 }
    }
    if !awaitingPeers.isEmpty {
      gate.waitForPeers()
      settlePeers()
      kickLog()
      if !runnable.isEmpty { return 0 }
    }
    if !awaitingPeers.isEmpty { return 10 }
    if !parked.isEmpty { return 20 }
    if acceptsAgainAt != nil || drainsUntil != nil { return 50 }
    return deadlines.isEmpty ? -1 : 1_000
  }

  /// Sets the log to work on what was appended. Answers that are let go make room for further
  /// requests, so this comes before they are and after.
  private mutating func kickLog() {
    guard hasAppended else { return }
    hasAppended = false
    database.log.kick()
  }

  // MARK: Accepting

  private mutating func acceptConnections() {
    guard let raw = listener?.descriptor.raw else { return }
    // A bounded number a turn, so that a flood of connections does not starve those that are open.
    for _ in 0..<64 {
      guard node.connectionCount.load(ordering: .relaxed) < node.connectionsMax else {
        return restListener()
      }
      switch Socket.accept(raw) {
      case .accepted(let descriptor, _, _): open(descriptor)
      case .wouldBlock: return
      case .exhausted: return restListener()
      case .failed(let code):
        node.logger.warn("accept failed", LogField("code", "\(code)"))
        return restListener()
      }
    }
  }

  private mutating func open(_ descriptor: Int32) {
    let generation = nextGeneration
    nextGeneration = nextGeneration &+ 1
    let slot = connections.insert(Connection(descriptor: descriptor, generation: generation))
    do throws(SystemError) {
      try poller.add(
        descriptor, token: token(slot),
        events: [.readable, .writable, .peerClosed, .edgeTriggered])
    } catch {
      Socket.close(descriptor)
      _ = connections.remove(slot)
      return
    }
    metrics.connections.store(connections.count, ordering: .relaxed)
    node.connectionCount.add(1, ordering: .relaxed)
    if node.door != nil { connections[slot].phase = .handshaking }
    deadlines.set(.idle, slot, due: now.advanced(bySeconds: limits.idleSeconds))
  }

  /// Out of descriptors: a listener that stays readable would turn the loop into a busy one.
  private mutating func restListener() {
    guard acceptsAgainAt == nil, let raw = listener?.descriptor.raw else { return }
    acceptsAgainAt = now.advanced(byMilliseconds: 100)
    _ = try? poller.remove(raw)
  }

  mutating func wakeListener() {
    guard let due = acceptsAgainAt, due <= now, let raw = listener?.descriptor.raw else { return }
    acceptsAgainAt = nil
    _ = try? poller.add(raw, token: Self.listenerToken, events: .readable)
  }

  // MARK: Events

  func token(_ slot: Int) -> UInt64 {
    UInt64(connections[slot].generation) << 32 | UInt64(slot)
  }

  /// The slot of a token, unless another connection has it by now.
  func slot(of token: UInt64) -> Int? {
    let slot = Int(token & 0xffff_ffff)
    guard connections.contains(slot), connections[slot].generation == UInt32(token >> 32) else {
      return nil
    }
    return slot
  }

  private mutating func happened(_ events: PollEvents, to token: UInt64) {
    guard let slot = slot(of: token) else { return }
    if !events.isDisjoint(with: [.error, .hangup]) { return close(slot) }
    if !events.isDisjoint(with: [.readable, .peerClosed]) { connections[slot].mayRead = true }
    // From the first time on every event says so.
    if events.contains(.peerClosed), !connections[slot].endsInput {
      connections[slot].endsInput = true
      if connections[slot].phase == .streaming { probe(slot) }
    }
    drive(slot)
  }

  private mutating func readMailbox() {
    var messages: [LoopMessage] = []
    gate.mailbox.take(into: &messages)
    for message in messages {
      switch message {
      case .passwordDone(let outcome): finishLogin(outcome)
      case .internalAnswer(let answer): finishInternal(answer)
      case .removalDone(let answer): finishRemoval(answer)
      case .drain: beginDraining()
      }
    }
    gate.takeEvents(into: &events)
  }

  private mutating func runRunnable() {
    guard !runnable.isEmpty else { return }
    let turn = runnable
    runnable.removeAll(keepingCapacity: true)
    for token in turn {
      if let slot = slot(of: token) { drive(slot) }
    }
  }

  /// Lets go of everything that waited for a position which is now committed.
  private mutating func settle() {
    if commits.isEmpty && events.isEmpty { return }
    let committed = database.log.committed
    while let token = commits.next(committed: committed) {
      guard let slot = slot(of: token), connections[slot].phase == .held else { continue }
      release(slot)
    }
    guard let first = events.first, first.lsn <= committed else { return }
    var kept: [EventFrame] = []
    let due = events
    events.removeAll(keepingCapacity: true)
    for event in due {
      if event.lsn <= committed && kept.isEmpty { deliver(event) } else { kept.append(event) }
    }
    events.insert(contentsOf: kept, at: 0)
  }

  private mutating func expireDeadlines() {
    wakeListener()
    while let slot = deadlines.expired(.heartbeat, now: now) { beat(slot) }
    while let slot = deadlines.expired(.linger, now: now) { close(slot) }
    while let slot = deadlines.expired(.idle, now: now) { close(slot) }
    while let slot = deadlines.expired(.head, now: now) {
      if connections[slot].phase == .handshaking {
        close(slot)
        continue
      }
      refuse(slot, Refusal(408, "the head of the request did not come in time: send it whole"))
    }
    while let slot = deadlines.expired(.body, now: now) {
      refuse(slot, Refusal(408, "the body of the request did not come in time: send it faster"))
    }
  }

  // MARK: Closing

  mutating func close(_ slot: Int) {
    if connections[slot].session != nil { _ = connections[slot].endSealed() }
    let connection = connections.remove(slot)
    deadlines.clear(slot)
    bytesOwed -= connection.bytesCounted
    if let stream = connection.stream { forget(stream) }
    if let body = connection.body { bodyBytesInFlight -= body.bytes.count }
    Socket.close(connection.descriptor)
    metrics.connections.store(connections.count, ordering: .relaxed)
    node.connectionCount.subtract(1, ordering: .relaxed)
    if acceptsAgainAt != nil { acceptsAgainAt = now }
  }

  private mutating func beginDraining() {
    guard drainsUntil == nil else { return }
    drainsUntil = now.advanced(byMilliseconds: Limits.drainMilliseconds)
    if let raw = listener?.descriptor.raw { _ = try? poller.remove(raw) }
    listener = nil
    acceptsAgainAt = nil
    for slot in 0..<connections.slotLimit where connections.contains(slot) {
      switch connections[slot].phase {
      case .streaming, .lingering, .handshaking: close(slot)
      case .open
      where connections[slot].output.isEmpty && connections[slot].body == nil
        && connections[slot].input.isEmpty && !connections[slot].mayRead:
        close(slot)
      case .open, .held, .waiting, .listing: break
      }
    }
  }

  private var hasDrained: Bool {
    guard let drainsUntil else { return false }
    return connections.count == 0 || now >= drainsUntil
  }

  private mutating func closeEverything() {
    for slot in 0..<connections.slotLimit where connections.contains(slot) { close(slot) }
  }
}
