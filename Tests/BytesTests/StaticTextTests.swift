import Bytes
import Testing

@Suite("StaticText")
struct StaticTextTests {
  @Test("the bytes of a literal are its UTF-8")
  func bytes() {
    let text: StaticString = "grüße \u{0}!"
    #expect([UInt8](copying: text.bytes) == ascii("grüße \u{0}!"))
    #expect([UInt8](copying: ("" as StaticString).bytes) == [])
    // One scalar is kept in the literal itself elsewhere.
    #expect([UInt8](copying: ("ü" as StaticString).bytes) == ascii("ü"))
  }

  @Test(
    "two texts are equal if each byte is",
    arguments: [
      ("", "", true), ("a", "", false), ("", "a", false), ("auth", "auth", true),
      ("auth", "autH", false), ("auth", "author", false), ("author", "auth", false),
      ("\u{e9}", "e\u{301}", false), ("a\u{0}", "a", false),
    ])
  func equality(left: String, right: String, expected: Bool) {
    let isEqual = ascii(left).span.equals(ascii(right).span)
    #expect(isEqual == expected)
  }

  @Test("bytes are compared with a literal as with any others")
  func literals() {
    for (bytes, literal, expected) in [
      ("auth", "auth", true), ("auth", "admin", false), ("", "a", false), ("größe", "größe", true),
    ] as [(String, StaticString, Bool)] {
      let isEqual = ascii(bytes).span.equals(literal)
      #expect(isEqual == expected)
    }
  }
}
