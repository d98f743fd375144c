/// Finds arguments in a query (`a=1&b=2`). Names and values stay as they were sent.
public enum QueryReader {
  /// The value of the first argument of that name; empty for `name` and `name=`, nil where there is
  /// no such argument. Names are compared byte by byte, without decoding.
  public static func value(
    of name: StaticString, in query: ByteRange, _ bytes: Span<UInt8>
  ) -> ByteRange? {
    let end = Int(query.end)
    var start = Int(query.start)
    while start < end {
      var stop = start
      var equals = -1
      while stop < end, bytes[stop] != 0x26 {
        if equals < 0, bytes[stop] == 0x3d { equals = stop }
        stop += 1
      }
      let nameEnd = equals < 0 ? stop : equals
      if nameEnd - start == name.utf8CodeUnitCount, spells(bytes, start, name) {
        return ByteRange(equals < 0 ? stop : equals + 1, stop)
      }
      start = stop + 1
    }
    return nil
  }

  /// A value as a whole number in decimal digits; nil for anything else or too much for `Int`.
  public static func number(_ value: ByteRange, _ bytes: Span<UInt8>) -> Int? {
    guard !value.isEmpty else { return nil }
    var number = 0
    for index in value.range {
      guard isDigit(bytes[index]) else { return nil }
      let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, tooLargeSum) = tens.addingReportingOverflow(Int(bytes[index] - 0x30))
      guard !tooLarge, !tooLargeSum else { return nil }
      number = sum
    }
    return number
  }
}
