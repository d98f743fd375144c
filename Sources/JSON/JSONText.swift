import Bytes

/// The text that a string stands for: its escapes decoded (RFC 8259 §7).
///
/// The result is UTF-8, but for the escape of a surrogate without its other half, which becomes
/// the three bytes that UTF-8 would use if it allowed them (WTF-8, Simon Sapin). So two names are
/// the same exactly when their decoded bytes are.
enum JSONText {
  enum Quality { case wellFormed, loneSurrogate }

  /// Appends the decoded text of `contents`, the bytes between the quotes of a valid string.
  @discardableResult
  static func decode(
    _ contents: Range<Int>, in document: Span<UInt8>, to target: inout ByteBuffer
  ) -> Quality {
    var quality = Quality.wellFormed
    let end = contents.upperBound
    var index = contents.lowerBound
    while true {
      let escape = PlainRun.endBeforeEscape(in: document, from: index, to: end)
      target.append(document.extracting(index..<escape))
      guard escape + 1 < end else { return quality }
      let escaped = document[escape + 1]
      index = escape + 2
      guard escaped == Ascii.u else {
        target.append(meaning(ofEscaped: escaped))
        continue
      }
      var code = codeUnit(in: document, at: index, before: end)
      index = min(index + 4, end)
      if code & 0xfc00 == 0xd800, index + 6 <= end, document[index] == Ascii.backslash,
        document[index + 1] == Ascii.u
      {
        let low = codeUnit(in: document, at: index + 2, before: end)
        if low & 0xfc00 == 0xdc00 {
          code = 0x1_0000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
          index += 6
        }
      }
      if code & 0xffff_f800 == 0xd800 { quality = .loneSurrogate }
      appendScalar(code, to: &target)
    }
  }

  /// Whether the text between the quotes of a valid string is `text` once decoded.
  @inline(__always)
  static func equals(
    _ contents: Range<Int>, in document: Span<UInt8>, _ text: StaticString
  ) -> Bool {
    // Every escape is longer than what it stands for.
    guard contents.count >= text.utf8CodeUnitCount else { return false }
    // A static string lives for ever, and the span does not leave this function.
    let text = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount).span
    if contents.count == text.count { return same(document.extracting(contents), text) }
    return equalsDecoded(contents, in: document, text)
  }

  private static func equalsDecoded(
    _ contents: Range<Int>, in document: Span<UInt8>, _ text: Span<UInt8>
  ) -> Bool {
    guard hasEscape(contents, in: document) else { return false }
    var decoded = ByteBuffer(capacity: contents.count)
    decode(contents, in: document, to: &decoded)
    return same(decoded.span, text)
  }

  static func hasEscape(_ contents: Range<Int>, in document: Span<UInt8>) -> Bool {
    PlainRun.endBeforeEscape(in: document, from: contents.lowerBound, to: contents.upperBound)
      < contents.upperBound
  }

  static func same(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var index = 0
    while left.count - index >= 8 {
      guard Word.load(left, at: index) == Word.load(right, at: index) else { return false }
      index += 8
    }
    while index < left.count {
      guard left[index] == right[index] else { return false }
      index += 1
    }
    return true
  }

  private static func meaning(ofEscaped byte: UInt8) -> UInt8 {
    switch byte {
    case Ascii.b: 0x08
    case Ascii.f: 0x0c
    case Ascii.n: Ascii.lineFeed
    case Ascii.r: Ascii.carriageReturn
    case Ascii.t: Ascii.tab
    default: byte
    }
  }

  /// The number that four hexadecimal digits at `index` write; a valid document has them all.
  private static func codeUnit(in document: Span<UInt8>, at index: Int, before end: Int) -> UInt32 {
    var code: UInt32 = 0
    for position in index..<min(index + 4, end) {
      code = code << 4 | (Ascii.hexadecimal(document[position]) ?? 0)
    }
    return code
  }

  private static func appendScalar(_ code: UInt32, to target: inout ByteBuffer) {
    func tail(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | (code >> shift) & 0x3f) }
    func lead(_ mark: UInt32, _ shift: UInt32) -> UInt8 {
      UInt8(truncatingIfNeeded: mark | code >> shift)
    }
    switch code {
    case 0..<0x80:
      target.append(lead(0, 0))
    case 0x80..<0x800:
      target.append(lead(0xc0, 6))
      target.append(tail(0))
    case 0x800..<0x1_0000:
      target.append(lead(0xe0, 12))
      target.append(tail(6))
      target.append(tail(0))
    default:
      target.append(lead(0xf0, 18))
      target.append(tail(12))
      target.append(tail(6))
      target.append(tail(0))
    }
  }
}
