import Testing

/// One row of a table of inputs: what it is called, what is sent, what must come.
struct Case<Expected: Sendable>: Sendable, CustomTestStringConvertible {
  let name: String
  let input: ByteText
  let expected: Expected

  init(_ name: String, _ input: ByteText, _ expected: Expected) {
    self.name = name
    self.input = input
    self.expected = expected
  }

  var testDescription: String { name }
}
