import Bytes

// Full exchanges: with a random member now and then, with members that are down until they answer, and
// with the seeds while nobody answers. Source: memberlist's push-pull; plain SWIM never heals a split.

extension Membership {
  mutating func driveExchange(_ random: inout SeededRandom) {
    guard let due = exchangeAt, due <= now else { return }
    // Above 32 nodes ever more seldom, so that the traffic of all stays linear.
    let nodes = UInt64(liveNodes)
    let scale = nodes > 32 ? nodes.logarithm2 - 5 + 2 : 1
    exchangeAt = now.advanced(
      byMilliseconds: Self.jittered(settings.exchangeIntervalMilliseconds * scale, &random))
    let others = peers.indices.filter { peers[$0].state == .alive || peers[$0].state == .suspect }
    guard !isLeaving, let index = Self.choose(1, of: others, &random).first else { return }
    dial(index)
  }

  /// Members that nothing was heard of, or that are down: at first soon, then ever more seldom.
  mutating func driveDials(_ random: inout SeededRandom) {
    for index in peers.indices {
      guard let due = peers[index].dialAt, due <= now, !peers[index].isDialled, mayDial else {
        continue
      }
      let isLost = !peers[index].state.isReachable && settings.mutant != .neverRedial
      peers[index].dialAt = isLost ? nextDial(of: index, &random) : nil
      dial(index)
    }
  }

  var mayDial: Bool {
    !isLeaving && peers.indices.count { peers[$0].isDialled } < MembershipLimits.redials
  }

  private mutating func nextDial(of index: Int, _ random: inout SeededRandom) -> Instant {
    var interval = settings.redialFirstMilliseconds
    for _ in 0..<min(peers[index].dialAttempts, 16) {
      interval = min(interval * 3 / 2, settings.redialLongestMilliseconds)
    }
    peers[index].dialAttempts += 1
    return now.advanced(byMilliseconds: Self.jittered(interval, &random))
  }

  private mutating func dial(_ index: Int) {
    guard !peers[index].isDialled else { return }
    peers[index].isDialled = true
    counters.exchanges += 1
    ask(
      .exchange, peers[index].endpoint, expected: peers[index].id, updates: allUpdates,
      for: .dial(peers[index].id), timeout: settings.redialTimeoutMilliseconds)
  }

  mutating func settleDial(_ node: NodeID) {
    guard let index = index(of: node) else { return }
    peers[index].isDialled = false
  }

  // MARK: Seeds

  /// Seeds serve to find the cluster: for a node that joins, and for one none of whose members answers
  /// at the address it had.
  var wantsSeeds: Bool {
    !seeds.isEmpty && !isLeaving && (isJoining || !hasReachablePeer)
      && !outstanding.contains { $0.purpose == .seed }
  }

  var hasReachablePeer: Bool { peers.indices.contains { peers[$0].state.isReachable } }

  mutating func driveSeeds(_ random: inout SeededRandom) {
    guard wantsSeeds, let due = seedAt, due <= now else { return }
    let seed = seeds[Int(seedAttempts % UInt64(seeds.count))]
    seedAttempts += 1
    // Every seed once at short distance, then all of them ever more seldom.
    var interval = settings.joinFirstMilliseconds
    for _ in 0..<min(seedAttempts / UInt64(seeds.count), 8) {
      interval = min(interval * 3 / 2, settings.joinLongestMilliseconds * 5 / 6)
    }
    seedAt = now.advanced(byMilliseconds: Self.jittered(interval, &random))
    ask(
      isJoining ? .join : .exchange, seed, expected: nil,
      updates: isJoining ? [ownUpdate] : allUpdates, for: .seed,
      timeout: isJoining
        ? settings.joinTimeoutMilliseconds : settings.redialTimeoutMilliseconds)
  }

  // MARK: Leaving

  mutating func announceLeaving() {
    guard ownState != .leaving, settings.mutant != .leaveSilently else { return }
    ownState = .leaving
    raiseIncarnation(above: ownIncarnation)
    probe = nil
    let reachable = peers.indices.filter { peers[$0].state.isReachable }
    for index in reachable.prefix(MembershipLimits.announcements) {
      send(.gossip, to: peers[index].endpoint, about: index)
      ask(
        .announce, peers[index].endpoint, expected: peers[index].id,
        updates: [ownUpdate, peers[index].update], for: .announce,
        timeout: settings.controlPingTimeoutMilliseconds)
    }
  }
}
