/// How many answers had which status.
struct StatusTally {
  private var counts = [Int](repeating: 0, count: 1_000)

  mutating func count(_ status: UInt16) { counts[min(Int(status), 999)] += 1 }

  static func isSuccess(_ status: UInt16) -> Bool { status >= 200 && status < 300 }

  var successes: Int { counts[200..<300].reduce(0, +) }
  var errors: Int { counts.reduce(0, +) - successes }

  /// The statuses that occurred, with how often.
  var occurred: [(status: Int, count: Int)] {
    counts.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) }
  }
}
