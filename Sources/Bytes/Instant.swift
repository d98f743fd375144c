/// A moment on the monotonic clock, in nanoseconds since a start that means nothing.
///
/// Timeouts and intervals are measured with it and never with the wall clock, which may jump.
public struct Instant: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  public func advanced(bySeconds seconds: UInt64) -> Instant {
    Instant(nanoseconds: nanoseconds + seconds * 1_000_000_000)
  }

  public func advanced(byMilliseconds milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: nanoseconds + milliseconds * 1_000_000)
  }

  /// Whole milliseconds from `earlier` to this moment; 0 where it is not earlier.
  public func milliseconds(since earlier: Instant) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? (nanoseconds - earlier.nanoseconds) / 1_000_000 : 0
  }
}
