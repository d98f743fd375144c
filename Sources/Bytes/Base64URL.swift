/// The base64url alphabet without padding (RFC 4648 §5), as tokens and password hashes carry it.
///
/// Decoding is strict: each byte string has exactly one accepted text, so that nobody can change a
/// character of a signed token and still have it accepted.
public enum Base64URL {
  /// Appends the text of `bytes`: four characters for three bytes, two or three for what is left.
  public static func append(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    let count = bytes.count
    buffer.reserve((count * 4 + 2) / 3)
    var index = 0
    while count - index >= 3 {
      let group =
        UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
      buffer.append(character(group >> 18))
      buffer.append(character(group >> 12))
      buffer.append(character(group >> 6))
      buffer.append(character(group))
      index += 3
    }
    switch count - index {
    case 1:
      let group = UInt32(bytes[index]) << 16
      buffer.append(character(group >> 18))
      buffer.append(character(group >> 12))
    case 2:
      let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8
      buffer.append(character(group >> 18))
      buffer.append(character(group >> 12))
      buffer.append(character(group >> 6))
    default: break
    }
  }

  /// The bytes that `text` stands for; nil where it holds padding, white space or any other
  /// character outside the alphabet, has an impossible length, or unused bits that are not zero.
  public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    let count = text.count
    guard count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count / 4 * 3 + 2)
    var group: UInt32 = 0
    var groupBits = 0
    for index in 0..<count {
      guard let sextet = sextet(text[index]) else { return nil }
      group = group << 6 | sextet
      groupBits += 6
      if groupBits >= 8 {
        groupBits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(groupBits)))
        group &= 1 << UInt32(groupBits) - 1
      }
    }
    // What is left are the unused low bits of the last character (RFC 4648 §3.5).
    return group == 0 ? bytes : nil
  }

  /// The character of the lowest six bits of `value`.
  private static func character(_ value: UInt32) -> UInt8 {
    let sextet = UInt8(truncatingIfNeeded: value & 63)
    return switch sextet {
    case 0..<26: sextet + UInt8(ascii: "A")
    case 26..<52: sextet - 26 + UInt8(ascii: "a")
    case 52..<62: sextet - 52 + UInt8(ascii: "0")
    case 62: UInt8(ascii: "-")
    default: UInt8(ascii: "_")
    }
  }

  private static func sextet(_ character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
