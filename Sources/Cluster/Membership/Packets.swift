import Bytes

// What a datagram brings.

extension Membership {
  mutating func receive(
    _ bytes: [UInt8], from sender: Incarnated, address: Endpoint, _ random: inout SeededRandom
  ) {
    guard let packet = MembershipPacket.decode(bytes.span, from: sender) else {
      counters.malformed += 1
      return
    }
    guard sender.node != own.node else { return meetDouble(sender, at: address) }
    if let index = index(of: sender.node), isFenced(sender, index) {
      counters.fenced += 1
      return tell(index, at: address)
    }
    // A node that nobody admitted yet answers, but believes nobody: it must not be half a member.
    guard !isJoining else {
      if packet.kind == .ping, packet.target == own.node {
        send(.ack, sequence: packet.sequence, target: own.node, to: address, about: nil)
      }
      return
    }
    consider(packet.updates, .packet, by: sender.node)
    guard stopReason == nil, let index = index(of: sender.node) else { return }
    peers[index].lastHeard = now
    switch packet.kind {
    case .ping:
      guard packet.target == own.node else { break }
      send(.ack, sequence: packet.sequence, target: own.node, to: address, about: index)
      return
    case .pingRequest: relay(packet, for: address)
    case .ack: acknowledge(packet, from: sender.node)
    case .nack: countNack(packet)
    case .gossip: break
    }
    // Whoever is held to be down and speaks does not know it.
    if !peers[index].state.isReachable { tell(index, at: address) }
  }

  /// Whether this process of a node is not to be listened to.
  func isFenced(_ sender: Incarnated, _ index: Int) -> Bool {
    isShutOut(index) || isOutdated(sender, index)
  }

  func isOutdated(_ sender: Incarnated, _ index: Int) -> Bool {
    sender.boot < peers[index].boot && settings.mutant != .serveOlderBoots
  }

  /// Whether a member was removed: it is told so, and nothing else.
  func isShutOut(_ index: Int) -> Bool {
    peers[index].state == .removed && settings.mutant != .serveRemoved
  }

  /// Another process with this node's own number.
  mutating func meetDouble(_ double: Incarnated, at address: Endpoint) {
    // An address that another member had and that is this node's now: its own packet came back.
    if double == own, address == ownEndpoint { return }
    if double.boot < own.boot {
      // It stops when it hears of this one.
      send(.gossip, to: address, about: nil)
    } else {
      stop(Self.replaced)
    }
  }
}
