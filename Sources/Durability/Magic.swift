import Bytes

extension ByteBuffer {
  mutating func appendZeros(_ count: Int) {
    precondition(count >= 0, "a format is longer than the place it has")
    append([UInt8](repeating: 0, count: count))
  }
}

extension ByteReader {
  /// Whether the next eight bytes are the mark of a format.
  mutating func readMagic(_ magic: StaticString) -> Bool {
    guard let bytes = readArray(8) else { return false }
    return bytes == Array(magic.description.utf8)
  }
}
