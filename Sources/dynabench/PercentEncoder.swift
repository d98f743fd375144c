import Bytes

/// Puts names into paths (RFC 3986 §2.1): all but the unreserved characters are encoded.
enum PercentEncoder {
  static func encode(_ name: Span<UInt8>, to output: inout ByteBuffer) {
    let digits: StaticString = "0123456789ABCDEF"
    let hex = digits.bytes
    for index in name.indices {
      let byte = name[index]
      if isUnreserved(byte) {
        output.append(byte)
      } else {
        output.append(UInt8(ascii: "%"))
        output.append(hex[Int(byte >> 4)])
        output.append(hex[Int(byte & 15)])
      }
    }
  }

  /// Letters, digits and `-._~` (RFC 3986 §2.3).
  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
