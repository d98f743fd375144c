/// What a JSON value is. `true` and `false` are kinds of their own, as in the grammar.
public enum JSONKind: UInt8, Sendable {
  case object, array, string, number, `true`, `false`, null

  /// The kind of the value whose first byte is `byte`; nil where no value begins with it.
  init?(firstByte byte: UInt8) {
    switch byte {
    case Ascii.openBrace: self = .object
    case Ascii.openBracket: self = .array
    case Ascii.quote: self = .string
    case Ascii.minus, Ascii.zero...Ascii.nine: self = .number
    case Ascii.t: self = .true
    case Ascii.f: self = .false
    case Ascii.n: self = .null
    default: return nil
    }
  }
}

/// A value inside a document: its kind and where its bytes stand, without white space around it.
///
/// It points and does not own: it means something only together with the document it was found in.
/// The range of a string includes its two quotes.
public struct JSONElement: Equatable, Sendable {
  public let kind: JSONKind
  public let range: Range<Int>

  public init(kind: JSONKind, range: Range<Int>) {
    self.kind = kind
    self.range = range
  }

  /// The text of a string element between its quotes, escapes and all.
  var contents: Range<Int> {
    let start = range.lowerBound
    return range.count < 2 ? start..<start : start + 1..<range.upperBound - 1
  }
}
