/// When, and by whom, a record was written: the one order in which records win.
///
/// Of two records of a key the one with the greater stamp stays, on every node, whatever the order
/// in which they arrive. The fields compare in the order in which they stand here.
///
/// The boot is part of the order because hybrid time may repeat within one node: a node that lost
/// the tail of its clock in a crash can issue the same time for another write after the restart,
/// and without the boot (or the sequence) two replicas would each keep a different one for ever.
public struct Stamp: Hashable, Sendable {
  /// Milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
  public let hybridTime: UInt64
  /// The random number of the node that took the write.
  public let node: UInt64
  /// How often that node had started.
  public let boot: UInt32
  /// The number of the write among those of its node, boot and shard.
  public let sequence: UInt64

  @inlinable
  public init(hybridTime: UInt64, node: UInt64, boot: UInt32, sequence: UInt64) {
    self.hybridTime = hybridTime
    self.node = node
    self.boot = boot
    self.sequence = sequence
  }

  /// The wall clock's part of the hybrid time, in milliseconds since 1970.
  @inlinable public var milliseconds: UInt64 { hybridTime >> HybridClock.counterBits }
}

extension Stamp: Comparable {
  @inlinable
  public static func < (left: Stamp, right: Stamp) -> Bool {
    if left.hybridTime != right.hybridTime { return left.hybridTime < right.hybridTime }
    if left.node != right.node { return left.node < right.node }
    if left.boot != right.boot { return left.boot < right.boot }
    return left.sequence < right.sequence
  }
}
