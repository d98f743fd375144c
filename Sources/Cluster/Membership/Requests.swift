public import Bytes

/// A request whose answer is still to come, and what it was for.
struct Outstanding: Sendable {
  enum Purpose: Equatable, Sendable {
    case probe(sequence: UInt32)
    /// A full exchange with a member.
    case dial(NodeID)
    /// A full exchange with, or admission by, whoever is at a seed.
    case seed
    /// Whether a node that wants to join is where it says.
    case dialBack(NodeID)
    case announce
  }

  let id: UInt64
  let purpose: Purpose
}

// What is asked and answered over the control channel.

extension Membership {
  @discardableResult
  mutating func ask(
    _ kind: MembershipMessage.Kind, _ endpoint: Endpoint, expected: NodeID?,
    updates: [MemberUpdate], for purpose: Outstanding.Purpose, timeout: UInt64
  ) -> RequestID {
    lastRequest += 1
    outstanding.append(Outstanding(id: lastRequest, purpose: purpose))
    let message = MembershipMessage(
      kind: kind, wallMilliseconds: wallMilliseconds, updates: updates)
    effects.append(
      .request(
        RequestID(lastRequest), to: endpoint, expected: expected, channel: .control,
        bytes: message.encoded(), timeoutMilliseconds: timeout))
    return RequestID(lastRequest)
  }

  mutating func respond(
    _ id: RequestID, _ kind: MembershipMessage.Kind, _ reason: MembershipMessage.Reason = .none,
    updates: [MemberUpdate]
  ) {
    let message = MembershipMessage(
      kind: kind, reason: reason, wallMilliseconds: wallMilliseconds, updates: updates)
    effects.append(.respond(id, bytes: message.encoded()))
  }

  /// All that is known of all members, the own node first.
  var allUpdates: [MemberUpdate] { [ownUpdate] + peers.map(\.update) }

  // MARK: Answering

  mutating func answer(_ id: RequestID, _ bytes: [UInt8], from sender: Incarnated) {
    guard let message = MembershipMessage.decode(bytes.span, from: sender) else {
      counters.malformed += 1
      return respond(id, .refused, .malformed, updates: [ownUpdate])
    }
    if sender.node == own.node {
      // A seed may be another name of this node itself: then the words are its own.
      let isSelf = sender == own && message.updates[0] == ownUpdate
      if sender.boot >= own.boot, !isSelf { stop(Self.replaced) }
      return respond(id, .refused, .olderBoot, updates: [ownUpdate])
    }
    if let index = index(of: sender.node), isFenced(sender, index) {
      counters.fenced += 1
      let reason: MembershipMessage.Reason =
        peers[index].state == .removed ? .removed : .olderBoot
      return respond(id, .refused, reason, updates: [ownUpdate, peers[index].update])
    }
    if message.kind == .join { return considerJoin(id, message, from: sender) }
    if isJoining {
      // Dialled back: it is here; but it believes nobody before it is admitted.
      if message.kind == .ping { return respond(id, .pong, updates: [ownUpdate]) }
      return respond(id, .refused, .notNow, updates: [ownUpdate])
    }
    consider(message.updates, .exchange, by: sender.node)
    guard let index = index(of: sender.node) else {
      return respond(id, .refused, .full, updates: [ownUpdate])
    }
    peers[index].lastHeard = now
    switch message.kind {
    case .ping, .announce: respond(id, .pong, updates: [ownUpdate, peers[index].update])
    case .exchange:
      counters.exchanges += 1
      respond(id, .exchanged, updates: allUpdates)
    case .join, .pong, .exchanged, .joined, .refused:
      counters.malformed += 1
      respond(id, .refused, .malformed, updates: [ownUpdate])
    }
  }

  // MARK: Answers

  mutating func settle(
    _ id: RequestID, _ bytes: [UInt8], from sender: Incarnated, _ random: inout SeededRandom
  ) {
    guard let purpose = take(id) else { return }
    guard let message = MembershipMessage.decode(bytes.span, from: sender) else {
      counters.malformed += 1
      return settle(purpose, answered: nil, from: sender, &random)
    }
    if let index = index(of: sender.node), isFenced(sender, index) {
      counters.fenced += 1
      return settle(purpose, answered: nil, from: sender, &random)
    }
    // A seed that turns out to be this node itself.
    guard sender.node != own.node else {
      return settle(purpose, answered: nil, from: sender, &random)
    }
    if message.kind == .refused, !isJoining { considerRefusal(message, from: sender) }
    settle(purpose, answered: message, from: sender, &random)
    if let index = index(of: sender.node) { peers[index].lastHeard = now }
  }

