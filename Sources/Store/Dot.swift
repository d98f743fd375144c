/// One write of one origin in one shard: the `sequence`-th write, from 1 on, that a node made in the
/// shard during one boot. Every stamp contains one.
public struct Dot: Hashable, Sendable {
  public let node: UInt64
  public let boot: UInt32
  public let sequence: UInt64

  @inlinable
  public init(node: UInt64, boot: UInt32, sequence: UInt64) {
    self.node = node
    self.boot = boot
    self.sequence = sequence
  }
}

extension Dot: Comparable {
  @inlinable public static func < (left: Dot, right: Dot) -> Bool {
    if left.node != right.node { return left.node < right.node }
    if left.boot != right.boot { return left.boot < right.boot }
    return left.sequence < right.sequence
  }
}

extension Stamp {
  /// Which write the stamp belongs to.
  @inlinable public var dot: Dot { Dot(node: node, boot: boot, sequence: sequence) }
}
