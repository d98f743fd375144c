/// Bytes and numbers in hexadecimal digits (RFC 4648 §8): written in lower case, read in either.
public enum Hex {
  /// Appends two digits for each byte.
  public static func append(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.reserve(bytes.count * 2)
    for index in bytes.indices {
      buffer.append(digit(bytes[index] >> 4))
      buffer.append(digit(bytes[index] & 15))
    }
  }

  /// Appends the lowest `digits` (1 to 16) hexadecimal digits of `number`, with leading zeros.
  public static func append(_ number: UInt64, digits: Int, to buffer: inout ByteBuffer) {
    precondition(digits >= 1 && digits <= 16, "a 64-bit number has 1 to 16 hexadecimal digits")
    var shift = UInt64(digits) * 4
    while shift > 0 {
      shift -= 4
      buffer.append(digit(UInt8(truncatingIfNeeded: number >> shift) & 15))
    }
  }

  /// The bytes that `text` stands for; nil where its length is odd or a character is no digit.
  public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    guard text.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    for index in stride(from: 0, to: text.count, by: 2) {
      guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? value + UInt8(ascii: "0") : value - 10 + UInt8(ascii: "a")
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
