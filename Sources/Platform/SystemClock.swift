public import Bytes
internal import CLinux
internal import Glibc

/// The clocks of the machine. Both are read without a system call, in about 20 ns.
public enum SystemClock {
  /// Time that only goes forward, for timeouts and intervals.
  public static func monotonic() -> Instant {
    Instant(nanoseconds: nanoseconds(CLOCK_MONOTONIC))
  }

  /// Milliseconds since 1970, which an administrator or a time server may set back.
  public static func wallMilliseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
