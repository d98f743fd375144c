// All channels to all peers, driven by the cluster loop.

import Bytes
import Cluster
import Crypto
import HTTP
import Platform

/// Who this node is on its links, and with which secrets it proves it.
struct LinkIdentity {
  let secrets: [ClusterSecret]
  let cluster: UInt64
  let own: Incarnated
  /// Seals the links in https mode.
  let door: TLSDoor?
}

/// The outgoing links. Whoever owns them reports the poller's events and the time, and takes the
/// outcomes: each request has exactly one, and none comes before `send` has returned.
struct PeerLinks: ~Copyable {
  let identity: LinkIdentity
  let logger: Logger
  private let resolver: Resolver
  var limits = HTTPClientLimits()
  private var links = Slab<PeerLink>()
  private var outcomes: [LinkOutcome] = []
  private var nextGeneration: UInt32 = 1
  private(set) var sentBytes: [(endpoint: Endpoint, count: UInt64)] = []

  init(identity: LinkIdentity, resolver: Resolver, logger: Logger) {
    self.identity = identity
    self.resolver = resolver
    self.logger = logger
    // A frame and what surrounds it; nothing that a peer answers is longer.
    limits.bodyBytesMax = Limits.internalBodyBytesMax
  }

  // MARK: The owner's side

  /// Sends a request over the endpoint's channel, dialling it where that is needed.
  mutating func send(
    _ request: OutgoingRequest, to endpoint: Endpoint, channel: Channel, now: Instant,
    _ poller: borrowing Poller
  ) {
    let slot = link(to: endpoint, channel, now: now)
    links[slot].waiting.append(request)
    links[slot].usedAt = now
    advance(slot, now: now, poller)
  }

  /// Moves the outcomes so far to the end of `target`.
  mutating func takeOutcomes(into target: inout [LinkOutcome]) {
    target.append(contentsOf: outcomes)
    outcomes.removeAll(keepingCapacity: true)
  }

  var hasOutcomes: Bool { !outcomes.isEmpty }

  /// The poller reported something for a token that `handles` knows.
  mutating func happened(
    _ events: PollEvents, token: UInt64, now: Instant, _ poller: borrowing Poller
  ) {
    guard let slot = slot(of: token) else { return }
    links[slot].connection?.happened(events, now: now)
    settle(slot, now: now, poller)
  }

  mutating func resolved(_ name: ResolvedName, now: Instant, _ poller: borrowing Poller) {
    for slot in 0..<links.slotLimit where links.contains(slot) {
      guard case .resolving = links[slot].stage, links[slot].endpoint.hostText == name.host else {
        continue
      }
      links[slot].stage = .idle
      if name.addresses.isEmpty {
        complain(slot, "cannot be resolved: \(name.failure ?? "it has no address")", now: now)
        rest(slot, .unreachable, now: now)
      } else {
        links[slot].addresses = name.addresses.reversed()
        advance(slot, now: now, poller)
      }
    }
  }

  /// Does what is due; call it at `nextDeadline` or later.
  mutating func expire(now: Instant, _ poller: borrowing Poller) {
    for slot in 0..<links.slotLimit where links.contains(slot) {
      if let due = links[slot].connection?.nextDeadline, due <= now {
        links[slot].connection?.expire(now: now)
        settle(slot, now: now, poller)
        guard links.contains(slot) else { continue }
      }
      dropExpired(slot, now: now)
      if links[slot].connection == nil {
        if !links[slot].waiting.isEmpty {
          advance(slot, now: now, poller)
        } else if now >= links[slot].usedAt.advanced(bySeconds: PeerLink.idleSeconds) {
          _ = links.remove(slot)
        }
      }
    }
  }

  mutating func nextDeadline(now: Instant) -> Instant? {
    var first: Instant?
    for slot in 0..<links.slotLimit where links.contains(slot) {
      if let due = links[slot].nextDeadline(now: now) { first = min(due, first ?? due) }
    }
    return first
  }

  // MARK: Finding a link

