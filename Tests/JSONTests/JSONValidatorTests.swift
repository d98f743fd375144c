import Foundation
import JSON
import Testing

@Suite("A document is JSON by RFC 8259 or refused")
struct JSONValidatorTests {
  @Test("what the grammar allows is accepted", arguments: acceptedDocuments)
  func accepted(document: String) {
    #expect(error(of: bytes(document)) == nil)
  }

  @Test("what the grammar forbids is refused for its reason", arguments: refusedDocuments)
  func refused(case refused: RefusedDocument) {
    #expect(refusal(of: refused.document) == refused.reason)
  }

  @Test("the independent reader agrees with both lists")
  func listsAgree() {
    for document in acceptedDocuments {
      #expect(ReferenceJSON.read(bytes(document)) != nil, "\(document)")
    }
    for refused in refusedDocuments {
      #expect(ReferenceJSON.read(refused.document) == nil, "\(refused.testDescription)")
    }
  }

  @Test("the element is the value without the white space around it")
  func element() throws {
    let document = bytes(" \n {\"a\": [1, 2]}\t ")
    let element = try checked(document)
    #expect(element.kind == .object)
    #expect(text(document[element.range]) == "{\"a\": [1, 2]}")
  }

  @Test(
    "the element's kind is that of its value",
    arguments: [
      ("{}", JSONKind.object), ("[]", .array), ("\"\"", .string), ("-1", .number), ("0", .number),
      ("true", .true), ("false", .false), ("null", .null),
    ])
  func kind(document: String, expected: JSONKind) throws {
    #expect(try checked(bytes(document)).kind == expected)
  }

  @Test("an array or object that is cut off anywhere ends too early, and says where")
  func prefixes() {
    for document in acceptedDocuments.map(bytes) where refusal(of: document) == nil {
      let start = document.firstIndex { ![0x20, 9, 10, 13].contains($0) }!
      let end = document.lastIndex { ![0x20, 9, 10, 13].contains($0) }!
      guard [0x7b, 0x5b, 0x22].contains(document[start]) else { continue }
      for length in start + 1..<max(end, start + 1) {
        let failure = error(of: Array(document[..<length]))
        #expect(failure == JSONError(reason: .unexpectedEnd, offset: length), "\(text(document))")
      }
    }
  }

  @Test("every beginning of a random document is judged as by the independent reader")
  func randomPrefixes() {
    var documents = RandomDocuments(seed: 1)
    for _ in 0..<100 {
      let document = bytes(documents.value())
      for length in 0...document.count {
        let prefix = Array(document[..<length])
        #expect(
          (refusal(of: prefix) == nil) == (ReferenceJSON.read(prefix) != nil), "\(text(prefix))")
      }
    }
  }

  @Test("white space may follow, anything else may not")
  func trailing() {
    var documents = RandomDocuments(seed: 2)
    for _ in 0..<200 {
      let document = bytes(documents.object())
      #expect(refusal(of: document + bytes(" \r\n\t")) == nil)
      for byte in [UInt8](0...255) where ![0x20, 9, 10, 13].contains(byte) {
        #expect(
          error(of: document + [byte]) == JSONError(reason: .trailingBytes, offset: document.count))
      }
    }
  }

  @Test(
    "a changed document is judged as by the independent reader", arguments: 0..<20 as Range<UInt64>)
  func mutations(seed: UInt64) {
    var documents = RandomDocuments(seed: seed)
    for _ in 0..<500 {
      let document = documents.mutated(bytes(documents.value()))
      #expect(
        (refusal(of: document) == nil) == (ReferenceJSON.read(document) != nil),
        "\(document) \(text(document))")
    }
  }

  @Test("Foundation accepts and refuses the same ASCII objects", arguments: 0..<10 as Range<UInt64>)
  func foundation(seed: UInt64) {
    var documents = RandomDocuments(seed: 100 + seed)
    for _ in 0..<300 {
      var document = bytes(documents.object())
      if Bool.random(using: &documents.chance) { document = documents.mutated(document) }
      // It guesses encodings from zero bytes, and refuses lone surrogates, which the grammar has.
      guard document.allSatisfy({ $0 > 0 && $0 < 0x80 }),
        !text(document).lowercased().contains("\\ud")
      else { continue }
      let theirs = try? JSONSerialization.jsonObject(
        with: Data(document), options: .fragmentsAllowed)
      #expect((refusal(of: document) == nil) == (theirs != nil), "\(text(document))")
    }
  }

  @Test("numbers may have a million digits")
  func longNumber() {
    #expect(refusal(of: [UInt8](repeating: 0x39, count: 1_000_000)) == nil)
    #expect(refusal(of: bytes("1.") + [UInt8](repeating: 0x30, count: 1_000_000)) == nil)
  }
}
