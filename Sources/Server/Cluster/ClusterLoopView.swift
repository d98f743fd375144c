// What the cluster loop shows to the rest of the house.

import Bytes
import Cluster
import Platform

extension ClusterLoop {
  /// The protocol's status, in the words of `/membership` and `/stats`.
  func makeView() -> ClusterView {
    let status = node.status
    let wall = SystemClock.wallMilliseconds()
    var view = ClusterView()
    view.isReady = status.isReady
    for member in status.members {
      var shown = ClusterView.Member()
      shown.id = member.id.rawValue
      shown.boot = member.boot
      shown.address = Array(member.endpoint.text.utf8)
      shown.isOwn = member.id == gate.own.node
      (shown.status, shown.isActive) = Self.name(of: member.state)
      shown.isReachable = member.isReachable
      if let heard = member.lastHeard { shown.lastHeard = wall - now.milliseconds(since: heard) }
      view.members.append(shown)
    }
    return view
  }
}

extension ClusterLoop {
  static func name(of state: MemberState) -> (StaticString, isActive: Bool) {
    switch state {
    case .alive: ("Active", true)
    case .suspect: ("Suspect", false)
    case .leaving: ("Leaving", false)
    case .unheard, .down, .removed: ("Down", false)
    }
  }
}