  private mutating func link(to endpoint: Endpoint, _ channel: Channel, now: Instant) -> Int {
    for slot in 0..<links.slotLimit where links.contains(slot) {
      if links[slot].endpoint == endpoint, links[slot].channel == channel { return slot }
    }
    return links.insert(PeerLink(endpoint: endpoint, channel: channel, now: now))
  }

  /// Tokens stay below those that the loop uses for itself: generations begin at 1 and wrap late.
  private func token(_ slot: Int) -> UInt64 {
    UInt64(links[slot].generation & 0x7fff_ffff) << 32 | UInt64(slot)
  }

  private func slot(of token: UInt64) -> Int? {
    let slot = Int(token & 0xffff_ffff)
    guard links.contains(slot), links[slot].generation & 0x7fff_ffff == UInt32(token >> 32) else {
      return nil
    }
    return slot
  }

  // MARK: Going forward

  private mutating func advance(_ slot: Int, now: Instant, _ poller: borrowing Poller) {
    switch links[slot].stage {
    case .idle:
      guard links[slot].restsUntil <= now, !links[slot].waiting.isEmpty else { return }
      dial(slot, now: now, poller)
    case .open:
      sendWaiting(slot, now: now)
      links[slot].connection?.flush(now: now)
      settle(slot, now: now, poller)
    case .resolving, .greeting, .proving: break
    }
  }

  private mutating func dial(_ slot: Int, now: Instant, _ poller: borrowing Poller) {
    let host = links[slot].endpoint.hostText
    if links[slot].addresses.isEmpty {
      guard let literal = InternetAddress(literal: host) else {
        links[slot].stage = .resolving
        return resolver.ask(host)
      }
      links[slot].addresses = [literal]
    }
    guard let address = links[slot].addresses.popLast() else { return }
    links[slot].generation = nextGeneration
    nextGeneration = nextGeneration &+ 1
    let endpoint = links[slot].endpoint
    do {
      var connection = try HTTPClientConnection(
        to: address, port: endpoint.port, host: host, tls: identity.door?.peerContext,
        limits: limits, now: now)
      try poller.add(
        connection.descriptor, token: token(slot), events: HTTPClientConnection.pollEvents)
      let initiator = SessionInitiator(
        secrets: identity.secrets, cluster: identity.cluster, own: identity.own, expected: nil,
        nonce: SecureRandom.bytes(32))
      let hello = initiator.hello
      let nothing: StaticString = ""
      connection.send(
        .post, ("/internal/v1/hello" as StaticString).bytes, fields: nothing.bytes,
        body: hello.span, tag: PeerLink.helloTag,
        deadline: now.advanced(byMilliseconds: PeerLink.greetingMilliseconds))
      links[slot].initiator = consume initiator
      links[slot].connection = consume connection
      links[slot].stage = .greeting
      links[slot].connection?.flush(now: now)
      settle(slot, now: now, poller)
    } catch {
      complain(slot, "cannot be reached: \(error)", now: now)
      rest(slot, .unreachable, now: now)
    }
  }

  /// Seals and sends what waits, as far as it is meant for the node that answered.
  private mutating func sendWaiting(_ slot: Int, now: Instant) {
    guard let peer = links[slot].peer else { return }
    let waiting = links[slot].waiting
    links[slot].waiting.removeAll(keepingCapacity: true)
    let channel = links[slot].channel
    let path = links[slot].path
    var body = ByteBuffer()
    var fields = ByteBuffer()
    for request in waiting {
      if let expected = request.expected, expected != peer.node {
        outcomes.append(.failed(request.id, .refused))
        continue
      }
      body.clear()
      fields.clear()
      let counter = links[slot].session!.sealRequest(
        request.bytes.span, channel: channel, into: &body)
      fields.append("X-Internal-Request: ")
      SessionMark(session: links[slot].sessionNumber, counter: counter).append(to: &fields)
      fields.append("\r\nContent-Type: application/octet-stream\r\n")
      let tag = links[slot].nextTag
      links[slot].nextTag += 1
      links[slot].sent.append(PeerLink.Sent(tag: tag, request: request, counter: counter))
      links[slot].connection?.send(
        .post, path.bytes, fields: fields.span, body: body.span, tag: tag,
        deadline: request.deadline)
      count(body.count, to: links[slot].endpoint)
    }
  }

