import Bytes

/// A node that asked to join and is being dialled back at the address it gave.
struct PendingJoin: Sendable {
  let request: RequestID
  let update: MemberUpdate
}

// How a node becomes a member: it asks any member, which dials it back, adds it, keeps that durably and
// answers with all members. Asking again after a lost answer gives the same answer.

extension Membership {
  // MARK: The member that is asked

  mutating func considerJoin(
    _ id: RequestID, _ message: MembershipMessage, from sender: Incarnated
  ) {
    if let reason = objection(to: message.updates[0]) { return refuseJoin(id, reason) }
    if index(of: sender.node) != nil {
      // Already a member: its answer was lost, or it lost its list.
      consider(message.updates[0], .exchange, by: sender.node)
      return welcome(id, sender.node)
    }
    if let place = pendingJoins.firstIndex(where: { $0.update.node == sender.node }) {
      refuseJoin(pendingJoins.remove(at: place).request, .notNow)
    } else if pendingJoins.count == MembershipLimits.pendingJoins {
      return refuseJoin(id, .notNow)
    }
    pendingJoins.append(PendingJoin(request: id, update: message.updates[0]))
    ask(
      .ping, message.updates[0].endpoint, expected: sender.node, updates: [ownUpdate],
      for: .dialBack(sender.node), timeout: settings.dialBackTimeoutMilliseconds)
  }

  /// Why a node with this address cannot become a member; nil where it can.
  private func objection(to update: MemberUpdate) -> MembershipMessage.Reason? {
    if isJoining || isLeaving || update.state != .alive { return .notNow }
    let kind = update.endpoint.kind
    if kind == .unusable { return .addressUnusable }
    let ownKind = ownEndpoint.kind
    if kind != .name, ownKind != .name, (kind == .loopback) != (ownKind == .loopback) {
      return .addressLoopback
    }
    if update.endpoint == ownEndpoint { return .addressTaken }
    let isTaken = peers.contains {
      $0.endpoint == update.endpoint && $0.id != update.node && $0.state.isReachable
    }
    if isTaken { return .addressTaken }
    if index(of: update.node) == nil, peers.count + 1 >= MembershipLimits.members { return .full }
    return nil
  }

  mutating func settleDialBack(_ node: NodeID, isThere: Bool, by answerer: Incarnated?) {
    guard let place = pendingJoins.firstIndex(where: { $0.update.node == node }) else { return }
    // Dialled twice for two requests of one node: the later one decides.
    guard !outstanding.contains(where: { $0.purpose == .dialBack(node) }) else { return }
    let join = pendingJoins.remove(at: place)
    guard isThere, answerer?.node == node, answerer?.boot == join.update.boot else {
      return refuseJoin(join.request, .addressUnreachable)
    }
    if let reason = objection(to: join.update) { return refuseJoin(join.request, reason) }
    consider(join.update, .exchange, by: node)
    counters.joinsAdmitted += 1
    welcome(join.request, node)
  }

  private mutating func welcome(_ id: RequestID, _ node: NodeID) {
    if let index = index(of: node) { peers[index].lastHeard = now }
    respond(id, .joined, updates: allUpdates)
  }

  private mutating func refuseJoin(_ id: RequestID, _ reason: MembershipMessage.Reason) {
    counters.joinsRefused += 1
    respond(id, .refused, reason, updates: [ownUpdate])
  }

  // MARK: The node that asks

  mutating func settleSeed(_ message: MembershipMessage?, from sender: Incarnated?) {
    if message == nil, settings.mutant == .formOwnCluster { isJoining = false }
    guard isJoining, let message, let sender, sender.node != own.node else { return }
    guard message.kind == .joined else { return explain(message) }
    isJoining = false
    admittedBy = sender.node
    consider(message.updates, .exchange, by: sender.node)
    mustSave = true
    changes.append(.admitted(by: sender.node))
    log(.info, "admitted to the cluster by \(name(sender.node, message.updates[0].endpoint))")
  }

  /// Says once, not at every attempt, why nobody admits this node.
  private mutating func explain(_ message: MembershipMessage) {
    let member = message.updates[0].endpoint
    let text: String? =
      switch message.reason {
      case .addressUnusable:
        "\(ownEndpoint) is no address that others can dial; set DYNA_ADVERTISE"
      case .addressLoopback:
        """
        \(member) and \(ownEndpoint) cannot be in one cluster: one of them is reachable from its own \
        machine only; set DYNA_ADVERTISE
        """
      case .addressTaken: "another member is alive at \(ownEndpoint)"
      case .addressUnreachable:
        "\(member) cannot reach this node at \(ownEndpoint); set DYNA_ADVERTISE"
      case .removed: Self.removedReason
      case .full: "the cluster has as many members as it can"
      case .olderBoot: Self.replaced
      case .none, .malformed, .notMember, .notNow: nil
      }
    if message.reason == .removed { stopAsRemoved() }
    if message.reason == .olderBoot { stop(Self.replaced) }
    guard let text, text != lastJoinRefusal else { return }
    lastJoinRefusal = text
    log(.warn, "not admitted to the cluster: \(text)")
  }
}
