import JSON
import Testing

@Suite("An error says what is wrong and where")
struct JSONErrorTests {
  @Test("every message fits into a JSON string as it is, and differs from the others")
  func messages() {
    var seen: Set<String> = []
    for reason in JSONError.Reason.allCases {
      let message = JSONError(reason: reason, offset: 0).message.description
      #expect(
        refusal(of: "\"\(message)\"") == nil && !message.contains("\\") && !message.contains("\""))
      #expect(seen.insert(message).inserted)
    }
  }

  @Test(
    "the offset is that of the first byte that is not in order",
    arguments: [
      (#"{"a":1,}"#, 7), ("[1 2]", 3), (#"{"a" 1}"#, 5), ("[01]", 2), ("[1.x]", 3),
      (#"["a\q"]"#, 3), ("[1]x", 3),
      ("[truE]", 4), ("[nulx", 4), ("[1}", 2), (" x", 1), ("[1,2", 4), (#""\u12g4""#, 1),
    ])
  func offset(document: String, expected: Int) {
    #expect(error(of: bytes(document))?.offset == expected)
  }
}
