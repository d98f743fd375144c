import Bytes

// How every step of membership begins and ends.

extension Membership {
  /// False where this node may not act (any more).
  mutating func begin(_ now: Instant, _ effects: inout [Effect]) -> Bool {
    self.now = max(self.now, now)
    guard !isStopped else { return false }
    if let stopReason {
      isStopped = true
      effects.append(.stop(reason: stopReason))
      return false
    }
    return true
  }

  mutating func finish(_ effects: inout [Effect], _ changes: inout [MembershipChange]) {
    // First of all: nobody may count on a member that a crash would make this node forget.
    if mustSave { effects.append(.saveMembers(bytes: saved.encoded())) }
    effects.append(contentsOf: self.effects)
    if statusChanged || !self.changes.isEmpty { effects.append(.statusChanged) }
    if let stopReason {
      isStopped = true
      effects.append(.stop(reason: stopReason))
    }
    changes.append(contentsOf: self.changes)
    self.effects.removeAll(keepingCapacity: true)
    self.changes.removeAll(keepingCapacity: true)
    mustSave = false
    statusChanged = false
  }

  /// The first tick: nodes that were started together do not act in step.
  mutating func start(_ random: inout SeededRandom) {
    isStarted = true
    probeAt = now.advanced(
      byMilliseconds: random.next(below: max(1, settings.probeIntervalMilliseconds)))
    exchangeAt = now.advanced(
      byMilliseconds: random.next(below: max(1, settings.exchangeIntervalMilliseconds)))
  }

  var saved: SavedMembers {
    SavedMembers(
      cluster: cluster, wasReady: wasReady, wasRemoved: wasRemoved,
      entries: peers.filter { $0.state != .removed || settings.mutant != .forgetRemoved }.map {
        SavedMembers.Entry(
          node: $0.id, boot: $0.boot, isRemoved: $0.state == .removed, endpoint: $0.endpoint)
      })
  }

  /// The place of a node among the peers, by halving.
  func index(of node: NodeID) -> Int? {
    let place = place(of: node)
    return place < peers.count && peers[place].id == node ? place : nil
  }

  /// Where a node is, or would be inserted.
  func place(of node: NodeID) -> Int {
    var low = 0
    var high = peers.count
    while low < high {
      let middle = (low + high) / 2
      if peers[middle].id < node { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Nodes that answer, the own one included.
  var liveNodes: Int { 1 + peers.count { $0.state.isReachable } }

  var ownUpdate: MemberUpdate {
    MemberUpdate(
      node: own.node, boot: own.boot, incarnation: ownIncarnation, state: ownState,
      endpoint: ownEndpoint)
  }

  /// The wall clock now; 0 where the host never told it.
  var wallMilliseconds: UInt64 { wallMilliseconds(at: now) ?? 0 }

  func wallMilliseconds(at instant: Instant) -> UInt64? {
    guard let wallClock else { return nil }
    if instant < wallClock.at {
      let back = wallClock.at.milliseconds(since: instant)
      return wallClock.milliseconds > back ? wallClock.milliseconds - back : nil
    }
    return wallClock.milliseconds &+ instant.milliseconds(since: wallClock.at)
  }

  mutating func stop(_ reason: String) {
    if stopReason == nil { stopReason = reason }
  }

  mutating func log(_ severity: LogSeverity, _ text: String) {
    effects.append(.log(severity, text))
  }

  func name(_ peer: Peer) -> String { name(peer.id, peer.endpoint) }

  func name(_ node: NodeID, _ endpoint: Endpoint) -> String {
    "node \(node) at \(endpoint)"
  }

  /// `interval`, more or less a fifth.
  static func jittered(_ interval: UInt64, _ random: inout SeededRandom) -> UInt64 {
    let fifth = interval / 5
    return interval - fifth + random.next(below: 2 * fifth + 1)
  }

  /// `count` of `candidates` (all, where there are no more), each choice equally likely. The order is
  /// random too. Source: Fisher and Yates, as far as it is needed.
  static func choose<Element>(
    _ count: Int, of candidates: [Element], _ random: inout SeededRandom
  ) -> [Element] {
    var candidates = candidates
    let chosen = min(count, candidates.count)
    for place in 0..<max(0, chosen) {
      let other = place + Int(random.next(below: UInt64(candidates.count - place)))
      candidates.swapAt(place, other)
    }
    return Array(candidates.prefix(max(0, chosen)))
  }
}

extension Endpoint: CustomStringConvertible {
  /// `host:port`, IPv6 addresses in brackets. Bytes that are no printable ASCII are shown as `?`.
  public var description: String {
    let text = String(
      decoding: host.map { $0 > 0x20 && $0 < 0x7f ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    return host.contains(UInt8(ascii: ":")) ? "[\(text)]:\(port)" : "\(text):\(port)"
  }
}
