import JSON
import Testing

@Suite("A cursor walks objects and arrays")
struct JSONCursorTests {
  private func members(_ document: String) throws -> [String] {
    let document = bytes(document)
    var cursor = JSONCursor(try checked(document))
    var found: [String] = []
    while let member = cursor.nextMember(in: document.span) {
      found.append(text(document[member.name.range]) + "=" + text(document[member.value.range]))
    }
    return found
  }

  private func elements(_ document: String) throws -> [String] {
    let document = bytes(document)
    var cursor = JSONCursor(try checked(document))
    var found: [String] = []
    while let element = cursor.nextElement(in: document.span) {
      found.append(text(document[element.range]))
    }
    return found
  }

  @Test("members come in order, repeated ones as often as they stand there")
  func membersInOrder() throws {
    #expect(
      try members(#"{"a":1,"b":[2,{"c":"]"}],"a":"x\"}","d":{}}"#) == [
        #""a"=1"#, #""b"=[2,{"c":"]"}]"#, #""a"="x\"}""#, #""d"={}"#,
      ])
    #expect(try members(" { \"a\" : 1 ,\n\"b\" : null } ") == [#""a"=1"#, #""b"=null"#])
    #expect(try members("{}") == [])
  }

  @Test("elements come in order, without the white space around them")
  func elementsInOrder() throws {
    #expect(
      try elements(#"[1,"a,]",[[]], {"x":[1]} , true,false ,null,-1.5e3 ]"#) == [
        "1", #""a,]""#, "[[]]", #"{"x":[1]}"#, "true", "false", "null", "-1.5e3",
      ])
    #expect(try elements("[ ]") == [])
  }

  @Test("a value that is neither has no parts", arguments: ["1", "\"[1]\"", "true", "\"\""])
  func scalars(document: String) throws {
    #expect(try members(document) == [])
    #expect(try elements(document) == [])
  }

  @Test("a nested element is walked where it stands")
  func nested() throws {
    let document = bytes(#"{"keys": ["a", "b"], "x": 1}"#)
    let object = try checked(document)
    let keys = try #require(member("keys", of: object, in: document))
    var cursor = JSONCursor(keys)
    let steps = (0..<4).map { _ in cursor.nextElement(of: document).map { text(document[$0.range]) }
    }
    #expect(steps == [#""a""#, #""b""#, nil, nil])
  }

  @Test("the parts of random documents are those of the independent reader")
  func random() throws {
    var documents = RandomDocuments(seed: 21)
    for _ in 0..<1000 {
      let document = bytes(documents.value())
      let tree = try #require(ReferenceJSON.read(document))
      try compare(checked(document), in: document, with: tree)
    }
  }

  private func compare(_ element: JSONElement, in document: [UInt8], with tree: ReferenceJSON)
    throws
  {
    var cursor = JSONCursor(element)
    switch tree {
    case .object(let members):
      #expect(element.kind == .object)
      for expected in members {
        let next = cursor.nextMember(of: document)
        let member = try #require(next)
        try compare(member.name, in: document, with: .string(expected.name))
        try compare(member.value, in: document, with: expected.value)
      }
      let behind = cursor.nextMember(of: document)
      #expect(behind == nil)
    case .array(let elements):
      #expect(element.kind == .array)
      for expected in elements {
        let next = cursor.nextElement(of: document)
        try compare(#require(next), in: document, with: expected)
      }
      #expect(cursor.nextElement(in: document.span) == nil)
    case .string(let units):
      let decoded = string(element, in: document)
      #expect(
        decoded.map { Array(text($0).utf16) }
          == String(validating: units, as: UTF16.self).map { Array($0.utf16) })
    case .number(let written), .literal(let written):
      #expect(text(document[element.range]) == written)
    }
  }
}
