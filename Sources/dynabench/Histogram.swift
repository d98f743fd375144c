/// Times in nanoseconds, counted in buckets that are at most 1/128 of their value wide.
///
/// The memory is fixed (36 KB), whatever is counted. The layout is that of HdrHistogram (Gil Tene):
/// each power of two is cut into 128 equal buckets; times below 256 ns have a bucket each.
struct Histogram {
  private(set) var count: UInt64 = 0
  private(set) var longest: UInt64 = 0
  private var buckets = [UInt64](repeating: 0, count: Histogram.bucketCount)

  private static let precisionBits = 7
  /// 2^40 ns are 18 minutes; what is longer falls into the last bucket, and `longest` tells.
  private static let powersMax = 40
  private static let bucketCount = (powersMax - precisionBits + 1) << precisionBits

  mutating func record(_ nanoseconds: UInt64) {
    count += 1
    if nanoseconds > longest { longest = nanoseconds }
    buckets[Self.bucket(of: nanoseconds)] += 1
  }

  /// The time within which this share (0…1) of all counted ones lies; 0 where nothing was counted.
  func quantile(_ share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let rank = max(1, UInt64((Double(count) * share).rounded(.up)))
    var seen: UInt64 = 0
    for bucket in 0..<Self.bucketCount {
      seen += buckets[bucket]
      if seen >= rank { return min(Self.upperEnd(of: bucket), longest) }
    }
    return longest
  }

  private static func bucket(of nanoseconds: UInt64) -> Int {
    let value = min(nanoseconds, 1 << UInt64(powersMax) - 1)
    let bits = UInt64.bitWidth - value.leadingZeroBitCount
    let shift = max(0, bits - precisionBits - 1)
    return shift << precisionBits + Int(value >> UInt64(shift))
  }

  /// The longest time that the bucket holds.
  private static func upperEnd(of bucket: Int) -> UInt64 {
    let shift = max(0, bucket >> precisionBits - 1)
    let step = UInt64(bucket - shift << precisionBits)
    return (step + 1) << UInt64(shift) - 1
  }
}
