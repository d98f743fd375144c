import Bytes
import JSON
import Testing

@Suite("A patch replaces or joins members")
struct MergePatchTests {
  @Test(
    "a replaced member keeps its place and its name as written",
    arguments: [
      (#"{"a":1,"b":2,"c":3}"#, #"{"b":9}"#, #"{"a":1,"b":9,"c":3}"#),
      (#"{"a":1}"#, #"{"\u0061":{"x": [ ]}}"#, #"{"a":{"x": [ ]}}"#),
      (#"{"\u0061":1}"#, #"{"a":2}"#, #"{"\u0061":2}"#),
      (#"{"a":{"b":1}}"#, #"{"a":{"c":2}}"#, #"{"a":{"c":2}}"#),
      (#"{"😀":1}"#, #"{"\ud83d\ude00":2}"#, #"{"😀":2}"#),
      (#"{"":1}"#, #"{"":2}"#, #"{"":2}"#),
    ])
  func replaced(target: String, patch: String, expected: String) throws {
    #expect(try merged(target, patch) == expected)
  }

  @Test(
    "new members follow in the order of the patch",
    arguments: [
      (#"{"a":1}"#, #"{"c":3,"b":2}"#, #"{"a":1,"c":3,"b":2}"#), ("{}", #"{"a":1}"#, #"{"a":1}"#),
      ("{}", "{}", "{}"), (#"{"a":1}"#, "{}", #"{"a":1}"#),
      ("{ }", #"{ "a" : 1 , "b" : 2 }"#, #"{"a":1,"b":2 }"#),
      (#"{"a":1}"#, #"{"\u0062":2}"#, #"{"a":1,"\u0062":2}"#),
      (#"{"b":1}"#, #"{"a":0,"b":2,"c":3}"#, #"{"b":2,"a":0,"c":3}"#),
    ])
  func added(target: String, patch: String, expected: String) throws {
    #expect(try merged(target, patch) == expected)
  }

  @Test("null is stored as null and removes nothing")
  func null() throws {
    #expect(try merged(#"{"a":1,"b":2}"#, #"{"a":null,"c":null}"#) == #"{"a":null,"b":2,"c":null}"#)
  }

  @Test("what is not touched stays byte for byte, white space and inner bytes included")
  func untouched() throws {
    let target = "{ \"a\" : 1.50 ,\n\t\"b\":{ \"x\":1e+05 , \"\\u0061\":\"\\/\" } , \"c\" : [ ] \n}"
    let expected =
      "{ \"a\" : 1.50 ,\n\t\"b\":{ \"x\":1e+05 , \"\\u0061\":\"\\/\" } , \"c\" : 7,\"d\":8 \n}"
    #expect(try merged(target, #"{"c":7,"d":8}"#) == expected)
    #expect(try merged(target, "{}") == target)
  }

  @Test("white space around either document is left away")
  func surrounded() throws {
    #expect(try merged(" {\"a\":1}\n", "\t{\"b\":2} ") == #"{"a":1,"b":2}"#)
  }

  @Test(
    "of repeated names the last one counts, in both documents",
    arguments: [
      (#"{"a":1}"#, #"{"a":2,"a":3}"#, #"{"a":3}"#),
      ("{}", #"{"a":2,"b":0,"\u0061":3}"#, #"{"a":3,"b":0}"#),
      (#"{"a":1,"b":0,"a":2}"#, #"{"a":3}"#, #"{"a":3,"b":0}"#),
      (#"{"a":1,"a":2}"#, #"{"b":3}"#, #"{"a":1,"a":2,"b":3}"#),
      (#"{"x":0 , "a":1, "\u0061":2 ,"a":3, "y":4}"#, #"{"a":9}"#, #"{"x":0 , "a":9, "y":4}"#),
      (#"{"a":1,"a":2,"b":1,"b":2}"#, #"{"b":5,"a":6,"c":7}"#, #"{"a":6,"b":5,"c":7}"#),
    ])
  func repeated(target: String, patch: String, expected: String) throws {
    #expect(try merged(target, patch) == expected)
  }

  @Test("canonically equivalent names stay distinct")
  func normalisation() throws {
    let composed = "{\"\u{e9}\":1}"
    let decomposed = "{\"e\u{301}\":2}"
    #expect(
      try merged(bytes(composed), bytes(decomposed)) == bytes("{\"\u{e9}\":1,\"e\u{301}\":2}"))
  }

  @Test(
    "lone surrogates compare by code unit",
    arguments: [
      (#"{"\ud800":1}"#, #"{"\uD800":2}"#, #"{"\ud800":2}"#),
      (#"{"\ud800":1}"#, #"{"\ud801":2}"#, #"{"\ud800":1,"\ud801":2}"#),
      (#"{"\ud800":1}"#, #"{"\ufffd":2}"#, #"{"\ud800":1,"\ufffd":2}"#),
      (#"{"\ude00\ud83d":1}"#, #"{"\ud83d\ude00":2}"#, #"{"\ude00\ud83d":1,"\ud83d\ude00":2}"#),
      (#"{"\ud83d\u0041":1}"#, #"{"\ud83dA":2}"#, #"{"\ud83d\u0041":2}"#),
    ])
  func surrogates(target: String, patch: String, expected: String) throws {
    #expect(try merged(target, patch) == expected)
  }

  @Test(
    "only objects are merged",
    arguments: [("[]", "{}"), ("{}", "[]"), ("1", "{}"), ("{}", "\"a\""), ("", "{}")])
  func noObjects(target: String, patch: String) {
    #expect(throws: JSONError(reason: .notAnObject, offset: 0)) { try merged(target, patch) }
  }

  @Test("the result is appended to what the buffer holds")
  func appended() throws {
    var result = ByteBuffer()
    result.append("before " as StaticString)
    try MergePatch.shallow(target: bytes("{}").span, patch: bytes("{\"a\":1}").span, into: &result)
    #expect(text(result.copied()) == "before {\"a\":1}")
  }

  @Test("random objects merge as ordered dictionaries do", arguments: 0..<10 as Range<UInt64>)
  func model(seed: UInt64) throws {
    var documents = RandomDocuments(seed: 200 + seed)
    for round in 0..<200 {
      let members = round.isMultiple(of: 4) ? 60 : nil
      let target = bytes(documents.object(members: members))
      let patch = bytes(
        documents.object(members: round.isMultiple(of: 8) ? 60 : members.map { $0 / 20 }))
      let result = try merged(target, patch)
      #expect(refusal(of: result) == nil)

      var expected = try #require(ReferenceJSON.read(target)?.members)
      for member in try #require(ReferenceJSON.read(patch)?.members) {
        if let known = expected.firstIndex(where: { $0.name == member.name }) {
          expected[known].value = member.value
        } else {
          expected.append(member)
        }
      }
      #expect(ReferenceJSON.read(result)?.members == expected, "\(text(target)) \(text(patch))")
    }
  }

  @Test("a patch of names the target does not have leaves the target's bytes in front")
  func untouchedBytes() throws {
    var documents = RandomDocuments(seed: 9)
    for _ in 0..<300 {
      let target = bytes(documents.object(members: 5))
      let lastMember = target.dropLast().lastIndex { ![0x20, 9, 10, 13].contains($0) }!
      let result = try merged(target, bytes("{\"fresh\":[true]}"))
      #expect(
        result == target[...lastMember] + bytes(",\"fresh\":[true]") + target[(lastMember + 1)...])
    }
  }

  @Test("a hundred thousand members merge in the time that hashing takes")
  func large() throws {
    let target = bytes("{" + (0..<100_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}")
    let patch = bytes(
      "{" + (50_000..<150_000).map { "\"\\u006b\($0)\":0" }.joined(separator: ",") + "}")
    let clock = ContinuousClock()
    var result: [UInt8] = []
    let elapsed = try clock.measure { result = try merged(target, patch) }
    #expect(elapsed < .seconds(5))  // comparing all with all would take minutes, in any build
    #expect(refusal(of: result) == nil)
    #expect(result.split(separator: 0x2c).count == 150_000)
  }
}