  mutating func settleFailure(
    _ id: RequestID, _ reason: RequestFailure, _ random: inout SeededRandom
  ) {
    guard let purpose = take(id) else { return }
    settle(purpose, answered: nil, from: nil, &random)
  }

  private mutating func take(_ id: RequestID) -> Outstanding.Purpose? {
    guard let place = outstanding.firstIndex(where: { $0.id == id.rawValue }) else { return nil }
    return outstanding.remove(at: place).purpose
  }

  /// The one place where each kind of request ends, with an answer or without.
  private mutating func settle(
    _ purpose: Outstanding.Purpose, answered message: MembershipMessage?, from sender: Incarnated?,
    _ random: inout SeededRandom
  ) {
    let isListening = !isJoining && message?.kind != .refused
    if let message, let sender, isListening {
      if case .dialBack = purpose {} else { consider(message.updates, .exchange, by: sender.node) }
    }
    switch purpose {
    case .probe(let sequence): settleProbe(sequence: sequence, isAlive: message?.kind == .pong)
    case .dial(let node): settleDial(node)
    case .seed: settleSeed(message, from: sender)
    case .dialBack(let node): settleDialBack(node, isThere: message?.kind == .pong, by: sender)
    case .announce: break
    }
  }

  // MARK: Refusals, also of requests of other families

  /// What to answer, without looking at the request, where this process of a node must not be listened
  /// to: it is of an older boot, was removed or is no member here; nil where it may speak.
  public func refusal(of sender: Incarnated) -> [UInt8]? {
    func refused(_ reason: MembershipMessage.Reason, _ updates: [MemberUpdate]) -> [UInt8] {
      MembershipMessage(
        kind: .refused, reason: reason, wallMilliseconds: wallMilliseconds, updates: updates
      ).encoded()
    }
    if sender.node == own.node { return refused(.olderBoot, [ownUpdate]) }
    guard let index = index(of: sender.node) else { return refused(.notMember, [ownUpdate]) }
    if isShutOut(index) {
      return refused(.removed, [ownUpdate, peers[index].update])
    }
    if isOutdated(sender, index) {
      return refused(.olderBoot, [ownUpdate, peers[index].update])
    }
    return nil
  }

  /// Whether a request or an answer is of membership's family.
  public static func isMessage(_ bytes: [UInt8]) -> Bool {
    bytes.first == MembershipMessage.family
  }

  /// Whether an answer is such a refusal.
  public static func isRefusal(_ bytes: [UInt8]) -> Bool {
    bytes.count >= MembershipMessage.headBytes && isMessage(bytes)
      && bytes[2] == MembershipMessage.Kind.refused.rawValue
  }

  /// Takes a refusal that came in answer to a request of another family.
  public mutating func refused(
    _ bytes: [UInt8], from sender: Incarnated, now: Instant, random: inout SeededRandom,
    effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    if let message = MembershipMessage.decode(bytes.span, from: sender), message.kind == .refused,
      sender.node != own.node, !isJoining
    {
      considerRefusal(message, from: sender)
    }
    finish(&effects, &changes)
  }

  /// Somebody says why it does not listen: a greater boot of this node, or that it was removed, stops
  /// this process; one that does not know this node yet is told all.
  private mutating func considerRefusal(_ message: MembershipMessage, from sender: Incarnated) {
    for update in message.updates where update.node == own.node || update.node == sender.node {
      consider(update, .exchange, by: sender.node)
    }
    guard message.reason == .notMember, let index = index(of: sender.node),
      peers[index].state != .removed
    else { return }
    peers[index].dialAt = now
  }

  /// A request or an answer of another family came from a node.
  ///
  /// A greater boot fences the lesser one; a node that is held to be down is told so, at most once a
  /// second.
  public mutating func heard(
    from sender: Incarnated, now: Instant, random: inout SeededRandom,
    effects: inout [Effect], changes: inout [MembershipChange]
  ) {
    guard begin(now, &effects) else { return }
    if let index = index(of: sender.node), peers[index].state != .removed {
      peers[index].lastHeard = now
      if sender.boot > peers[index].boot {
        restart(index, boot: sender.boot)
      } else if sender.boot == peers[index].boot, !peers[index].state.isReachable {
        tell(index, at: peers[index].endpoint)
      }
    } else if sender.node == own.node, sender.boot > own.boot {
      stop(Self.replaced)
    }
    finish(&effects, &changes)
  }
}
