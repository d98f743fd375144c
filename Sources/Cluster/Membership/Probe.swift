import Bytes

/// One question whether a member is alive, with all the ways it is asked on.
struct Probe: Sendable {
  let target: NodeID
  let sequence: UInt32
  let sentAt: Instant
  /// When others are asked, and the control channel is tried.
  let askOthersAt: Instant
  /// When packets count no more.
  let endsAt: Instant
  /// Whether others were asked.
  var isWidened = false
  /// The ping over the control channel has no result yet.
  var controlRequest: RequestID?
  /// How many others were asked, and how many of those said that they live.
  var helpers = 0
  var nacks = 0
}

/// A probe made for another node.
struct Relay: Sendable {
  let sequence: UInt32
  let target: NodeID
  let asker: Endpoint
  let askedSequence: UInt32
  /// When the asking node is told that nothing was heard, though this node lives.
  let nackAt: Instant
  /// When an answer that still comes is of no use.
  let endsAt: Instant
  var isAnswered = false
}

// One probe at a time: a packet; then packets by way of others and a ping over the control channel;
// then the suspicion. Source: SWIM §4.1; the ping over TCP and the nack are memberlist's.

extension Membership {
  var probeDeadline: Instant? {
    if let probe {
      if !probe.isWidened { return probe.askOthersAt }
      return probe.controlRequest == nil ? probe.endsAt : nil
    }
    return isLeaving || !hasReachablePeer ? nil : probeAt
  }

  mutating func driveProbe(_ random: inout SeededRandom) {
    if var probe {
      if !probe.isWidened, probe.askOthersAt <= now {
        widen(&probe, &random)
        self.probe = probe
      }
      if probe.endsAt <= now, probe.controlRequest == nil { endProbe(probe) }
    }
    guard probe == nil, !isLeaving, let due = probeAt, due <= now,
      let index = nextTarget(&random)
    else { return }
    beginProbe(index)
  }

  private mutating func beginProbe(_ index: Int) {
    let interval = settings.probeIntervalMilliseconds * health.multiplier
    probeAt = now.advanced(byMilliseconds: interval)
    let timeout = min(settings.probeTimeoutMilliseconds * health.multiplier, interval)
    sequence &+= 1
    counters.probes += 1
    probe = Probe(
      target: peers[index].id, sequence: sequence, sentAt: now,
      askOthersAt: now.advanced(byMilliseconds: timeout),
      endsAt: now.advanced(byMilliseconds: interval))
    send(
      .ping, sequence: sequence, target: peers[index].id, to: peers[index].endpoint, about: index)
  }

  /// Every reachable member once, in random order, before any of them again.
  private mutating func nextTarget(_ random: inout SeededRandom) -> Int? {
    for _ in 0..<2 {
      while probeNext < probeOrder.count {
        let node = probeOrder[probeNext]
        probeNext += 1
        if let index = index(of: node), peers[index].state.isReachable { return index }
      }
      let reachable = peers.filter { $0.state.isReachable }.map(\.id)
      probeOrder = Self.choose(reachable.count, of: reachable, &random)
      probeNext = 0
    }
    return nil
  }

  private mutating func widen(_ probe: inout Probe, _ random: inout SeededRandom) {
    probe.isWidened = true
    guard let index = index(of: probe.target), peers[index].state.isReachable else { return }
    let others = peers.indices.filter {
      $0 != index && (peers[$0].state == .alive || peers[$0].state == .suspect)
    }
    for helper in Self.choose(settings.indirectProbes, of: others, &random) {
      probe.helpers += 1
      send(
        .pingRequest, sequence: probe.sequence, target: probe.target,
        to: peers[helper].endpoint, about: helper)
    }
    if settings.mutant == .suspectWithoutControlPing { return }
    probe.controlRequest = ask(
      .ping, peers[index].endpoint, expected: probe.target,
      updates: [ownUpdate, peers[index].update],
      for: .probe(sequence: probe.sequence),
      timeout: settings.controlPingTimeoutMilliseconds * health.multiplier)
  }

  /// A packet says that the probed member is alive.
  mutating func acknowledge(_ packet: MembershipPacket, from sender: NodeID) {
    if let probe, probe.sequence == packet.sequence, probe.target == packet.target {
      if sender == probe.target { measure(packet, probe) }
      health.improve()
      self.probe = nil
      return
    }
    guard
      let place = relays.firstIndex(where: {
        $0.sequence == packet.sequence && $0.target == packet.target
      }), sender == packet.target
    else { return }
    let relay = relays.remove(at: place)
    send(.ack, sequence: relay.askedSequence, target: relay.target, to: relay.asker, about: nil)
  }

