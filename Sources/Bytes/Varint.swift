// Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the highest bit
// set on all but the last (LEB128). Only the shortest form is read, so that a number has one.

extension ByteBuffer {
  @inlinable public mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      appendUInt8(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    appendUInt8(UInt8(truncatingIfNeeded: rest))
  }
}

extension ByteReader {
  /// Nil where the bytes end first, or are no shortest form of a 64-bit number.
  public mutating func readVarint() -> UInt64? {
    guard let first = readUInt8() else { return nil }
    if first < 0x80 { return UInt64(first) }
    var value = UInt64(first & 0x7f)
    var shift: UInt64 = 7
    while let byte = readUInt8() {
      if shift == 63, byte > 1 { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return byte == 0 ? nil : value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }
}
