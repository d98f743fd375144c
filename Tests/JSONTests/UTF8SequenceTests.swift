import JSON
import Testing

@Suite("Text is UTF-8 or refused")
struct UTF8SequenceTests {
  private func isAccepted(_ contents: [UInt8]) -> Bool { refusal(of: quoted(contents)) == nil }

  @Test("every character of Unicode is accepted")
  func characters() throws {
    // A string for each 64 of them, which differ in their last byte.
    for block in stride(from: 0x40 as UInt32, through: 0x10_ffc0, by: 64) {
      var scalars = String.UnicodeScalarView()
      for code in block..<block + 64 where code != 0x5c {
        if let scalar = Unicode.Scalar(code) { scalars.append(scalar) }
      }
      let contents = Array(String(scalars).utf8)
      if !isAccepted(contents) { Issue.record("from U+\(String(block, radix: 16))") }
    }
  }

  @Test("every pair of bytes is judged as by the standard library")
  func pairs() {
    for first in (0x80 as UInt8)...0xff {
      for second in (0x20 as UInt8)...0xff where second != 0x22 && second != 0x5c {
        let contents = [first, second]
        let isText = String(validating: contents, as: UTF8.self) != nil
        if isAccepted(contents) != isText { Issue.record("\(contents)") }
      }
    }
  }

  @Test("three and four bytes at the edges of their ranges are judged as by the standard library")
  func edges() {
    let leads: [UInt8] = [
      0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ]
    let tails: [UInt8] = [0x31, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xe1, 0xff]
    for lead in leads {
      for second in tails {
        for third in tails {
          for fourth in tails {
            for contents in [[lead, second, third], [lead, second, third, fourth]] {
              let isText = String(validating: contents, as: UTF8.self) != nil
              if isAccepted(contents) != isText { Issue.record("\(contents)") }
            }
          }
        }
      }
    }
  }

  @Test("a bad byte is found wherever it stands in a string")
  func positions() {
    for length in 0..<40 {
      for position in 0...length {
        for bad in [0x80, 0xff, 0xc3, 0x1f, 0x00] as [UInt8] {
          var contents = [UInt8](repeating: 0x61, count: length)
          contents.insert(bad, at: position)
          let reason: JSONError.Reason = bad < 0x20 ? .controlCharacter : .invalidUTF8
          #expect(error(of: quoted(contents)) == JSONError(reason: reason, offset: position + 1))
        }
      }
    }
  }
}
