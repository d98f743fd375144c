/// The grammar of RFC 8259, walked once from left to right without building anything.
///
/// Nesting lives in a bit a level and not on the call stack, so that no document can exhaust it.
/// Each function takes the index where its part begins and returns the index behind it.
enum Scanner {
  /// Checks the value whose first byte is at `start`, inside `enclosing` levels of nesting.
  static func value(
    in document: Span<UInt8>, at start: Int, enclosing: Int
  ) throws(JSONError) -> JSONElement {
    var index = start
    var depth = enclosing
    // Bit 0 belongs to the innermost level: 1 an object, 0 an array. `depthMax` bits are enough.
    var objects: UInt128 = 0

    value: while true {
      guard index < document.count else { throw ended(document) }
      switch document[index] {
      case Ascii.quote:
        index = try string(in: document, at: index)
      case Ascii.openBrace:
        guard depth < JSONValidator.depthMax else { throw failure(.tooDeep, index) }
        index = skipWhiteSpace(in: document, from: index &+ 1)
        if index < document.count, document[index] == Ascii.closeBrace {
          index &+= 1
        } else {
          depth &+= 1
          objects = objects &<< 1 | 1
          index = try memberName(in: document, at: index)
          continue value
        }
      case Ascii.openBracket:
        guard depth < JSONValidator.depthMax else { throw failure(.tooDeep, index) }
        index = skipWhiteSpace(in: document, from: index &+ 1)
        if index < document.count, document[index] == Ascii.closeBracket {
          index &+= 1
        } else {
          depth &+= 1
          objects = objects &<< 1
          continue value
        }
      case Ascii.minus, Ascii.zero...Ascii.nine:
        index = try number(in: document, at: index)
      case Ascii.t:
        index = try literal(.true, in: document, at: index)
      case Ascii.f:
        index = try literal(.false, in: document, at: index)
      case Ascii.n:
        index = try literal(.null, in: document, at: index)
      default:
        throw failure(.unexpectedByte, index)
      }

      // A value ended at `index`: close what closes here, until a comma announces the next one.
      while depth > enclosing {
        index = skipWhiteSpace(in: document, from: index)
        guard index < document.count else { throw ended(document) }
        let byte = document[index]
        let isObject = objects & 1 == 1
        if byte == Ascii.comma {
          index = skipWhiteSpace(in: document, from: index &+ 1)
          if isObject { index = try memberName(in: document, at: index) }
          continue value
        }
        guard byte == (isObject ? Ascii.closeBrace : Ascii.closeBracket) else {
          throw failure(.commaExpected, index)
        }
        index &+= 1
        depth &-= 1
        objects = objects &>> 1
      }
      guard let kind = JSONKind(firstByte: document[start]) else {
        throw failure(.unexpectedByte, start)
      }
      return JSONElement(kind: kind, range: start..<index)
    }
  }

  /// A name, its colon and the white space around it; returns where the member's value begins.
  @inline(__always)
  private static func memberName(
    in document: Span<UInt8>, at index: Int
  ) throws(JSONError) -> Int {
    let end = try name(in: document, at: index)
    return try colon(in: document, from: end)
  }

  /// The string that every member begins with.
  @inline(__always)
  static func name(in document: Span<UInt8>, at index: Int) throws(JSONError) -> Int {
    guard index < document.count else { throw ended(document) }
    guard document[index] == Ascii.quote else { throw failure(.nameExpected, index) }
    return try string(in: document, at: index)
  }

  /// The colon behind a name and the white space on both its sides.
  @inline(__always)
  static func colon(in document: Span<UInt8>, from index: Int) throws(JSONError) -> Int {
    let index = skipWhiteSpace(in: document, from: index)
    guard index < document.count else { throw ended(document) }
    guard document[index] == Ascii.colon else { throw failure(.colonExpected, index) }
    return skipWhiteSpace(in: document, from: index &+ 1)
  }

  @inline(__always)
  static func skipWhiteSpace(in document: Span<UInt8>, from index: Int) -> Int {
    // Compact documents have none: one comparison decides.
    guard index < document.count, document[index] <= Ascii.space else { return index }
    return skipRun(in: document, from: index)
  }

  /// Indentation comes in runs of spaces, which are taken eight at a time.
  @inline(never)
  private static func skipRun(in document: Span<UInt8>, from index: Int) -> Int {
    var index = index
    while index < document.count, Ascii.isWhiteSpace(document[index]) {
      index &+= 1
      while document.count &- index >= 8,
        Word.load(document, at: index) == Word.repeated(Ascii.space)
      { index &+= 8 }
    }
    return index
  }

  @inline(__always)
  static func failure(_ reason: JSONError.Reason, _ offset: Int) -> JSONError {
    JSONError(reason: reason, offset: offset)
  }

  @inline(__always)
  static func ended(_ document: Span<UInt8>) -> JSONError {
    JSONError(reason: .unexpectedEnd, offset: document.count)
  }
}
