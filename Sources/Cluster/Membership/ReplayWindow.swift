/// Which of the last 1024 counters of a sender were seen, so that none is taken twice.
///
/// Source: RFC 6479, an anti-replay window as a ring of words.
struct ReplayWindow: Sendable {
  static let size: UInt64 = 1_024

  /// The greatest counter seen; 0 before the first (senders begin at 1).
  private var greatest: UInt64 = 0
  private var seen = [16 of UInt64](repeating: 0)

  /// Returns false where the counter was seen before, or is too old to tell.
  mutating func take(_ counter: UInt64) -> Bool {
    guard counter > 0 else { return false }
    if counter > greatest {
      // The words between are of counters a whole ring ago.
      let first = greatest / 64 + 1
      let last = counter / 64
      if last >= first {
        for word in 0..<min(16, last - first + 1) { seen[Int((first &+ word) % 16)] = 0 }
      }
      greatest = counter
    } else if greatest - counter >= Self.size - 64 {
      return false
    }
    let word = Int(counter / 64 % 16)
    let bit: UInt64 = 1 << (counter % 64)
    guard seen[word] & bit == 0 else { return false }
    seen[word] |= bit
    return true
  }
}
