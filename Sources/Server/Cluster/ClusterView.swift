// What a node shows of its cluster.

import Bytes
import HTTP
import JSON
import Platform
import Store

/// What `/membership`, `/stats` and `/readyz` tell of the cluster. Made by the cluster loop when
/// something changes, and read by all.
struct ClusterView: Sendable {
  struct Member: Sendable {
    var id: UInt64 = 0
    var boot: UInt32 = 0
    /// `host:port` as the node advertises it.
    var address: [UInt8] = []
    var status: StaticString = "Active"
    var isActive = true
    /// Whether it is thought able to acknowledge a write.
    var isReachable = true
    var isOwn = false
    /// Wall time in milliseconds; 0 where nothing was heard since the start.
    var lastHeard: UInt64 = 0
    /// Name and value of each figure, in the order in which they are shown.
    var figures: [(name: StaticString, value: Int64)] = []
  }

  var members: [Member] = []
  /// One of them for each address, for what is keyed by it: a node that lost its data comes back at its
  /// address under another number, and until the old one is removed both are members.
  var shown: [Member] = []
  /// Those that an operator took out.
  var removed: [(id: UInt64, address: [UInt8])] = []
  var isReady = false
  /// This node was away and lacks what others have.
  var isCatchingUp = false
  /// The address of the member for which tombstones wait.
  var tombstonesBlockedBy: [UInt8]?
  /// As the figures of a member.
  var counters: [(name: StaticString, value: Int64)] = []

  init() {}

  /// A node that has no cluster loop.
  init(alone description: NodeDescription) {
    members = [
      Member(
        id: UInt64(description.nodeID, radix: 16) ?? 0, boot: description.boot,
        address: description.address, isOwn: true)
    ]
    shown = members
    isReady = true
  }
}

extension ClusterView {
  /// Of members with one address the one that answers, or was heard last.
  static func distinct(_ members: [Member]) -> [Member] {
    var shown: [Member] = []
    var places: [[UInt8]: Int] = [:]
    for member in members {
      if let place = places[member.address] {
        if member.rank > shown[place].rank { shown[place] = member }
      } else {
        places[member.address] = shown.count
        shown.append(member)
      }
    }
    return shown
  }
}

extension ClusterView.Member {
  fileprivate var rank: (Int, Int, UInt64) { (isOwn ? 1 : 0, isActive ? 1 : 0, lastHeard) }
}

extension DataLoop {
  /// The members of `/stats`' `cluster` behind `boot`.
  func appendCluster(to body: inout ByteBuffer) {
    let view = node.cluster?.view ?? ClusterView(alone: node.description)
    body.append(",\"members\":")
    body.append(decimal: UInt64(view.members.count))
    body.append(",\"ready\":")
    body.append(view.isReady && !view.isCatchingUp ? "true" : "false")
    Self.append(view.counters, to: &body)
    body.append(",\"tombstones\":")
    body.append(decimal: UInt64(tombstoneCount))
    body.append(",\"tombstones_blocked_by\":")
    if let blocker = view.tombstonesBlockedBy {
      JSONWriter.appendString(blocker.span, to: &body)
    } else {
      body.append("null")
    }
    body.append(",\"peers\":{")
    var isFirst = true
    for member in view.shown where !member.isOwn {
      if !isFirst { body.append(",") }
      isFirst = false
      JSONWriter.appendString(member.address.span, to: &body)
      body.append(":{\"node\":\"")
      Hex.append(member.id, digits: 16, to: &body)
      body.append("\",\"boot\":")
      body.append(decimal: UInt64(member.boot))
      body.append(",\"status\":\"")
      body.append(member.status)
      body.append("\"")
      Self.append(member.figures, to: &body)
      body.append("}")
    }
    body.append("}")
  }

  /// Tombstones that this node still keeps.
  var tombstoneCount: Int {
    var count = 0
    for shard in 0..<database.shards.count {
      count += database.shards.withLock(shard) { $0.shard.tombstoneCount }
    }
    return count
  }

  static func append(
    _ figures: [(name: StaticString, value: Int64)], to body: inout ByteBuffer
  ) {
    for figure in figures {
      body.append(",\"")
      body.append(figure.name)
      body.append("\":")
      if figure.value < 0 { body.append("-") }
      body.append(decimal: figure.value.magnitude)
    }
  }
}
