import Bytes

// News rides on every packet until enough packets have carried it; while there is any, some members
// get a packet of nothing else. Source: SWIM §4.1; memberlist for the numbers.

extension Membership {
  /// How many packets carry a piece of news: 4 times the logarithm (base 10, rounded up) of the nodes.
  var transmissionsWanted: Int {
    var digits = 0
    var nodes = peers.count + 1
    while nodes > 0 {
      digits += 1
      nodes /= 10
    }
    return 4 * digits
  }

  /// What is believed of this member is news.
  mutating func spread(_ index: Int) {
    guard peers[index].state != .unheard else { return }
    newsNumber += 1
    peers[index].newsNumber = newsNumber
    peers[index].transmissions = transmissionsWanted
    wakeGossip()
  }

  mutating func wakeGossip() {
    let earliest = lastGossip?.advanced(byMilliseconds: settings.gossipIntervalMilliseconds) ?? now
    gossipAt = max(now, earliest)
  }

  mutating func driveGossip(_ random: inout SeededRandom) {
    guard let due = gossipAt, due <= now else { return }
    lastGossip = now
    let reachable = peers.indices.filter { peers[$0].state.isReachable }
    for index in Self.choose(settings.gossipMembers, of: reachable, &random) where hasNews {
      send(.gossip, to: peers[index].endpoint, about: index)
    }
    // One that is held to be down, by mistake perhaps, hears of it for a while.
    let down = peers.indices.filter {
      guard let since = peers[$0].downSince else { return false }
      return now.milliseconds(since: since) < settings.gossipToDownMilliseconds
    }
    if hasNews, let index = Self.choose(1, of: down, &random).first {
      send(.gossip, to: peers[index].endpoint, about: index)
    }
    if reachable.isEmpty, down.isEmpty { forgetNews() }
    gossipAt =
      hasNews ? now.advanced(byMilliseconds: settings.gossipIntervalMilliseconds) : nil
  }

  private var hasNews: Bool { ownTransmissions > 0 || peers.contains { $0.transmissions > 0 } }

  /// There is nobody to tell: whoever comes back exchanges everything.
  private mutating func forgetNews() {
    ownTransmissions = 0
    for index in peers.indices { peers[index].transmissions = 0 }
  }

  /// Sends a packet with as much news as fits. A member that is the receiver (`about`) and not held to
  /// be well hears that first, so that it can refute at once (Lifeguard's buddy rule).
  mutating func send(
    _ kind: MembershipPacket.Kind, sequence: UInt32 = 0, target: NodeID = NodeID(0),
    to endpoint: Endpoint, about receiver: Int?, always: Bool = false
  ) {
    var updates = [ownUpdate]
    var room = MembershipLimits.packetBytes - MembershipPacket.headBytes - updates[0].encodedBytes
    if ownTransmissions > 0 { ownTransmissions -= 1 }
    if let receiver, always || !peers[receiver].isBelievedWell {
      updates.append(peers[receiver].update)
      room -= updates[1].encodedBytes
    }
    let news = peers.indices.filter { peers[$0].transmissions > 0 }.sorted {
      // The least told first, of those the latest.
      (peers[$0].transmissions, peers[$0].newsNumber)
        > (peers[$1].transmissions, peers[$1].newsNumber)
    }
    for index in news {
      let update = peers[index].update
      guard update.encodedBytes <= room, updates.count < 255 else { continue }
      peers[index].transmissions -= 1
      if index == receiver, updates.count > 1, updates[1].node == update.node { continue }
      updates.append(update)
      room -= update.encodedBytes
    }
    let packet = MembershipPacket(
      kind: kind, sequence: sequence, target: target, wallMilliseconds: wallMilliseconds,
      updates: updates)
    effects.append(.sendPacket(to: endpoint, bytes: packet.encoded()))
  }

  /// Tells a node, unasked, what is believed of it; at most once a second.
  mutating func tell(_ index: Int, at address: Endpoint) {
    if let told = peers[index].toldAt,
      now.milliseconds(since: told) < settings.tellIntervalMilliseconds
    {
      return
    }
    peers[index].toldAt = now
    send(.gossip, to: address, about: index, always: true)
  }
}
