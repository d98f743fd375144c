/// One character of UTF-8 outside ASCII.
///
/// Source: RFC 3629 §4, the grammar of UTF8-2, UTF8-3 and UTF8-4: only the second byte's range
/// depends on the first, which rules out overlong forms, surrogates and values above U+10FFFF.
enum UTF8Sequence {
  enum Look: Equatable {
    /// A whole character of that many bytes.
    case valid(Int)
    /// That many bytes belong together and to no character ("maximal subpart", Unicode 16 §3.9).
    case invalid(Int)
    /// The document ends after that many bytes of what could have become a character.
    case truncated(Int)
  }

  /// Looks at the character that begins at `index`, whose byte is above 0x7f.
  @inline(__always)
  static func look(in document: Span<UInt8>, at index: Int) -> Look {
    let lead = document[index]
    let left = document.count &- index
    if lead >= 0xe1, lead <= 0xef, lead != 0xed, left >= 3 {
      // Most of the world's writing; the other leads take the way below.
      if isTail(document[index &+ 1]), isTail(document[index &+ 2]) { return .valid(3) }
    } else if lead >= 0xc2, lead <= 0xdf, left >= 2 {
      return isTail(document[index &+ 1]) ? .valid(2) : .invalid(1)
    }
    return examine(in: document, at: index)
  }

  @inline(__always)
  private static func isTail(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

  private static func examine(in document: Span<UInt8>, at index: Int) -> Look {
    let length: Int
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xbf
    switch document[index] {
    case 0xc2...0xdf: length = 2
    case 0xe0: (length, lowest) = (3, 0xa0)
    case 0xed: (length, highest) = (3, 0x9f)
    case 0xe1...0xef: length = 3
    case 0xf0: (length, lowest) = (4, 0x90)
    case 0xf1...0xf3: length = 4
    case 0xf4: (length, highest) = (4, 0x8f)
    default: return .invalid(1)
    }
    for position in 1..<length {
      guard index + position < document.count else { return .truncated(position) }
      let byte = document[index + position]
      guard byte >= lowest, byte <= highest else { return .invalid(position) }
      (lowest, highest) = (0x80, 0xbf)
    }
    return .valid(length)
  }
}
