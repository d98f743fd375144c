/// Eight bytes of a document as one number, the first byte lowest.
///
/// Looking at eight bytes at once is "SIMD within a register" (Sean Anderson, Bit Twiddling Hacks,
/// "Determine if a word has a byte less than n"). Subtracting sets the high bit of each byte that
/// was too small; a borrow can only spoil bytes *above* one that is already marked, so the lowest
/// mark is always exact, and only that one is used.
enum Word {
  @inline(__always)
  static func load(_ document: Span<UInt8>, at index: Int) -> UInt64 {
    // Unsafe in name only: the range is checked, and every bit pattern is a valid integer.
    let word = unsafe document.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
    return UInt64(littleEndian: word)
  }

  @inline(__always)
  static func repeated(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

  /// Marks the bytes that equal `byte`; exact up to and including the lowest mark.
  @inline(__always)
  static func mark(_ byte: UInt8, in word: UInt64) -> UInt64 {
    let difference = word ^ repeated(byte)
    return (difference &- repeated(0x01)) & ~difference & repeated(0x80)
  }

  /// Marks quotes, backslashes, bytes below 0x20 and bytes above 0x7f.
  ///
  /// Flipping bit 1 moves the quote (0x22) next to the control characters and the space out of
  /// the way, so that one subtraction finds both.
  @inline(__always)
  static func markSpecial(in word: UInt64) -> UInt64 {
    let quoteOrControl = (word ^ repeated(0x02)) &- repeated(0x21)
    let backslash = (word ^ repeated(Ascii.backslash)) &- repeated(0x01)
    return (quoteOrControl | backslash | word) & repeated(0x80)
  }

  /// The position, 0 to 7, of the lowest marked byte.
  @inline(__always)
  static func firstMarked(_ marks: UInt64) -> Int { marks.trailingZeroBitCount &>> 3 }
}
