public import Bytes

/// Takes percent-encoding off (RFC 3986 §2.1), once.
public enum PercentDecoder {
  /// Appends the decoded bytes; false where a `%` is not followed by two hex digits, and then the
  /// buffer is as before. What comes out may hold any byte: check it with `isValidUTF8`.
  public static func decode(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    let mark = buffer.count
    var start = 0
    var index = 0
    while index < bytes.count {
      guard bytes[index] == 0x25 else {
        index += 1
        continue
      }
      guard index + 2 < bytes.count, let high = hexValue(bytes[index + 1]),
        let low = hexValue(bytes[index + 2])
      else {
        buffer.truncate(to: mark)
        return false
      }
      buffer.append(bytes.extracting(start..<index))
      buffer.append(high << 4 | low)
      index += 3
      start = index
    }
    buffer.append(bytes.extracting(start..<index))
    return true
  }

  /// Whether there is nothing to decode, so that the bytes can be used where they are.
  public static func isPlain(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where bytes[index] == 0x25 { return false }
    return true
  }

  /// Whether the bytes are UTF-8 as RFC 3629 defines it: shortest forms only, no surrogates,
  /// nothing beyond U+10FFFF.
  public static func isValidUTF8(_ bytes: Span<UInt8>) -> Bool {
    var index = 0
    while index < bytes.count {
      let lead = bytes[index]
      index += 1
      if lead < 0x80 { continue }
      let following: Int
      var lowest: UInt8 = 0x80
      var highest: UInt8 = 0xbf
      switch lead {
      case 0xc2...0xdf: following = 1
      case 0xe0...0xef:
        following = 2
        if lead == 0xe0 { lowest = 0xa0 }
        if lead == 0xed { highest = 0x9f }
      case 0xf0...0xf4:
        following = 3
        if lead == 0xf0 { lowest = 0x90 }
        if lead == 0xf4 { highest = 0x8f }
      default: return false
      }
      guard bytes.count - index >= following else { return false }
      guard bytes[index] >= lowest, bytes[index] <= highest else { return false }
      for place in index + 1..<max(index + 1, index + following) where bytes[place] & 0xc0 != 0x80 {
        return false
      }
      index += following
    }
    return true
  }
}
