import Bytes

// What claims about members change, and what follows from it.

extension Membership {
  /// Where a claim comes from decides how far it is believed.
  enum Teller { case packet, exchange }

  /// Takes all claims of one message, the first of which is the sender's about itself.
  mutating func consider(_ updates: [MemberUpdate], _ teller: Teller, by sender: NodeID) {
    for update in updates { consider(update, teller, by: sender) }
  }

  mutating func consider(_ update: MemberUpdate, _ teller: Teller, by sender: NodeID) {
    if update.node == own.node { return considerOwn(update) }
    guard let index = index(of: update.node) else { return add(update) }
    guard
      update.supersedes(
        boot: peers[index].boot, incarnation: peers[index].incarnation, state: peers[index].state)
    else { return confirm(update, index) }
    if update.state == .removed { return become(.removed, index) }
    guard update.endpoint.kind != .unusable else { return }
    let state = believed(update, teller, peers[index].state)
    adopt(update, index)
    become(state, index, accuser: update.state == .suspect ? update.accuser : sender)
  }

  /// In a full exchange "down" counts as "suspect": one node that hears nobody must not talk the
  /// whole cluster down. Of a node that was never heard it says nothing new.
  private func believed(
    _ update: MemberUpdate, _ teller: Teller, _ current: MemberState
  ) -> MemberState {
    guard update.state == .down || update.state == .unheard else { return update.state }
    if !current.isReachable { return current }
    if settings.mutant == .trustHearsay { return update.state == .down ? .down : .suspect }
    return update.state == .down && teller == .packet ? .down : .suspect
  }

  /// Takes boot, incarnation and address over.
  private mutating func adopt(_ update: MemberUpdate, _ index: Int) {
    if update.boot > peers[index].boot {
      peers[index].clock = ClockOffset()
      changes.append(.restarted(peers[index].id))
      mustSave = true
    }
    // What an earlier boot or incarnation was suspected of does not concern the next one.
    if (update.boot, update.incarnation) > (peers[index].boot, peers[index].incarnation),
      peers[index].state == .suspect || peers[index].state == .leaving
    {
      peers[index].state = .alive
      peers[index].suspicion = nil
      statusChanged = true
    }
    peers[index].boot = update.boot
    peers[index].incarnation = update.incarnation
    if update.endpoint != peers[index].endpoint {
      peers[index].endpoint = update.endpoint
      changes.append(.moved(peers[index].id))
      mustSave = true
    }
  }

  /// A greater boot of a member spoke, and has not said yet where it is: until then nothing counts that
  /// the lesser one said.
  mutating func restart(_ index: Int, boot: UInt32) {
    let wasReachable = peers[index].state.isReachable
    peers[index].boot = boot
    peers[index].incarnation = 0
    peers[index].state = .unheard
    peers[index].suspicion = nil
    peers[index].transmissions = 0
    peers[index].clock = ClockOffset()
    peers[index].dialAt = now
    mustSave = true
    changes.append(.restarted(peers[index].id))
    if wasReachable { changes.append(.down(peers[index].id)) }
  }

  /// A member not known before: it is one from now on, whatever its state.
  private mutating func add(_ update: MemberUpdate) {
    guard update.endpoint.kind != .unusable, peers.count + 1 < MembershipLimits.members else {
      return
    }
    let place = place(of: update.node)
    let peer = Peer(
      id: update.node, boot: update.boot, incarnation: update.incarnation,
      state: update.state == .removed ? .removed : .unheard, endpoint: update.endpoint)
    peers.insert(peer, at: place)
    mustSave = true
    guard update.state != .removed else { return }
    changes.append(.added(update.node))
    log(.info, "\(name(peer)) is a member of the cluster")
    peers[place].dialAt = now
    if update.state.isReachable {
      become(.alive, place)
      if update.state != .alive { become(update.state, place, accuser: update.accuser) }
    }
  }

