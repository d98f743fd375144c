/// How well this node itself does: one that is slow or badly connected should suspect its own ears
/// before it accuses others.
///
/// Source: Lifeguard (arXiv:1707.00788), "Local Health Multiplier", with the maximum of 8.
struct LocalHealth: Sendable {
  /// 0 (well) to 7.
  private(set) var score: UInt64 = 0

  /// What probe interval and timeout are multiplied by.
  var multiplier: UInt64 { score + 1 }

  /// A probe failed, a helper gave no word, or others had to be told that this node lives.
  mutating func worsen(by points: Int = 1) { score = min(7, score + UInt64(points)) }

  mutating func improve() { if score > 0 { score -= 1 } }
}
