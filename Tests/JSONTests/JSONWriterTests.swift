import Bytes
import Foundation
import JSON
import Testing

@Suite("A string is written so that it reads back")
struct JSONWriterTests {
  private func written(_ contents: [UInt8]) -> [UInt8] {
    var target = ByteBuffer()
    JSONWriter.appendString(contents.span, to: &target)
    return target.copied()
  }

  @Test(
    "only what must be escaped is escaped",
    arguments: [
      ("", #""""#), ("abc", #""abc""#), ("a\"b\\c/d", #""a\"b\\c/d""#),
      ("\u{8}\u{c}\n\r\t", #""\b\f\n\r\t""#),
      ("\0\u{1}\u{1f}\u{b}", #""\u0000\u0001\u001f\u000b""#), ("\u{7f}é€😀", "\"\u{7f}é€😀\""),
      ("\u{2028}\u{2029}", "\"\u{2028}\u{2029}\""),
      ("more than sixteen bytes\n", #""more than sixteen bytes\n""#),
    ])
  func golden(contents: String, expected: String) {
    #expect(written(bytes(contents)) == bytes(expected))
  }

  @Test("every character below U+0800 reads back, wherever it stands")
  func characters() throws {
    for code in (0 as UInt32)..<0x800 {
      for padding in [0, 1, 7, 8, 9, 15] {
        let contents = bytes(
          String(repeating: "p", count: padding) + String(Unicode.Scalar(code)!) + "q")
        let document = written(contents)
        let element = try checked(document)
        #expect(string(element, in: document) == contents)
      }
    }
  }

  @Test("bytes that are not UTF-8 become U+FFFD, as the standard library repairs them")
  func repaired() throws {
    var chance = SeededGenerator(seed: 31)
    let choices: [UInt8] = [
      0x00, 0x22, 0x41, 0x5c, 0x7f, 0x80, 0xa0, 0xbf, 0xc1, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4,
      0xf5, 0xff,
    ]
    for _ in 0..<20_000 {
      let contents = (0..<Int.random(in: 0...12, using: &chance)).map { _ in
        choices.randomElement(using: &chance)!
      }
      let document = written(contents)
      let element = try checked(document)
      #expect(
        string(element, in: document) == bytes(String(decoding: contents, as: UTF8.self)),
        "\(contents)")
    }
  }

  @Test("Foundation reads what is written")
  func foundation() throws {
    var documents = RandomDocuments(seed: 32)
    for _ in 0..<300 {
      let contents = documents.string()
      let theirs = try JSONSerialization.jsonObject(
        with: Data(written(bytes(contents))), options: .fragmentsAllowed)
      #expect((theirs as? String) == contents)
    }
  }
}
