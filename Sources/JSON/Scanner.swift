/// The grammar of RFC 8259, walked once from left to right without building anything.
///
/// Nesting lives in a bit a level and not on the call stack, so that no document can exhaust it;
/// only what is deeper than 128 levels takes memory, 16 bytes for each 128 more.
/// Each function takes the index where its part begins and returns the index behind it.
enum Scanner {
  /// Checks the value whose first byte is at `start` and which may nest `depthMax` levels.
  static func value(
    in document: Span<UInt8>, at start: Int, depthMax: Int
  ) throws(JSONError) -> JSONElement {
    var index = start
    var depth = 0
    var levels = Levels()

    value: while true {
      guard index < document.count else { throw ended(document) }
      switch document[index] {
      case Ascii.quote:
        index = try string(in: document, at: index)
      case Ascii.openBrace:
        guard depth < depthMax else { throw failure(.tooDeep, index) }
        index = skipWhiteSpace(in: document, from: index &+ 1)
        if index < document.count, document[index] == Ascii.closeBrace {
          index &+= 1
        } else {
          levels.enter(isObject: true, at: depth)
          depth &+= 1
          index = try memberName(in: document, at: index)
          continue value
        }
      case Ascii.openBracket:
        guard depth < depthMax else { throw failure(.tooDeep, index) }
        index = skipWhiteSpace(in: document, from: index &+ 1)
        if index < document.count, document[index] == Ascii.closeBracket {
          index &+= 1
        } else {
          levels.enter(isObject: false, at: depth)
          depth &+= 1
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
      while depth > 0 {
        index = skipWhiteSpace(in: document, from: index)
        guard index < document.count else { throw ended(document) }
        let byte = document[index]
        let isObject = levels.isInObject
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
        levels.leave(to: depth)
      }
      guard let kind = JSONKind(firstByte: document[start]) else {
        throw failure(.unexpectedByte, start)
      }
      return JSONElement(kind: kind, range: start..<index)
    }
  }

  /// Which of the levels around a place are objects, and which arrays.
  private struct Levels {
    /// Bit 0 belongs to the innermost level: 1 an object, 0 an array.
    private var innermost: UInt128 = 0
    /// The levels outside of those, 128 an element.
    private var outer: [UInt128] = []

    var isInObject: Bool {
      @inline(__always) get { innermost & 1 == 1 }
    }

    /// Goes one level in, from `depth`.
    @inline(__always)
    mutating func enter(isObject: Bool, at depth: Int) {
      if depth & 127 == 0, depth > 0 { spill() }
      innermost = innermost &<< 1 | (isObject ? 1 : 0)
    }

    /// Goes one level out, back to `depth`.
    @inline(__always)
    mutating func leave(to depth: Int) {
      innermost = innermost &>> 1
      if depth & 127 == 0, depth > 0 { fetch() }
    }

    @inline(never)
    private mutating func spill() { outer.append(innermost) }

    @inline(never)
    private mutating func fetch() { innermost = outer.removeLast() }
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
