/// Runs of bytes that need no decision, stepped over a word at a time.
enum PlainRun {
  /// The first index from `index` on whose byte a string cannot take over as it is: a quote, a
  /// backslash, a control character, anything outside ASCII, or the end of the document.
  @inline(__always)
  static func end(in document: Span<UInt8>, from index: Int) -> Int {
    var index = index
    while document.count &- index >= 8 {
      let special = Word.markSpecial(in: Word.load(document, at: index))
      if special != 0 { return index &+ Word.firstMarked(special) }
      index &+= 8
    }
    while index < document.count {
      let byte = document[index]
      if byte < Ascii.space || byte >= 0x80 || byte == Ascii.quote || byte == Ascii.backslash {
        break
      }
      index &+= 1
    }
    return index
  }

  /// The first index from `index` on that holds a quote or a backslash; the end where none does.
  @inline(__always)
  static func endOfText(in document: Span<UInt8>, from index: Int) -> Int {
    var index = index
    while document.count &- index >= 8 {
      let word = Word.load(document, at: index)
      let special = Word.mark(Ascii.quote, in: word) | Word.mark(Ascii.backslash, in: word)
      if special != 0 { return index &+ Word.firstMarked(special) }
      index &+= 8
    }
    while index < document.count {
      let byte = document[index]
      if byte == Ascii.quote || byte == Ascii.backslash { break }
      index &+= 1
    }
    return index
  }

  /// The first index from `index` on that holds a quote or a bracket of any kind.
  @inline(__always)
  static func endOfTokens(in document: Span<UInt8>, from index: Int) -> Int {
    var index = index
    while document.count &- index >= 8 {
      let word = Word.load(document, at: index)
      let folded = word | Word.repeated(Ascii.lowercaseBit)
      let special =
        Word.mark(Ascii.quote, in: word) | Word.mark(Ascii.openBrace, in: folded)
        | Word.mark(Ascii.closeBrace, in: folded)
      if special != 0 { return index &+ Word.firstMarked(special) }
      index &+= 8
    }
    while index < document.count {
      let byte = document[index]
      let folded = byte | Ascii.lowercaseBit
      if byte == Ascii.quote || folded == Ascii.openBrace || folded == Ascii.closeBrace { break }
      index &+= 1
    }
    return index
  }

  /// The first index from `index` on that holds a backslash; `end` where none does.
  @inline(__always)
  static func endBeforeEscape(in document: Span<UInt8>, from index: Int, to end: Int) -> Int {
    var index = index
    while end &- index >= 8 {
      let special = Word.mark(Ascii.backslash, in: Word.load(document, at: index))
      if special != 0 { return index &+ Word.firstMarked(special) }
      index &+= 8
    }
    while index < end, document[index] != Ascii.backslash { index &+= 1 }
    return index
  }
}