  /// The same accusation by somebody else brings its end nearer.
  private mutating func confirm(_ update: MemberUpdate, _ index: Int) {
    guard update.state == .suspect, peers[index].state == .suspect,
      update.boot == peers[index].boot, update.incarnation == peers[index].incarnation
    else { return }
    confirmSuspicion(index, by: update.accuser)
  }

  mutating func confirmSuspicion(_ index: Int, by accuser: NodeID) {
    guard peers[index].suspicion?.confirm(by: accuser) == true else { return }
    peers[index].accuser = accuser
    spread(index)
  }

  /// Puts a member into a state, and does what that brings with it.
  mutating func become(_ state: MemberState, _ index: Int, accuser: NodeID = NodeID(0)) {
    let before = peers[index].state
    guard before != .removed else { return }
    peers[index].state = state
    if state != .suspect { peers[index].suspicion = nil }
    spread(index)
    guard state != before else { return }
    statusChanged = true
    let node = peers[index].id
    if state.isReachable, !before.isReachable {
      peers[index].dialAt = nil
      peers[index].dialAttempts = 0
      peers[index].downSince = nil
      changes.append(.alive(node))
      log(.info, "\(name(peers[index])) is reachable")
    }
    switch state {
    case .unheard, .alive: break
    case .suspect: suspect(index, by: accuser)
    case .leaving:
      changes.append(.leaving(node))
      log(.info, "\(name(peers[index])) is about to stop")
    case .down:
      peers[index].downSince = now
      peers[index].dialAttempts = 0
      peers[index].dialAt =
        settings.mutant == .neverRedial
        ? nil : now.advanced(byMilliseconds: settings.redialFirstMilliseconds)
      changes.append(.down(node))
      log(.warn, "\(name(peers[index])) is down")
      askSeedsSoon()
    case .removed:
      peers[index].dialAt = nil
      mustSave = true
      changes.append(.removed(node))
      log(.warn, "\(name(peers[index])) was removed from the cluster")
    }
  }

  private mutating func suspect(_ index: Int, by accuser: NodeID) {
    peers[index].accuser = accuser
    peers[index].suspicion = Suspicion(
      began: now, accuser: accuser, liveNodes: liveNodes, settings: settings)
    counters.suspicions += 1
    changes.append(.suspected(peers[index].id))
    log(.info, "\(name(peers[index])) is suspected to be down")
  }

  mutating func endSuspicions() {
    for index in peers.indices {
      guard let suspicion = peers[index].suspicion else { continue }
      guard suspicion.deadline <= now || settings.mutant == .endSuspicionAtOnce else { continue }
      become(.down, index)
    }
  }

  // MARK: The own node

  /// What others claim about this node.
  private mutating func considerOwn(_ update: MemberUpdate) {
    if update.boot > own.boot { return stop(Self.replaced) }
    if update.state == .removed { return stopAsRemoved() }
    guard update.boot == own.boot else { return }
    switch update.state {
    case .unheard, .removed: return
    case .alive, .leaving:
      // Only this process says so of itself: somebody else runs with its number and boot.
      if update.incarnation > ownIncarnation
        || (update.incarnation == ownIncarnation && update.endpoint != ownEndpoint)
      {
        stop(Self.replaced)
      }
    case .suspect, .down:
      if settings.mutant == .stopWhenAccused { return stop(Self.replaced) }
      guard update.incarnation >= ownIncarnation, settings.mutant != .neverRefute else { return }
      health.worsen()
      counters.refutations += 1
      raiseIncarnation(above: update.incarnation)
    }
  }

  static let replaced = """
    another process runs with this node's number (a copied data directory?); only one of them may: \
    give the copy a new data directory and let it join
    """

  mutating func raiseIncarnation(above accused: UInt64) {
    ownIncarnation = max(ownIncarnation, accused)
    if settings.mutant != .refuteInPlace { ownIncarnation += 1 }
    ownTransmissions = transmissionsWanted
    statusChanged = true
    wakeGossip()
  }
}
