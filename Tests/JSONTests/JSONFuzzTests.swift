import JSON
import Testing

@Suite("No bytes break a promise")
struct JSONFuzzTests {
  @Test("the listed documents and all their beginnings pass")
  func listed() {
    for document in acceptedDocuments.map(bytes) + refusedDocuments.map(\.document) {
      for length in 0...document.count {
        let beginning = Array(document[..<length])
        fuzzJSON(beginning.span)
      }
    }
  }

  @Test("random documents pass, whole and changed", arguments: 0..<8 as Range<UInt64>)
  func random(seed: UInt64) {
    var documents = RandomDocuments(seed: 300 + seed)
    for _ in 0..<500 {
      let document = bytes(documents.value())
      fuzzJSON(document.span)
      fuzzJSON(documents.mutated(document).span)
    }
  }

  @Test("random bytes of the grammar pass", arguments: 0..<4 as Range<UInt64>)
  func soup(seed: UInt64) {
    var chance = SeededGenerator(seed: 400 + seed)
    let alphabet = Array(#"{}[]"",,::\u019-+.eEtrufalsn d8"#.utf8) + [0x80, 0xc3, 0xff, 0x00]
    for _ in 0..<5000 {
      let document = (0..<Int.random(in: 0...40, using: &chance)).map { _ in
        alphabet.randomElement(using: &chance)!
      }
      fuzzJSON(document.span)
    }
  }
}
