// What the loops count, for /stats.

import Synchronization

/// The counters of one loop: written by it alone, read by whoever answers `/stats`.
final class LoopMetrics: Sendable {
  let requests = Atomic<UInt64>(0)
  let latencyNanoseconds = Atomic<UInt64>(0)
  let streams = Atomic<Int>(0)
  let connections = Atomic<Int>(0)

  /// Counts answers that left `nanoseconds` after their requests came.
  func count(requests count: UInt64, nanoseconds: UInt64) {
    requests.store(requests.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    latencyNanoseconds.store(
      latencyNanoseconds.load(ordering: .relaxed) &+ count &* nanoseconds, ordering: .relaxed)
  }
}
