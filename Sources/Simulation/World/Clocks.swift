import Bytes

/// The clocks of one machine: a monotonic one that drifts, and a wall clock that is wrong and jumps.
struct HostClock {
  /// The true time at the start of every world: a day in 2026.
  static let epochMilliseconds: UInt64 = 1_790_000_000_000
  private static let million: UInt64 = 1_000_000
  /// A machine has been running for an hour when the world begins.
  private static let uptime: UInt64 = 3600 * Duration64.second

  /// Millionths by which a second of this machine is longer (or shorter) than a true one.
  let driftMillionths: Int64
  /// Milliseconds by which the wall clock is ahead.
  var wallOffset: Int64

  /// The monotonic clock at a moment of virtual time.
  func monotonic(at time: UInt64) -> Instant {
    let drift = Int64(time / Self.million) * driftMillionths
    return Instant(nanoseconds: Self.uptime &+ UInt64(Int64(time) + drift))
  }

  /// A moment of virtual time at which the monotonic clock has reached `instant`, and not much more.
  func time(at instant: Instant) -> UInt64 {
    guard instant.nanoseconds > Self.uptime else { return 0 }
    // No real deadline lies beyond a day.
    let passed = min(instant.nanoseconds - Self.uptime, 86_400 * Duration64.second)
    return passed * Self.million / UInt64(Int64(Self.million) + driftMillionths) + Self.million
  }

  func wallMilliseconds(at time: UInt64) -> UInt64 {
    let passed = (monotonic(at: time).nanoseconds - Self.uptime) / Duration64.millisecond
    return UInt64(Int64(Self.epochMilliseconds + passed) + wallOffset)
  }
}