  private mutating func count(_ bytes: Int, to endpoint: Endpoint) {
    if let index = sentBytes.firstIndex(where: { $0.endpoint == endpoint }) {
      sentBytes[index].count += UInt64(bytes)
    } else {
      sentBytes.append((endpoint, UInt64(bytes)))
    }
  }

  // MARK: Outcomes of the connection

  private mutating func settle(_ slot: Int, now: Instant, _ poller: borrowing Poller) {
    while let outcome = links[slot].connection?.nextOutcome() {
      switch outcome {
      case .response(let tag, let answer): answered(slot, tag, answer, now: now, poller)
      case .failed(let tag, let failure, let mayHaveArrived):
        failed(slot, tag, failure, mayHaveArrived: mayHaveArrived, now: now)
      }
    }
    guard links[slot].connection?.isClosed ?? false else { return }
    forgetConnection(slot)
    // What was not sent yet is not lost with the connection.
    if links[slot].restsUntil <= now, !links[slot].waiting.isEmpty {
      links[slot].restsUntil = now.advanced(byMilliseconds: 10)
    }
  }

  private mutating func forgetConnection(_ slot: Int) {
    links[slot].connection = nil
    links[slot].session = nil
    links[slot].peer = nil
    links[slot].initiator = nil
    links[slot].stage = .idle
    links[slot].sent.removeAll(keepingCapacity: true)
    links[slot].nextTag = PeerLink.firstTag
  }

  private mutating func answered(
    _ slot: Int, _ tag: UInt64, _ answer: HTTPAnswer, now: Instant, _ poller: borrowing Poller
  ) {
    switch tag {
    case PeerLink.helloTag: greeted(slot, answer, now: now)
    case PeerLink.proofTag: proved(slot, answer, now: now, poller)
    default: responded(slot, tag, answer, now: now)
    }
  }

  private mutating func greeted(_ slot: Int, _ answer: HTTPAnswer, now: Instant) {
    guard answer.status == 200 else {
      let reason =
        answer.status == 401 && !answer.body.isEmpty
        ? "refuses this node: \(Self.text(ofRefusal: answer.body))"
        : "answered the greeting with status \(answer.status): it is not a node of a cluster, or has no CLUSTER_SECRET"
      return refuse(slot, reason, now: now)
    }
    do throws(SessionError) {
      let body = answer.body
      _ = try links[slot].initiator!.receive(body.span)
      let proof = links[slot].initiator!.proof
      let nothing: StaticString = ""
      links[slot].connection?.send(
        .post, ("/internal/v1/auth" as StaticString).bytes, fields: nothing.bytes,
        body: proof.span, tag: PeerLink.proofTag,
        deadline: now.advanced(byMilliseconds: PeerLink.greetingMilliseconds))
      links[slot].stage = .proving
      links[slot].connection?.flush(now: now)
    } catch {
      refuse(slot, "is not let in: \(error)", now: now)
    }
  }

  private mutating func proved(
    _ slot: Int, _ answer: HTTPAnswer, now: Instant, _ poller: borrowing Poller
  ) {
    guard answer.status == 200, let initiator = links[slot].initiator.take() else {
      return refuse(
        slot, "does not accept this node's proof: the CLUSTER_SECRET differs", now: now)
    }
    var session = Optional(initiator.established())
    links[slot].peer = session?.peer
    links[slot].sessionNumber = session?.id ?? 0
    links[slot].session = session.take()
    links[slot].stage = .open
    links[slot].addresses = []
    links[slot].complaint = ""
    sendWaiting(slot, now: now)
    links[slot].connection?.flush(now: now)
  }

