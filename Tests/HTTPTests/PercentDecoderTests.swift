import Bytes
import Testing

@testable import HTTP

@Suite("Percent-encoding")
struct PercentDecoderTests {
  static func decode(_ text: String) -> [UInt8]? {
    var buffer = ByteBuffer()
    buffer.append("kept")
    let isDecoded = PercentDecoder.decode(Array(text.utf8).span, into: &buffer)
    let bytes = buffer.copied()
    guard bytes.starts(with: Array("kept".utf8)) else { return nil }
    if !isDecoded { return bytes.count == 4 ? nil : [] }
    return Array(bytes.dropFirst(4))
  }

  @Test(
    "is taken off once",
    arguments: [
      ("", ""), ("abc", "abc"), ("%41", "A"), ("a%20b", "a b"), ("%2F", "/"), ("%2f%2F", "//"),
      ("%2541", "%41"), ("%25", "%"), ("+", "+"), ("a%C3%A9b", "aéb"), ("%00", "\0"),
      ("%41%42%43", "ABC"), ("x%41", "xA"), ("%41x", "Ax"), ("é", "é"), ("%2e%2e", ".."),
    ])
  func decoded(text: String, expected: String) {
    #expect(Self.decode(text) == Array(expected.utf8))
  }

  @Test("decodes every byte, in digits of either case")
  func everyByte() {
    for byte in UInt8(0)...UInt8(255) {
      let digits = String(byte, radix: 16)
      let escape = "%" + (digits.count == 1 ? "0" : "") + digits
      #expect(Self.decode(escape) == [byte])
      #expect(Self.decode(escape.uppercased()) == [byte])
    }
  }

  @Test(
    "is refused where an escape is broken, and leaves nothing behind",
    arguments: [
      "%", "%4", "a%", "a%4", "%g1", "%1g", "%%41", "%4%1", "ab%41%", "% 1", "%+1", "%u0041",
    ])
  func malformed(text: String) {
    #expect(Self.decode(text) == nil)
  }

  @Test("is seen to be absent")
  func plain() {
    #expect(isPlain(Array("abc".utf8)))
    #expect(isPlain([]))
    #expect(!isPlain(Array("ab%41".utf8)))
  }
}

@Suite("UTF-8")
struct UTF8Tests {
  static func agrees(_ bytes: [UInt8]) -> Bool {
    isValidUTF8(bytes) == (String(validating: bytes, as: UTF8.self) != nil)
  }

  @Test("is judged as the standard library does for each one and two bytes")
  func pairs() {
    var disagreements = 0
    for first in UInt8(0)...UInt8(255) {
      if !Self.agrees([first]) { disagreements += 1 }
      for second in UInt8(0)...UInt8(255) where !Self.agrees([first, second]) {
        disagreements += 1
      }
    }
    #expect(disagreements == 0)
  }

  @Test("is judged as the standard library does at the borders of its ranges")
  func borders() {
    let leads: [UInt8] = [
      0x41, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5,
      0xff,
    ]
    let followers: [UInt8] = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
    var disagreements = 0
    for lead in leads {
      for second in followers {
        for third in followers {
          if !Self.agrees([lead, second, third]) { disagreements += 1 }
          for fourth in followers where !Self.agrees([0x61, lead, second, third, fourth]) {
            disagreements += 1
          }
        }
      }
    }
    #expect(disagreements == 0)
  }

  @Test("has neither surrogates nor longer forms nor more than U+10FFFF")
  func famous() {
    for bytes: [UInt8] in [
      [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xe0, 0x80, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0x80],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x98], [0xff],
    ] {
      #expect(!isValidUTF8(bytes))
    }
    #expect(isValidUTF8(Array("aé€😀\0".utf8)))
  }
}
