// Which own writes which peers have made durable.

import Bytes
import Platform
import Synchronization

/// How many copies a client wants before it is answered.
enum AcknowledgementLevel: Sendable {
  /// More than half of the members that are thought alive; answered anyway when it takes too long.
  case auto
  /// This node's own copy.
  case one
  /// More than half of all members.
  case quorum
  /// Every member.
  case all
  /// Every member that is thought alive, for a name that two nodes may be registering at once.
  case everyLiving

  /// The value of `?ack=`; nil where it is none of them.
  init?(_ text: Span<UInt8>) {
    switch text.count {
    case 3 where text.equals("one"): self = .one
    case 3 where text.equals("all"): self = .all
    case 4 where text.equals("auto"): self = .auto
    case 6 where text.equals("quorum"): self = .quorum
    default: return nil
    }
  }

  /// How long a client waits at most. An unreachable peer adds less than 2 s to any request.
  var milliseconds: UInt64 {
    switch self {
    case .one: 0
    case .auto: 250
    case .quorum, .all, .everyLiving: 1_800
    }
  }
}

/// What the peers have told of their progress through this node's writes. Written by the cluster
/// loop, read by the data loops that hold answers back.
final class AcknowledgementBoard: Sendable {
  struct Peer: Sendable {
    let node: UInt64
    var isAlive = false
    /// The peer has everything of this node after `after` up to `through`.
    var after: UInt64 = 0
    var through: UInt64 = 0
  }

  struct State: Sendable {
    var peers: [Peer] = []
    /// Positions of own writes that lost against another node's, the newest last.
    var superseded: [UInt64] = []

    /// Copies of the write at a position, this node's own included.
    func copies(of position: UInt64) -> Int {
      var copies = 1
      for peer in peers where peer.after < position && position <= peer.through { copies += 1 }
      return copies
    }

    var members: Int { peers.count + 1 }

    func isSatisfied(_ level: AcknowledgementLevel, at position: UInt64) -> Bool {
      switch level {
      case .one: true
      case .auto: copies(of: position) > (1 + peers.count { $0.isAlive }) / 2
      case .quorum: copies(of: position) > members / 2
      case .all: copies(of: position) == members
      case .everyLiving:
        peers.allSatisfy { !$0.isAlive || $0.after < position && position <= $0.through }
      }
    }
  }

  private let state = Locked(State())
  private let changes = Atomic<UInt64>(0)
  private static let supersededMax = 4_096

  /// Grows with each change.
  var generation: UInt64 { changes.load(ordering: .acquiring) }

  func read<Result>(_ body: (State) -> Result) -> Result { state.withLock { body($0) } }

  // MARK: The cluster loop's side

  /// Shows who is a member, and who of them is alive.
  func setPeers(_ members: [(node: UInt64, isAlive: Bool)]) {
    state.withLock { state in
      let known = state.peers
      state.peers = members.map { member in
        var peer = known.first { $0.node == member.node } ?? Peer(node: member.node)
        peer.isAlive = member.isAlive
        return peer
      }
    }
    changes.add(1, ordering: .releasing)
  }

  func acknowledge(by node: UInt64, after: UInt64, through: UInt64) {
    state.withLock { state in
      guard let index = state.peers.firstIndex(where: { $0.node == node }) else { return }
      state.peers[index].after = after
      state.peers[index].through = through
    }
    changes.add(1, ordering: .releasing)
  }

  func supersede(_ position: UInt64) {
    state.withLock { state in
      if state.superseded.count >= Self.supersededMax {
        state.superseded.removeFirst(Self.supersededMax / 2)
      }
      state.superseded.append(position)
    }
    changes.add(1, ordering: .releasing)
  }
}
