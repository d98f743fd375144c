/// A set of ASCII characters, as 128 bits in two constants: a test is a shift and no memory.
struct ByteClass {
  let low: UInt64
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let half = byte < 64 ? low : high
    return byte < 128 && (half &>> UInt64(byte & 63)) & 1 != 0
  }

  /// `tchar` of RFC 9110 §5.6.2: method and field names, codings, tokens of lists.
  @inline(__always) static var token: ByteClass {
    ByteClass(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
  }
  /// `pchar`, `/` and `?` of RFC 3986 §3.3 and §3.4, without the `%` of escapes.
  @inline(__always) static var pathAndQuery: ByteClass {
    ByteClass(low: 0xafff_ffd2_0000_0000, high: 0x47ff_fffe_87ff_ffff)
  }
  /// `pathAndQuery` and the brackets of an IPv6 address, for targets in absolute form.
  @inline(__always) static var target: ByteClass {
    ByteClass(low: 0xafff_ffd2_0000_0000, high: 0x47ff_fffe_afff_ffff)
  }
  /// `unreserved` and `sub-delims` of RFC 3986 §2: the characters of a registered name.
  @inline(__always) static var registeredName: ByteClass {
    ByteClass(low: 0x2bff_7fd2_0000_0000, high: 0x47ff_fffe_87ff_fffe)
  }
  /// What stands as itself in a quoted string (RFC 9110 §5.6.4); bytes from 0x80 do so, too.
  @inline(__always) static var quotedText: ByteClass {
    ByteClass(low: 0xffff_fffb_0000_0200, high: 0x7fff_ffff_efff_ffff)
  }
}

/// The first place from `start` on whose byte is not in `set`; `end` if there is none.
@inline(__always)
func scan(_ bytes: Span<UInt8>, from start: Int, to end: Int, while set: ByteClass) -> Int {
  var index = start
  while index < end, set.contains(bytes[index]) { index += 1 }
  return index
}

/// The first place from `start` on whose byte cannot stand in a field value: a control byte other
/// than the tab (RFC 9110 §5.5); `end` if there is none. Eight bytes at a time.
@inline(__always)
func scanFieldValue(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
  precondition(start >= 0 && end <= bytes.count, "scanned past the end")
  let raw = unsafe bytes.bytes
  var index = start
  while index < end {
    if end - index >= 8 {
      // In range: at least eight bytes are left.
      let word = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
      // The high bit of each byte below 0x20 or equal to 0x7F; exact in the lowest such byte.
      let ones: UInt64 = 0x0101_0101_0101_0101
      let deletes = word ^ (ones &* 0x7f)
      let controls =
        (((word &- ones &* 0x20) & ~word) | ((deletes &- ones) & ~deletes)) & (ones &* 0x80)
      if controls == 0 {
        index += 8
        continue
      }
      index += controls.trailingZeroBitCount >> 3
    }
    let byte = bytes[index]
    guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else { return index }
    index += 1
  }
  return end
}

/// Whether the bytes from `start` on are exactly those of `literal`. They must be there.
@inline(__always)
func spells(_ bytes: Span<UInt8>, _ start: Int, _ literal: StaticString) -> Bool {
  let text = unsafe literal.utf8Start
  for index in 0..<literal.utf8CodeUnitCount {
    // In range: the index is below the length of the literal.
    if unsafe bytes[start + index] != text[index] { return false }
  }
  return true
}

/// Whether `range` holds `literal`, which is in lower case, in any case (ASCII only).
@inline(__always)
func matches(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ literal: StaticString) -> Bool {
  guard end - start == literal.utf8CodeUnitCount else { return false }
  let text = unsafe literal.utf8Start
  for index in 0..<literal.utf8CodeUnitCount {
    // In range: the index is below the length of the literal.
    if unsafe lowercased(bytes[start + index]) != text[index] { return false }
  }
  return true
}

@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 {
  byte &- 0x41 < 26 ? byte | 0x20 : byte
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

/// The value of a hex digit, nil for any other byte.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
  if byte &- 0x30 < 10 { return byte &- 0x30 }
  let letter = (byte | 0x20) &- 0x61
  return letter < 6 ? letter + 10 : nil
}
