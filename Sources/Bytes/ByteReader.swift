/// Reads a format from its first byte to its last. Whole numbers are little-endian.
///
/// Every read that would go past the end returns nil and leaves the reader where it was, so that
/// a length that lies is an ordinary case and never a crash.
public struct ByteReader: ~Escapable {
  @usableFromInline let bytes: Span<UInt8>
  /// How many bytes have been read.
  public private(set) var offset = 0

  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  public var remaining: Int { bytes.count - offset }

  public mutating func readUInt8() -> UInt8? {
    guard remaining >= 1 else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  public mutating func readUInt16() -> UInt16? { readInteger() }
  public mutating func readUInt32() -> UInt32? { readInteger() }
  public mutating func readUInt64() -> UInt64? { readInteger() }

  /// The next `count` bytes, without copying them.
  @_lifetime(copy self)
  public mutating func readBytes(_ count: Int) -> Span<UInt8>? {
    guard count >= 0, remaining >= count else { return nil }
    let start = offset
    offset += count
    return bytes.extracting(start..<start + count)
  }

  /// The next `count` bytes, as an array of their own.
  public mutating func readArray(_ count: Int) -> [UInt8]? {
    guard let span = readBytes(count) else { return nil }
    return [UInt8](copying: span)
  }

  public mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, remaining >= count else { return false }
    offset += count
    return true
  }

  @inline(__always)
  private mutating func readInteger<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>()
    -> Number?
  {
    let size = MemoryLayout<Number>.size
    guard remaining >= size else { return nil }
    // The range was checked, and every bit pattern is a valid integer.
    let value = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self)
    offset += size
    return Number(littleEndian: value)
  }
}

extension Array where Element == UInt8 {
  public init(copying span: Span<UInt8>) {
    self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
