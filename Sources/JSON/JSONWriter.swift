public import Bytes

/// Writes what has to be escaped; everything else of a document is appended as it is.
public enum JSONWriter {
  /// A string with its quotes. U+2028 and U+2029 are left as they are, as JSON allows; bytes that
  /// are not UTF-8 become U+FFFD, so that no input can break the document.
  public static func appendString(_ utf8: Span<UInt8>, to target: inout ByteBuffer) {
    target.reserve(utf8.count + 2)
    target.append(Ascii.quote)
    var copied = 0
    var index = 0
    while true {
      index = PlainRun.end(in: utf8, from: index)
      guard index < utf8.count else { break }
      let byte = utf8[index]
      if byte < 0x80 {
        target.append(utf8.extracting(copied..<index))
        appendEscape(of: byte, to: &target)
        index += 1
        copied = index
        continue
      }
      switch UTF8Sequence.look(in: utf8, at: index) {
      case .valid(let length):
        index += length
      case .invalid(let length), .truncated(let length):
        target.append(utf8.extracting(copied..<index))
        target.append("\u{fffd}" as StaticString)
        index += length
        copied = index
      }
    }
    target.append(utf8.extracting(copied..<index))
    target.append(Ascii.quote)
  }

  private static func appendEscape(of byte: UInt8, to target: inout ByteBuffer) {
    target.append(Ascii.backslash)
    switch byte {
    case Ascii.quote, Ascii.backslash: target.append(byte)
    case 0x08: target.append(Ascii.b)
    case 0x0c: target.append(Ascii.f)
    case Ascii.lineFeed: target.append(Ascii.n)
    case Ascii.carriageReturn: target.append(Ascii.r)
    case Ascii.tab: target.append(Ascii.t)
    default:
      target.append("u00" as StaticString)
      target.append(hexadecimal(byte >> 4))
      target.append(hexadecimal(byte & 0x0f))
    }
  }

  private static func hexadecimal(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? Ascii.zero + nibble : Ascii.a + nibble - 10
  }
}
