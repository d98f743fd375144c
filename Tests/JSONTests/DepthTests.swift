import JSON
import Testing

@Suite("Nesting is accepted to 128 levels")
struct DepthTests {
  static func arrays(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
  }

  static func objects(_ depth: Int) -> String {
    String(repeating: "{\"a\":", count: depth - 1) + "{}" + String(repeating: "}", count: depth - 1)
  }

  static func mixed(_ depth: Int) -> String {
    let opening = (0..<depth).map { $0.isMultiple(of: 3) ? "{\"a\":" : "[1," }
    let closing = (0..<depth).reversed().map { $0.isMultiple(of: 3) ? "}" : "]" }
    return opening.joined() + "null" + closing.joined()
  }

  @Test("128 levels are accepted", arguments: [arrays(128), objects(128), mixed(128), arrays(127)])
  func accepted(document: String) {
    #expect(refusal(of: document) == nil)
  }

  @Test("129 levels are refused", arguments: [arrays(129), objects(129), mixed(129)])
  func refused(document: String) {
    #expect(refusal(of: document) == .tooDeep)
  }

  @Test("the bracket that is too much is pointed at")
  func offset() {
    #expect(error(of: bytes(Self.arrays(129))) == JSONError(reason: .tooDeep, offset: 128))
  }

  @Test("every bracket must close its own kind, at every level")
  func kinds() {
    for level in 0..<128 {
      var document = bytes(Self.mixed(128))
      let index = document.count - 1 - level
      document[index] = document[index] == 0x5d ? 0x7d : 0x5d
      #expect(refusal(of: document) == .commaExpected, "level \(level)")
    }
  }

  @Test("what closes does not count any more")
  func breadth() {
    let many = "[" + Array(repeating: Self.mixed(127), count: 50).joined(separator: ",") + "]"
    #expect(refusal(of: many) == nil)
  }

  @Test("brackets inside strings do not count")
  func strings() {
    #expect(refusal(of: "[\"" + String(repeating: "[{", count: 1000) + "\"]") == nil)
  }

  @Test(
    "a hundred thousand opening brackets are refused without work",
    arguments: ["[", "{\"\":", "[{\"a\":"])
  func flood(opening: String) {
    let document = bytes(String(repeating: opening, count: 100_000))
    let clock = ContinuousClock()
    let elapsed = clock.measure { #expect(refusal(of: document) == .tooDeep) }
    #expect(elapsed < .seconds(1))
  }

  @Test("the depth of a body counts from its own first bracket")
  func body() throws {
    #expect(try stored("{\"value\":\(Self.arrays(127))}") == Self.arrays(127))
    #expect(throws: JSONError(reason: .tooDeep, offset: 137 - 1)) {
      try stored("{\"value\":\(Self.arrays(128))}")
    }
    #expect(throws: JSONError.self) { try stored("{\"a\":1,\"b\":\(Self.objects(128))}") }
    #expect(try stored(Self.objects(128)) == Self.objects(128))
  }

  @Test(
    "another limit can be asked for, and holds exactly",
    arguments: [2, 3, 64, 127, 129, 255, 256, 257, 300, 1000])
  func otherLimit(limit: Int) throws {
    for make in [Self.arrays, Self.objects, Self.mixed] {
      let accepted = bytes(make(limit))
      #expect(
        try JSONValidator.check(accepted.span, depthMax: limit).range == 0..<accepted.count)
      let refused = bytes(make(limit + 1))
      let error = #expect(throws: JSONError.self) {
        try JSONValidator.check(refused.span, depthMax: limit)
      }
      #expect(error?.reason == .tooDeep)
    }
  }

  @Test("beyond 128 levels too every bracket must close its own kind")
  func deepKinds() {
    let document = bytes("[" + Self.mixed(399) + "," + Self.mixed(270) + "]")
    #expect(throws: Never.self) { try JSONValidator.check(document.span, depthMax: 400) }
    for index in document.indices where [0x5d, 0x7d].contains(document[index]) {
      var broken = document
      broken[index] = broken[index] == 0x5d ? 0x7d : 0x5d
      #expect(throws: JSONError.self) { try JSONValidator.check(broken.span, depthMax: 400) }
    }
  }

  @Test("the limit of a body counts from its own first bracket, whatever it is")
  func bodyLimit() throws {
    let body = bytes("{\"value\":\(Self.arrays(299))}")
    #expect(try PutBody.value(in: body.span, depthMax: 300).range == 9..<body.count - 1)
    #expect(throws: JSONError.self) { try PutBody.value(in: body.span, depthMax: 299) }
    #expect(throws: Never.self) {
      try PutBody.value(in: bytes("{\"value\":[1]}").span, depthMax: 2)
    }
  }
}
