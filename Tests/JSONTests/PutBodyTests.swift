import JSON
import Testing

@Suite("What a PUT stores")
struct PutBodyTests {
  @Test(
    "an object with the one member value stores that member",
    arguments: [
      (#"{"value":1}"#, "1"), (#"{"value":{"a":1}}"#, #"{"a":1}"#),
      (#"{"value":[1, 2]}"#, "[1, 2]"),
      (#"{"value":null}"#, "null"), (#"{"value":"x"}"#, #""x""#), (#"{"value":true}"#, "true"),
      (#"{"value":{}}"#, "{}"), (#"{"value":{"value":1}}"#, #"{"value":1}"#),
      (#"{"value":-0.0e1}"#, "-0.0e1"),
      (" { \"value\" : \n 1.50  }\n", "1.50"), (#"{"\u0076alue":1}"#, "1"),
      (#"{"\u0076\u0061\u006c\u0075\u0065":{ "a" : 1 }}"#, #"{ "a" : 1 }"#),
      (#"{"val\u0075e":"\ud800"}"#, #""\ud800""#),
    ])
  func oneMember(body: String, expected: String) throws {
    #expect(try stored(body) == expected)
  }

  @Test(
    "of repeated members of that name the last one counts",
    arguments: [
      (#"{"value":1,"value":2}"#, "2"), (#"{"value":1,"\u0076alue":[3]}"#, "[3]"),
      (#"{"value":{"a":1},"value":2,"value":null}"#, "null"),
    ])
  func repeated(body: String, expected: String) throws {
    #expect(try stored(body) == expected)
  }

  @Test(
    "any other object is itself the value",
    arguments: [
      "{}", "{ }", #"{"a":1}"#, #"{"value":1,"owner":"x"}"#, #"{"owner":"x","value":1}"#,
      #"{"Value":1}"#,
      #"{"value ":1}"#, #"{"valu":1}"#, #"{"values":1}"#, #"{"":1}"#, #"{"value\u0000":1}"#,
      #"{"\\u0076alue":1}"#,
      #"{"value":1,"version":1,"timestamp":2,"owner":"a"}"#, #"{"vаlue":1}"#,
      #"{"value":1,"a":1,"value":2}"#,
      #"{"data":{"value":1}}"#, #"{"\ud800":1}"#, #"{"\u0076alu":1}"#,
      #"{ "a" : 1.0 , "b" : [ ] }"#,
    ])
  func wholeObject(body: String) throws {
    #expect(try stored(body) == body)
    #expect(try stored(" \n" + body + "\t ") == body)
  }

  @Test(
    "what is no object is refused",
    arguments: ["[]", "[{}]", "\"a\"", "1", " -1 ", "true", "false", "null"])
  func noObject(body: String) {
    let offset = body.utf8.prefix { $0 == 0x20 }.count
    #expect(throws: JSONError(reason: .notAnObject, offset: offset)) { try stored(body) }
  }

  @Test("nothing is refused as empty", arguments: ["", "  ", "\r\n"])
  func empty(body: String) {
    #expect(throws: JSONError(reason: .empty, offset: body.utf8.count)) { try stored(body) }
  }

  @Test("a malformed body is refused as the validator refuses it")
  func malformed() {
    var documents = RandomDocuments(seed: 5)
    let mutants = (0..<3000).map { _ in documents.mutated(bytes(documents.object())) }
    var refusals = 0
    for body in refusedDocuments.map(\.document) + mutants {
      guard let failure = error(of: body) else { continue }
      refusals += 1
      #expect(throws: failure) { try stored(body) }
    }
    #expect(refusals > 1000)
  }

  @Test("the rule holds for random objects")
  func randomBodies() throws {
    var documents = RandomDocuments(seed: 6)
    var unwrapped = 0
    for _ in 0..<3000 {
      let count = Int.random(in: 0...3, using: &documents.chance)
      let body = bytes(documents.space() + documents.object(members: count) + documents.space())
      let element = try stored(body)
      let tree = try #require(ReferenceJSON.read(body))
      let members = try #require(tree.members)
      let isWrapped = members.count == 1 && members[0].name == Array("value".utf16)
      #expect(
        ReferenceJSON.read(Array(body[element.range])) == (isWrapped ? members[0].value : tree))
      if isWrapped { unwrapped += 1 }
    }
    #expect(unwrapped > 50)
  }
}
