// The writing half of `ByteReader`: the same formats, appended to a `ByteBuffer`. Whole numbers
// are little-endian.

extension ByteBuffer {
  @inlinable public mutating func appendUInt8(_ value: UInt8) { append(value) }
  @inlinable public mutating func appendUInt16(_ value: UInt16) { appendInteger(value) }
  @inlinable public mutating func appendUInt32(_ value: UInt32) { appendInteger(value) }
  @inlinable public mutating func appendUInt64(_ value: UInt64) { appendInteger(value) }

  /// Writes over four bytes already appended, for lengths and checksums that are known last.
  public mutating func replaceUInt32(at index: Int, with value: UInt32) {
    var rest = value
    for position in index..<index + 4 {
      self[position] = UInt8(truncatingIfNeeded: rest)
      rest >>= 8
    }
  }

  @inlinable
  mutating func appendInteger<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) {
    let size = MemoryLayout<Number>.size
    reserve(size)
    unsafe UnsafeMutableRawPointer(storage.unsafelyUnwrapped + tail)
      .storeBytes(of: value.littleEndian, as: Number.self)
    tail += size
  }
}
