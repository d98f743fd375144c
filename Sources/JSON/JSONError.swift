/// Why a document was refused, and where.
public struct JSONError: Error, Equatable, Sendable {
  public enum Reason: UInt8, Sendable, CaseIterable {
    /// Nothing, or nothing but white space.
    case empty
    /// A byte with which no value can begin or go on.
    case unexpectedByte
    /// The document stops before its value does.
    case unexpectedEnd
    /// Something stands behind the value.
    case trailingBytes
    /// Bytes inside a string that are not UTF-8 (RFC 3629: no overlong forms, no surrogates).
    case invalidUTF8
    /// A backslash followed by something other than `"\/bfnrt` or `u` and four digits.
    case invalidEscape
    /// A byte below 0x20 inside a string.
    case controlCharacter
    /// A number against the grammar: leading zero, bare minus, no digit after `.` or `e`.
    case invalidNumber
    /// More than the permitted number of arrays and objects inside each other.
    case tooDeep
    /// Well-formed where only an object is accepted.
    case notAnObject
    /// The document begins with U+FEFF (RFC 8259 §8.1).
    case byteOrderMark
    /// A member that does not begin with a string.
    case nameExpected
    /// A member name without its colon.
    case colonExpected
    /// Two values without a comma between them, or the wrong closing bracket.
    case commaExpected
  }

  public let reason: Reason
  /// The index of the first byte that is not in order; the document's length where it ends too
  /// early.
  public let offset: Int

  public init(reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// What is wrong and what to do, for people. Leaves the offset to the caller, and has nothing in
  /// it that a JSON string would have to escape.
  public var message: StaticString {
    switch reason {
    case .empty: "the JSON document is empty; send an object"
    case .unexpectedByte:
      "invalid JSON: no value goes on like this; check quotes, commas and the spelling of literals"
    case .unexpectedEnd: "invalid JSON: it ends too early; send the whole document"
    case .trailingBytes: "invalid JSON: something follows the value; send exactly one"
    case .invalidUTF8: "invalid JSON: the text is not UTF-8; encode it as UTF-8"
    case .invalidEscape: "invalid JSON: unknown escape in a string; double a literal backslash"
    case .controlCharacter: "invalid JSON: raw control character in a string; write it as an escape"
    case .invalidNumber:
      "invalid JSON: malformed number; no leading zeros, and digits around the point"
    case .tooDeep: "the JSON is nested too deep; flatten it"
    case .notAnObject: "the JSON is not an object; wrap the value in an object as its member value"
    case .byteOrderMark: "invalid JSON: it begins with a byte order mark; leave it away"
    case .nameExpected: "invalid JSON: a member name in double quotes belongs here"
    case .colonExpected: "invalid JSON: a colon belongs here, between a member name and its value"
    case .commaExpected: "invalid JSON: a comma or the matching closing bracket belongs here"
    }
  }
}
