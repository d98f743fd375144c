import Bytes

// What a seed decides, in whole numbers only: floating-point functions may differ between machines.

extension SeededRandom {
  /// True once in `count` times, on average; never for 0.
  mutating func once(in count: Int) -> Bool {
    count > 0 && next(below: UInt64(count)) == 0
  }

  mutating func perMille(_ share: Int) -> Bool {
    share > 0 && next(below: 1000) < UInt64(share)
  }

  mutating func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next(below: UInt64(range.upperBound - range.lowerBound) + 1))
  }

  mutating func index(below count: Int) -> Int { Int(next(below: UInt64(count))) }

  /// A time of the exponential distribution (within a few per cent of it), by the binary logarithm
  /// of a uniform number, interpolated linearly between powers of two.
  mutating func exponential(mean: UInt64) -> UInt64 {
    let uniform = next() | 1
    let zeros = UInt64(uniform.leadingZeroBitCount)
    let fraction = 0x1_0000 - ((uniform << zeros) >> 47 & 0xffff)
    // 45426 / 65536 is the natural logarithm of 2.
    return mean * ((zeros << 16 | 0) + fraction) / 65536 * 45426 / 65536
  }
}

/// Spans of virtual time in nanoseconds.
enum Duration64 {
  static let microsecond: UInt64 = 1_000
  static let millisecond: UInt64 = 1_000_000
  static let second: UInt64 = 1_000_000_000
}