  private mutating func measure(_ packet: MembershipPacket, _ probe: Probe) {
    guard let index = index(of: probe.target), now > probe.sentAt else { return }
    var offset: Int64?
    if packet.wallMilliseconds != 0, let sent = wallMilliseconds(at: probe.sentAt),
      let received = wallMilliseconds(at: now)
    {
      // A clock that is off by more than this says nothing worth a number.
      let bound: UInt64 = 1 << 50
      if packet.wallMilliseconds < bound, sent < bound, received < bound {
        offset = Int64(packet.wallMilliseconds) - Int64((sent + received) / 2)
      }
    }
    peers[index].clock.add(
      roundTripMicroseconds: (now.nanoseconds - probe.sentAt.nanoseconds) / 1_000,
      offsetMilliseconds: offset)
    compareClocks(index)
  }

  /// Warns once when the wall clocks of the two machines begin to differ.
  private mutating func compareClocks(_ index: Int) {
    let peer = peers[index]
    let isApart = peer.clock.isApart(peer.isClockApart, limit: settings.clockApartMilliseconds)
    guard isApart != peer.isClockApart, let offset = peer.clock.offsetMilliseconds else { return }
    peers[index].isClockApart = isApart
    guard isApart else {
      return log(.info, "the clock of \(name(peer)) agrees with this node's again")
    }
    log(
      .warn,
      """
      the clock of \(name(peer)) is \(offset.magnitude) ms \(offset > 0 ? "ahead of" : "behind") \
      this node's: no write is lost, but of two that do not know of each other the earlier one may \
      win; let both machines synchronise their time
      """
    )
  }

  mutating func countNack(_ packet: MembershipPacket) {
    guard probe?.sequence == packet.sequence, probe?.target == packet.target else { return }
    probe?.nacks += 1
  }

  /// The ping over the control channel has a result.
  mutating func settleProbe(sequence: UInt32, isAlive: Bool) {
    guard var probe, probe.sequence == sequence else { return }
    probe.controlRequest = nil
    self.probe = probe
    if isAlive {
      // Packets do not get through; that says nothing about how well this node does.
      counters.probesSavedByControlPing += 1
      self.probe = nil
    } else if probe.endsAt <= now {
      endProbe(probe)
    }
  }

  /// Nothing came back by any way.
  private mutating func endProbe(_ probe: Probe) {
    self.probe = nil
    guard let index = index(of: probe.target), peers[index].state.isReachable else { return }
    counters.probesFailed += 1
    // Helpers that live say so; where they all did, the fault is hardly on this side.
    if probe.helpers == 0 {
      health.worsen()
    } else if probe.nacks < probe.helpers {
      health.worsen(by: probe.helpers - probe.nacks)
    }
    switch peers[index].state {
    case .alive: become(.suspect, index, accuser: own.node)
    case .suspect: confirmSuspicion(index, by: own.node)
    case .leaving: become(.down, index)
    case .unheard, .down, .removed: break
    }
  }

  // MARK: For others

  mutating func relay(_ packet: MembershipPacket, for asker: Endpoint) {
    guard let index = index(of: packet.target), peers[index].state != .removed else {
      send(.nack, sequence: packet.sequence, target: packet.target, to: asker, about: nil)
      return
    }
    sequence &+= 1
    if relays.count == MembershipLimits.relays { relays.removeFirst() }
    // Before the asking node gives up: it counts who kept silent.
    relays.append(
      Relay(
        sequence: sequence, target: packet.target, asker: asker, askedSequence: packet.sequence,
        nackAt: now.advanced(byMilliseconds: settings.probeTimeoutMilliseconds * 4 / 5),
        endsAt: now.advanced(byMilliseconds: settings.probeIntervalMilliseconds * 8)))
    send(
      .ping, sequence: sequence, target: packet.target, to: peers[index].endpoint, about: index)
  }

  mutating func answerRelays() {
    relays.removeAll { $0.endsAt <= now }
    for index in relays.indices where !relays[index].isAnswered && relays[index].nackAt <= now {
      relays[index].isAnswered = true
      let relay = relays[index]
      send(.nack, sequence: relay.askedSequence, target: relay.target, to: relay.asker, about: nil)
    }
  }
}
