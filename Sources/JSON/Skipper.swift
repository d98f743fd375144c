/// Finds the end of a value in a document that was checked before: brackets are counted and
/// strings stepped over, nothing is checked again.
///
/// Given bytes that were never checked it may find a wrong end, but never one outside of them.
enum Skipper {
  /// The value whose first byte is at `index`; nil where none begins there or none ends.
  static func element(in document: Span<UInt8>, at index: Int) -> JSONElement? {
    guard index < document.count, let kind = JSONKind(firstByte: document[index]) else {
      return nil
    }
    let end: Int? =
      switch kind {
      case .string: string(in: document, at: index)
      case .object, .array: container(in: document, at: index)
      case .number, .true, .false, .null: scalar(in: document, at: index)
      }
    guard let end else { return nil }
    return JSONElement(kind: kind, range: index..<end)
  }

  @inline(__always)
  private static func string(in document: Span<UInt8>, at index: Int) -> Int? {
    var index = index + 1
    while true {
      index = PlainRun.endOfText(in: document, from: index)
      guard index < document.count else { return nil }
      if document[index] == Ascii.quote { return index + 1 }
      index += 2
    }
  }

  private static func container(in document: Span<UInt8>, at start: Int) -> Int? {
    var index = start
    var depth = 0
    while true {
      index = PlainRun.endOfTokens(in: document, from: index)
      guard index < document.count else { return nil }
      let byte = document[index]
      if byte == Ascii.quote {
        guard let end = string(in: document, at: index) else { return nil }
        index = end
        continue
      }
      index += 1
      depth += byte | Ascii.lowercaseBit == Ascii.openBrace ? 1 : -1
      if depth == 0 { return index }
    }
  }

  private static func scalar(in document: Span<UInt8>, at start: Int) -> Int {
    var index = start + 1
    while index < document.count {
      let byte = document[index]
      if byte == Ascii.comma || byte == Ascii.closeBrace || byte == Ascii.closeBracket
        || Ascii.isWhiteSpace(byte)
      {
        break
      }
      index += 1
    }
    return index
  }
}
