// What the cluster loop shows to the rest of the house.

import Bytes
import Cluster
import Platform

extension ClusterLoop {
  /// The protocol's status, in the words of `/membership` and `/stats`.
  mutating func makeView() -> ClusterView {
    let status = node.status
    let wall = SystemClock.wallMilliseconds()
    var view = ClusterView()
    view.isReady = status.isReady
    view.isCatchingUp = status.isCatchingUp
    for member in status.members {
      var shown = ClusterView.Member()
      shown.id = member.id.rawValue
      shown.boot = member.boot
      shown.address = Array(member.endpoint.text.utf8)
      shown.isOwn = member.isOwn
      shown.isReachable = member.isReachable
      (shown.status, shown.isActive) = Self.name(of: member.state)
      if let heard = member.lastHeard {
        shown.lastHeard = wall - now.milliseconds(since: heard)
      } else if shown.isActive {
        // Another member told of it: that is the last sign of life there is.
        shown.lastHeard = toldOf[shown.id] ?? wall
        toldOf[shown.id] = shown.lastHeard
      }
      shown.figures = figures(of: member)
      view.members.append(shown)
    }
    view.shown = ClusterView.distinct(view.members)
    view.removed = status.removed.map { ($0.id.rawValue, Array($0.endpoint.text.utf8)) }
    view.counters = counters(of: status)
    if let blocker = status.collectionBlocker {
      view.tombstonesBlockedBy = view.members.first { $0.id == blocker.rawValue }?.address
    }
    return view
  }

  private func figures(
    of member: ClusterStatus.Member
  ) -> [(name: StaticString, value: Int64)] {
    var figures: [(name: StaticString, value: Int64)] = []
    if let lag = member.lag { figures.append(("lag", Int64(clamping: lag))) }
    figures += [
      ("wanted_shards", Int64(member.wantedShards)),
      ("queue_bytes", Int64(member.queueBytes)),
      ("sent_bytes", Int64(clamping: member.sentBytes)),
      ("tombstones_blocked", Int64(member.heldTombstones)),
    ]
    if let offset = member.clockOffsetMilliseconds {
      figures.append(("clock_offset_ms", offset))
    }
    if let time = member.roundTripMicroseconds {
      figures.append(("round_trip_us", Int64(clamping: time)))
    }
    return figures
  }

  private func counters(of status: ClusterStatus) -> [(name: StaticString, value: Int64)] {
    [
      ("missing_shards", Int64(status.missingShards)),
      ("pushed_entries", Int64(clamping: status.replication.pushedEntries)),
      ("received_entries", Int64(clamping: status.replication.receivedEntries)),
      ("ahead_entries", Int64(clamping: status.replication.aheadEntries)),
      ("pulled_entries", Int64(clamping: status.replication.pulledEntries)),
      ("served_entries", Int64(clamping: status.replication.servedEntries)),
      ("queue_drops", Int64(clamping: status.replication.queueDrops)),
      ("repairs", Int64(clamping: status.replication.repairs)),
      ("verified_shards", Int64(clamping: status.replication.verifiedShards)),
      ("collected_tombstones", Int64(clamping: status.replication.collectedTombstones)),
      ("suspicions", Int64(clamping: status.membership.suspicions)),
      ("refutations", Int64(clamping: status.membership.refutations)),
      ("joins_refused", Int64(clamping: status.membership.joinsRefused)),
      ("datagrams", gossip.received),
      ("datagrams_refused", gossip.refused),
      ("requests_refused", refusedRequests),
    ]
  }

  private static func name(of state: MemberState) -> (StaticString, isActive: Bool) {
    switch state {
    case .alive: ("Active", true)
    case .suspect: ("Suspect", false)
    case .leaving: ("Leaving", false)
    case .unheard, .down, .removed: ("Down", false)
    }
  }
}
