/// A hybrid logical clock: wall milliseconds that never stand still and never go back.
///
/// A hybrid time is 48 bits of milliseconds since 1970 followed by a counter of 16 bits; a counter
/// that runs over borrows from the next millisecond. The clock reads no wall itself: the caller
/// passes it. Source: Kulkarni and others, "Logical Physical Clocks" (2014).
public struct HybridClock: Sendable {
  /// Low bits of a hybrid time that count within a millisecond.
  public static let counterBits: UInt64 = 16
  /// 60 s. A time further ahead of the wall than this comes from a broken clock: the record that
  /// carries it is stored, but the clock does not follow, so that the damage stays with one key.
  public static let aheadMillisecondsMax: UInt64 = 60_000

  /// The greatest time that was issued or absorbed.
  public private(set) var last: UInt64

  /// Continues after `last`: the greatest time that this node may have issued before.
  public init(last: UInt64) { self.last = last }

  /// The time of a new write: after all that this clock issued, not before the wall, and after
  /// `floor`, the time of the record that the write replaces.
  ///
  /// A floor beyond `aheadMillisecondsMax` counts for this one write and is not absorbed.
  public mutating func next(wallMilliseconds: UInt64, after floor: UInt64 = 0) -> UInt64 {
    let own = max(Self.successor(of: last), Self.time(ofMilliseconds: wallMilliseconds))
    let issued = floor < own ? own : Self.successor(of: floor)
    last = Self.isAhead(issued, of: wallMilliseconds) ? own : issued
    return issued
  }

  /// Absorbs a time that came from elsewhere, so that what is written next is later.
  /// False, and nothing absorbed, where it is more than `aheadMillisecondsMax` ahead of the wall.
  public mutating func observe(_ remote: UInt64, wallMilliseconds: UInt64) -> Bool {
    if Self.isAhead(remote, of: wallMilliseconds) { return false }
    last = max(last, remote)
    return true
  }

  /// The first hybrid time of a millisecond.
  @inlinable
  public static func time(ofMilliseconds milliseconds: UInt64) -> UInt64 {
    min(milliseconds, .max >> counterBits) << counterBits
  }

  /// Whether a broken clock made this time: it is further ahead of the wall than any clock follows.
  public static func isAhead(_ time: UInt64, of wallMilliseconds: UInt64) -> Bool {
    let milliseconds = time >> counterBits
    return milliseconds > wallMilliseconds
      && milliseconds - wallMilliseconds > aheadMillisecondsMax
  }

  /// The end of time has no successor: only a forged stamp gets there, and it must not trap.
  private static func successor(of time: UInt64) -> UInt64 { time == .max ? time : time + 1 }
}
