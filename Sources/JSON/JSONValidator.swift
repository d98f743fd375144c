/// Says whether bytes are one JSON document, strictly by RFC 8259, and where its value stands.
///
/// Text is UTF-8 without a byte order mark; numbers may have any length; escapes of lone
/// surrogates are part of the grammar and accepted. One pass, no recursion, and no memory but for
/// documents deeper than 128 levels.
public enum JSONValidator {
  /// Levels of arrays and objects inside each other, where nothing else is asked for. Bounds what
  /// any reader of a stored value needs, recursive ones in clients included; common documents have
  /// fewer than ten.
  public static let depthMax = 128

  /// The document's value, or why it is none.
  public static func check(
    _ document: Span<UInt8>, depthMax: Int = depthMax
  ) throws(JSONError) -> JSONElement {
    let start = try beginning(of: document)
    let element = try Scanner.value(in: document, at: start, depthMax: depthMax)
    try expectEnd(of: document, from: element.range.upperBound)
    return element
  }

  /// Where the first value begins, past white space.
  @inline(__always)
  static func beginning(of document: Span<UInt8>) throws(JSONError) -> Int {
    let start = Scanner.skipWhiteSpace(in: document, from: 0)
    guard start < document.count else { throw JSONError(reason: .empty, offset: start) }
    if start == 0, document.count >= 3, document[0] == 0xef, document[1] == 0xbb,
      document[2] == 0xbf
    {
      throw JSONError(reason: .byteOrderMark, offset: 0)
    }
    return start
  }

  /// Nothing but white space may follow.
  @inline(__always)
  static func expectEnd(of document: Span<UInt8>, from index: Int) throws(JSONError) {
    let end = Scanner.skipWhiteSpace(in: document, from: index)
    guard end == document.count else { throw JSONError(reason: .trailingBytes, offset: end) }
  }
}