  private mutating func responded(
    _ slot: Int, _ tag: UInt64, _ answer: HTTPAnswer, now: Instant
  ) {
    guard let index = links[slot].sent.firstIndex(where: { $0.tag == tag }) else { return }
    let sent = links[slot].sent.remove(at: index)
    guard answer.status == 200 else {
      // The peer has forgotten the session: it did nothing, and is asked again on a new one.
      if answer.status == 401, !sent.request.isSecondTry {
        var again = sent.request
        again.isSecondTry = true
        links[slot].waiting.append(again)
      } else {
        outcomes.append(
          .failed(sent.request.id, answer.status == 401 ? .refused : .unreachable))
      }
      if answer.status == 401 { links[slot].connection?.close() }
      return
    }
    guard let peer = links[slot].peer else { return }
    var bytes = ByteBuffer()
    do throws(SessionError) {
      let body = answer.body
      try links[slot].session!.openResponse(
        body.span, counter: sent.counter, channel: links[slot].channel, into: &bytes)
      outcomes.append(
        .response(sent.request.id, from: peer, bytes: bytes.copied()))
    } catch {
      outcomes.append(.failed(sent.request.id, .refused))
      complain(slot, "answers with a frame that cannot be opened: \(error)", now: now)
      links[slot].connection?.close()
    }
  }

  private mutating func failed(
    _ slot: Int, _ tag: UInt64, _ failure: HTTPClientFailure, mayHaveArrived: Bool, now: Instant
  ) {
    guard tag >= PeerLink.firstTag else {
      // A greeting closed by `refuse` has been told of already.
      if case .closed = failure { return }
      if links[slot].addresses.isEmpty {
        complain(slot, "\(failure)", now: now)
        if case .timedOut = failure { return rest(slot, .timedOut, now: now) }
        return rest(slot, .unreachable, now: now)
      }
      // The name has another address: it is tried at once.
      links[slot].connection?.close()
      return
    }
    guard let index = links[slot].sent.firstIndex(where: { $0.tag == tag }) else { return }
    let sent = links[slot].sent.remove(at: index)
    if !mayHaveArrived, !sent.request.isSecondTry, sent.request.deadline > now {
      var again = sent.request
      again.isSecondTry = true
      links[slot].waiting.append(again)
      return
    }
    if case .timedOut = failure {
      outcomes.append(.failed(sent.request.id, .timedOut))
    } else {
      outcomes.append(.failed(sent.request.id, .unreachable))
    }
  }

  /// What a peer said when it refused this node.
  static func text(ofRefusal bytes: [UInt8]) -> String {
    SessionError(refusal: bytes.span).map { "\($0)" } ?? "it does not say why"
  }

  // MARK: Failing

  private mutating func refuse(_ slot: Int, _ reason: String, now: Instant) {
    complain(slot, reason, now: now)
    rest(slot, .refused, now: now)
  }

  /// Fails what waits, and leaves the peer alone for a moment.
  private mutating func rest(_ slot: Int, _ reason: RequestFailure, now: Instant) {
    links[slot].connection?.close()
    links[slot].addresses = []
    links[slot].restsUntil = now.advanced(
      byMilliseconds: reason == .refused
        ? PeerLink.refusedRestMilliseconds : PeerLink.restMilliseconds)
    for request in links[slot].waiting { outcomes.append(.failed(request.id, reason)) }
    links[slot].waiting.removeAll(keepingCapacity: true)
  }

  private mutating func dropExpired(_ slot: Int, now: Instant) {
    guard links[slot].waiting.contains(where: { $0.deadline <= now }) else { return }
    for request in links[slot].waiting where request.deadline <= now {
      outcomes.append(.failed(request.id, .timedOut))
    }
    links[slot].waiting.removeAll { $0.deadline <= now }
  }

  private mutating func complain(_ slot: Int, _ text: String, now: Instant) {
    let isNews = links[slot].complaint != text
    guard
      isNews || links[slot].complainedAt.advanced(bySeconds: PeerLink.complaintSeconds) <= now
    else { return }
    links[slot].complaint = text
    links[slot].complainedAt = now
    logger.warn(
      "peer", LogField("address", links[slot].endpoint.text),
      LogField("channel", "\(links[slot].channel)"), LogField("problem", text))
  }
}
