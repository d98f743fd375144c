/// Why two nodes do not talk.
public enum SessionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The bytes are no such message.
  case malformed
  /// The other side speaks none of this node's versions of the protocol, but these.
  case otherProtocol(least: UInt8, greatest: UInt8)
  /// It belongs to another cluster than was meant.
  case otherCluster
  /// It does not prove the secret: it has another one, or somebody changed the messages on the way.
  case wrongSecret
  /// Another node answers at this address than was meant.
  case otherNode(NodeID)
  /// A greater boot of this node has been seen: this one must not be listened to.
  case olderBoot
  /// The counter was used before.
  case replayed
  /// The frame was changed on the way, or belongs elsewhere.
  case unauthentic

  public var description: String {
    switch self {
    case .malformed: "the other side does not speak this protocol"
    case .otherProtocol(let least, let greatest):
      "the other side speaks versions \(least) to \(greatest) of the protocol, this node version 1"
    case .otherCluster: "it belongs to another cluster"
    case .wrongSecret: "it does not prove the cluster's secret; is CLUSTER_SECRET the same on both?"
    case .otherNode: "another node answers at this address"
    case .olderBoot: "a later process of this node is known"
    case .replayed: "a frame came twice"
    case .unauthentic: "a frame was changed on the way"
    }
  }

  /// What the accepting side answers with status 401, so that the other can say why in its own log.
  /// It tells nothing that is secret.
  public var refusal: [UInt8] {
    switch self {
    case .malformed: [1, 0, 0]
    case .otherProtocol(let least, let greatest): [2, least, greatest]
    case .otherCluster: [3, 0, 0]
    case .wrongSecret: [4, 0, 0]
    case .otherNode: [5, 0, 0]
    case .olderBoot: [6, 0, 0]
    case .replayed: [7, 0, 0]
    case .unauthentic: [8, 0, 0]
    }
  }

  /// What such an answer says; nil where it is none.
  public init?(refusal bytes: Span<UInt8>) {
    guard bytes.count == 3 else { return nil }
    switch bytes[0] {
    case 1: self = .malformed
    case 2: self = .otherProtocol(least: bytes[1], greatest: bytes[2])
    case 3: self = .otherCluster
    case 4: self = .wrongSecret
    case 5: self = .otherNode(NodeID(0))
    case 6: self = .olderBoot
    case 7: self = .replayed
    case 8: self = .unauthentic
    default: return nil
    }
  }
}
