/// What became of the requests of a run.
struct RunResult {
  /// From the first request to the last answer, or to the end of waiting where some are missing.
  var elapsedNanoseconds: UInt64 = 0
  /// Times of all answered requests, and of those that were given up, as long as they waited.
  var latencies = Histogram()
  var statuses = StatusTally()
  var answered = 0
  /// Requests whose connection ended before their answer.
  var lost = 0
  /// Requests without an answer when the run ended, and those of an open loop that were never sent.
  var unfinished = 0
  /// Connections that were opened anew.
  var reconnects = 0
  /// The first answer that was no success, or the first request that was lost.
  var firstError: String?
  /// Why the run ended early.
  var failure: String?

  var isGood: Bool {
    failure == nil && statuses.errors == 0 && lost == 0 && unfinished == 0
  }

  func perSecond(_ count: Int) -> Double {
    elapsedNanoseconds == 0 ? 0 : Double(count) * 1e9 / Double(elapsedNanoseconds)
  }
}

/// How many connections, and how many requests in flight on each.
struct LoopShape {
  let connections: Int
  let pipeline: Int
}
