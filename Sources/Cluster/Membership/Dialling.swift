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
    if peers[index].state == .unheard, peers[index].dialAttempts == Self.unheardDials {
      log(.warn, "nothing was heard of \(name(peers[index])) since this node started")
    }
    return now.advanced(byMilliseconds: Self.jittered(interval, &random))
  }

  /// By then some ten seconds have passed.
  private static let unheardDials: UInt64 = 5

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

  /// Seeds serve to find the cluster: for a node that joins, and for one some of whose members do not
  /// answer at the addresses they had. The others may have come back at new ones and found each other,
  /// and nobody but a seed's name leads from here to there.
  var wantsSeeds: Bool {
    !seeds.isEmpty && !isLeaving && (isJoining || hasLostPeer)
      && !outstanding.contains { $0.purpose == .seed }
  }

  private var hasLostPeer: Bool {
    if settings.mutant == .forgetSeeds || settings.mutant == .neverRedial {
      return !hasReachablePeer
    }
    return peers.indices.contains {
      peers[$0].state == .unheard || peers[$0].state == .down
    }
  }

  var hasReachablePeer: Bool { peers.indices.contains { peers[$0].state.isReachable } }

  /// Somebody was lost: the seeds are asked as if it were for the first time.
  mutating func askSeedsSoon() {
    guard !seeds.isEmpty else { return }
    seedAttempts %= UInt64(seeds.count)
    let soon = now.advanced(byMilliseconds: settings.joinFirstMilliseconds)
    seedAt = min(seedAt ?? soon, soon)
  }

  mutating func driveSeeds(_ random: inout SeededRandom) {
    guard wantsSeeds, let due = seedAt, due <= now else { return }
    let seed = seeds[Int(seedAttempts % UInt64(seeds.count))]
    seedAttempts += 1
    // Every seed once at short distance, then all of them ever more seldom; a member may be down for days.
    var interval = settings.joinFirstMilliseconds
    let longest =
      hasReachablePeer
      ? max(interval, settings.exchangeIntervalMilliseconds / UInt64(seeds.count))
      : settings.joinLongestMilliseconds * 5 / 6
    for _ in 0..<min(seedAttempts / UInt64(seeds.count), 16) {
      interval = min(interval * 3 / 2, longest)
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
