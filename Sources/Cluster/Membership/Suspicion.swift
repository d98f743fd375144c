import Bytes

/// The instant by which a suspected member must refute, or be declared down.
///
/// Starts at `longest`; each independent confirmation brings it nearer to `shortest`, on a log scale.
/// Source: Lifeguard (arXiv:1707.00788), "Local Health Aware Suspicion", with K = 2 as in memberlist;
/// 0 where too few others are there to confirm.
struct Suspicion: Sendable {
  let began: Instant
  let shortestMilliseconds: UInt64
  let longestMilliseconds: UInt64
  /// How many confirmations bring it to `shortest`: 0 or 2.
  let confirmationsWanted: Int
  /// The first accuser, then at most two that confirmed it.
  private(set) var accusers: [NodeID]

  init(began: Instant, accuser: NodeID, liveNodes: Int, settings: MembershipSettings) {
    self.began = began
    accusers = [accuser]
    confirmationsWanted = liveNodes >= 4 ? 2 : 0
    // max(1, log10 n) in thousandths; the whole part of log2 is near enough.
    let scale = max(1_000, UInt64(liveNodes).logarithm2 * 301)
    shortestMilliseconds = settings.suspicionMilliseconds * scale / 1_000
    longestMilliseconds = shortestMilliseconds * settings.suspicionLongestFactor
  }

  var deadline: Instant {
    let span = longestMilliseconds - shortestMilliseconds
    let waited: UInt64 =
      switch confirmationsWanted == 0 ? 2 : accusers.count - 1 {
      case 0: longestMilliseconds
      case 1: longestMilliseconds - span * 631 / 1_000  // log 2 / log 3
      default: shortestMilliseconds
      }
    return began.advanced(byMilliseconds: waited)
  }

  /// Returns false when this is no news: `node` accused it before, or enough have.
  mutating func confirm(by node: NodeID) -> Bool {
    guard accusers.count <= confirmationsWanted, !accusers.contains(node) else { return false }
    accusers.append(node)
    return true
  }
}

extension UInt64 {
  /// The whole part of the logarithm to base 2; 0 for 0.
  var logarithm2: UInt64 { self == 0 ? 0 : UInt64(63 - leadingZeroBitCount) }
}
