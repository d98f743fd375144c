/// How far a peer's wall clock is from the own one, by the answers to probes.
///
/// The answer was written half-way between question and arrival, give or take half the round trip:
/// so the fastest of the last eight says most. Source: RFC 5905 §10, the clock filter.
struct ClockOffset: Sendable {
  private struct Sample: Sendable {
    let roundTripMicroseconds: UInt64
    let offsetMilliseconds: Int64?
  }

  private var samples: [Sample] = []
  private var next = 0

  /// `offsetMilliseconds` is nil where one of the two does not know the time.
  mutating func add(roundTripMicroseconds: UInt64, offsetMilliseconds: Int64?) {
    let sample = Sample(
      roundTripMicroseconds: roundTripMicroseconds, offsetMilliseconds: offsetMilliseconds)
    if samples.count < 8 {
      samples.append(sample)
    } else {
      samples[next] = sample
      next = (next + 1) % 8
    }
  }

  /// Positive where the peer's clock is ahead.
  var offsetMilliseconds: Int64? { fastest?.offsetMilliseconds }

  var roundTripMicroseconds: UInt64? { fastest?.roundTripMicroseconds }

  /// Whether the two are more than `limit` apart, whatever the way there and back took. Once they
  /// were, they are until they are within half of it.
  func isApart(_ wasApart: Bool, limit: UInt64) -> Bool {
    guard let fastest, let offset = fastest.offsetMilliseconds else { return wasApart }
    if wasApart { return offset.magnitude > limit / 2 }
    return offset.magnitude > limit + fastest.roundTripMicroseconds / 2_000
  }

  private var fastest: Sample? {
    samples.min { $0.roundTripMicroseconds < $1.roundTripMicroseconds }
  }
}
