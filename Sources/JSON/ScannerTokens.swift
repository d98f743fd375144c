// The tokens of the grammar: strings, numbers and the three literals.

extension Scanner {
  /// The string whose opening quote is at `index`; returns the index behind its closing quote.
  ///
  /// Escapes of lone surrogates are accepted, as the grammar of RFC 8259 §7 does.
  @inline(__always)
  static func string(in document: Span<UInt8>, at index: Int) throws(JSONError) -> Int {
    let end = PlainRun.end(in: document, from: index &+ 1)
    if end < document.count, document[end] == Ascii.quote { return end &+ 1 }
    return try restOfString(in: document, from: end)
  }

  /// The rest of a string from its first byte that is not plain.
  private static func restOfString(
    in document: Span<UInt8>, from start: Int
  ) throws(JSONError) -> Int {
    var index = start
    while index < document.count {
      let byte = document[index]
      if byte >= 0x80 {
        index = try character(in: document, at: index)
        // Text in one script goes on in it.
        if index < document.count, document[index] >= 0x80 { continue }
      } else if byte == Ascii.quote {
        return index &+ 1
      } else if byte == Ascii.backslash {
        index = try escape(in: document, at: index)
      } else {
        throw failure(.controlCharacter, index)
      }
      index = PlainRun.end(in: document, from: index)
    }
    throw ended(document)
  }

  @inline(__always)
  private static func character(in document: Span<UInt8>, at index: Int) throws(JSONError) -> Int {
    switch UTF8Sequence.look(in: document, at: index) {
    case .valid(let length): return index &+ length
    case .invalid: throw failure(.invalidUTF8, index)
    case .truncated: throw ended(document)
    }
  }

  @inline(__always)
  private static func escape(in document: Span<UInt8>, at index: Int) throws(JSONError) -> Int {
    guard index &+ 1 < document.count else { throw ended(document) }
    switch document[index &+ 1] {
    case Ascii.quote, Ascii.backslash, Ascii.slash, Ascii.b, Ascii.f, Ascii.n, Ascii.r, Ascii.t:
      return index &+ 2
    case Ascii.u:
      for position in index &+ 2..<index &+ 6 {
        guard position < document.count else { throw ended(document) }
        guard Ascii.hexadecimal(document[position]) != nil else {
          throw failure(.invalidEscape, index)
        }
      }
      return index &+ 6
    default:
      throw failure(.invalidEscape, index)
    }
  }

  /// The number whose first byte, a minus or a digit, is at `start`. Any length, any size.
  @inline(__always)
  static func number(in document: Span<UInt8>, at start: Int) throws(JSONError) -> Int {
    var index = start
    if document[index] == Ascii.minus { index &+= 1 }
    guard index < document.count else { throw ended(document) }
    if document[index] == Ascii.zero {
      index &+= 1
      if index < document.count, Ascii.isDigit(document[index]) {
        throw failure(.invalidNumber, index)
      }
    } else {
      index = try digits(in: document, at: index)
    }
    guard index < document.count else { return index }
    var byte = document[index]
    if byte == Ascii.point {
      index = try digits(in: document, at: index &+ 1)
      guard index < document.count else { return index }
      byte = document[index]
    }
    if byte | Ascii.lowercaseBit == Ascii.e {
      index &+= 1
      if index < document.count, document[index] == Ascii.plus || document[index] == Ascii.minus {
        index &+= 1
      }
      index = try digits(in: document, at: index)
    }
    return index
  }

  /// One digit or more.
  @inline(__always)
  private static func digits(in document: Span<UInt8>, at start: Int) throws(JSONError) -> Int {
    guard start < document.count else { throw ended(document) }
    guard Ascii.isDigit(document[start]) else { throw failure(.invalidNumber, start) }
    var index = start &+ 1
    while index < document.count, Ascii.isDigit(document[index]) { index &+= 1 }
    return index
  }

  /// A word of the grammar by its length and its last four bytes, the first of them lowest.
  struct Literal {
    let length: Int
    let lastFour: UInt32

    static let `true` = Literal(length: 4, lastFour: 0x6575_7274)  // "true"
    static let `false` = Literal(length: 5, lastFour: 0x6573_6c61)  // "alse"
    static let null = Literal(length: 4, lastFour: 0x6c6c_756e)  // "null"
  }

  /// `true`, `false` or `null`, whose first byte is known to stand at `index`.
  @inline(__always)
  static func literal(
    _ literal: Literal, in document: Span<UInt8>, at index: Int
  ) throws(JSONError) -> Int {
    let start = index &+ literal.length &- 4
    if document.count &- start >= 4 {
      // Unsafe in name only: the range is checked, and every bit pattern is a valid integer.
      let word = unsafe document.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt32.self)
      if UInt32(littleEndian: word) == literal.lastFour { return index &+ literal.length }
    }
    throw misspelled(literal, in: document, at: index)
  }

  /// Tells a word that was cut off from one that was misspelled.
  private static func misspelled(
    _ literal: Literal, in document: Span<UInt8>, at index: Int
  ) -> JSONError {
    for position in 1..<literal.length {
      guard index + position < document.count else { return ended(document) }
      let shift = UInt32(position + 4 - literal.length) * 8
      let expected = UInt8(truncatingIfNeeded: literal.lastFour >> shift)
      guard document[index + position] == expected else {
        return failure(.unexpectedByte, index + position)
      }
    }
    preconditionFailure("a literal that is spelled correctly")
  }
}
