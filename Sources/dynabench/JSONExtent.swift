/// Where one JSON value ends: enough to set it into a larger one, no more.
enum JSONExtent {
  /// Whether the bytes cannot leave the place into which they are put: brackets are balanced,
  /// strings closed, and no comma or colon stands outside of brackets. A node says whether
  /// they are JSON; this says that it is asked about one value and not about two.
  static func isOneValue(_ bytes: Span<UInt8>) -> Bool {
    var depth = 0
    var isInString = false
    var isEscaped = false
    for index in bytes.indices {
      let byte = bytes[index]
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        guard depth >= 0 else { return false }
      case UInt8(ascii: ","), UInt8(ascii: ":"): guard depth > 0 else { return false }
      default: break
      }
    }
    return depth == 0 && !isInString
  }
}
