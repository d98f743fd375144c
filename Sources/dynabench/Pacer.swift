/// When the next request is due.
struct Pacer {
  /// Requests a second at fixed times (an open loop); nil: whenever a connection has room.
  let rate: Int?
  /// The first moment, and the one from which on nothing more is due; nanoseconds.
  let start: UInt64
  let end: UInt64
  /// Requests of the open loop that were taken.
  private var taken = 0

  init(rate: Int?, start: UInt64, end: UInt64) {
    self.rate = rate
    self.start = start
    self.end = end
  }

  /// The moment at which the next request of the open loop is due; nil where none is.
  var next: UInt64? {
    guard let rate else { return nil }
    let (seconds, rest) = taken.quotientAndRemainder(dividingBy: rate)
    let due = start + UInt64(seconds) * 1_000_000_000 + UInt64(rest) * 1_000_000_000 / UInt64(rate)
    return due < end ? due : nil
  }

  mutating func take() { taken += 1 }
}
