/// How an operator names the member to be removed.
public enum MemberName: Equatable, Sendable {
  case id(NodeID)
  case endpoint(Endpoint)
}

/// What became of an operator's wish to remove a member.
public enum RemovalOutcome: Equatable, Sendable {
  /// It is out, durably once the effects of the step are carried out.
  case removed(NodeID, Endpoint)
  /// It was out before.
  case alreadyRemoved(NodeID, Endpoint)
  case unknown
  /// A node does not remove itself: it would leave the news to nobody.
  case own
  /// It answers, or did a moment ago; what it takes from clients meanwhile would be lost.
  case reachable(NodeID, Endpoint, MemberState)
  /// Several members have this address: one of before, and one that took it over.
  case ambiguous([NodeID])
}

// An operator takes a member out that does not come back. Its number is kept as removed for ever,
// here, at everybody who hears of it, and by itself when it is told: it never takes part again.

extension Membership {
  /// What removing the member would come to, before anything is done.
  public func removal(of name: MemberName, evenReachable isForced: Bool) -> RemovalOutcome {
    let found: [Peer]
    switch name {
    case .id(own.node): return .own
    case .id(let node): found = peers.filter { $0.id == node }
    case .endpoint(let endpoint):
      let all = peers.filter { $0.endpoint == endpoint }
      let members = all.filter { $0.state != .removed }
      if endpoint == ownEndpoint {
        // A member of before may have had the address that is this node's now.
        return members.isEmpty ? .own : .ambiguous(([own.node] + members.map(\.id)).sorted())
      }
      found = members.isEmpty ? Array(all.prefix(1)) : members
    }
    guard let peer = found.first else { return .unknown }
    if found.count > 1 { return .ambiguous(found.map(\.id)) }
    if peer.state == .removed { return .alreadyRemoved(peer.id, peer.endpoint) }
    if peer.state.isReachable, !isForced {
      return .reachable(peer.id, peer.endpoint, peer.state)
    }
    return .removed(peer.id, peer.endpoint)
  }

  /// Those that were removed, by ascending number.
  public var removedMembers: [Member] {
    peers.lazy.filter { $0.state == .removed }.map(Member.init)
  }

  /// This node was removed: the list keeps it, so that it stays out also where nobody tells it.
  mutating func stopAsRemoved() {
    if settings.mutant == .stayWhenRemoved { return }
    if !wasRemoved {
      wasRemoved = true
      mustSave = true
    }
    stop(Self.removedReason)
  }

  static let removedReason =
    "this node was removed from the cluster; start with a new data directory to join it again"
}
