import Glibc

/// An instant on the monotonic clock by which something must have happened.
struct Deadline: Sendable {
  private let nanoseconds: UInt64

  /// How long a test waits for what a healthy node does at once. Generous: the machine may be busy.
  static var patient: Deadline { .in(seconds: 30) }

  static func `in`(seconds: Double) -> Deadline {
    Deadline(nanoseconds: Deadline.nanosecondsNow + UInt64(max(0, seconds) * 1e9))
  }

  /// Milliseconds left, rounded up, never negative: what `poll` wants.
  var millisecondsLeft: Int32 {
    let now = Deadline.nanosecondsNow
    guard nanoseconds > now else { return 0 }
    return Int32(clamping: (nanoseconds - now + 999_999) / 1_000_000)
  }

  var secondsLeft: Double { Double(millisecondsLeft) / 1000 }
  var hasPassed: Bool { millisecondsLeft == 0 }

  /// Nanoseconds of the monotonic clock.
  static var nanosecondsNow: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Measures how many seconds `work` took on the monotonic clock.
func seconds(_ work: () throws -> Void) rethrows -> Double {
  let start = Deadline.nanosecondsNow
  try work()
  return Double(Deadline.nanosecondsNow - start) / 1e9
}

/// Asks `condition` again and again, at most every 20 ms, until it holds.
///
/// Returns whether it held before the deadline.
func eventually(
  within seconds: Double = 30, _ condition: () throws -> Bool
) rethrows -> Bool {
  let deadline = Deadline.in(seconds: seconds)
  while true {
    if try condition() { return true }
    if deadline.hasPassed { return false }
    poll(nil, 0, min(20, deadline.millisecondsLeft))
  }
}

/// Milliseconds since 1970 on the wall clock.
func wallMilliseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
