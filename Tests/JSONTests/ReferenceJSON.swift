/// JSON read the slow and obvious way, as a second opinion: recursive descent over an array, a tree
/// of values, text checked by the standard library. It shares no code with what it judges.
indirect enum ReferenceJSON: Equatable {
  case object([Member])
  case array([ReferenceJSON])
  /// UTF-16 code units, so that lone surrogates have a place.
  case string([UInt16])
  /// As written.
  case number(String)
  case literal(String)

  struct Member: Equatable {
    let name: [UInt16]
    var value: ReferenceJSON
  }

  static func read(_ document: [UInt8]) -> ReferenceJSON? {
    var parser = Parser(rest: document[...])
    parser.skipWhiteSpace()
    guard let value = parser.value(level: 0) else { return nil }
    parser.skipWhiteSpace()
    return parser.rest.isEmpty ? value : nil
  }

  /// The members of an object, each name once where it first came, with its last value.
  var members: [Member]? {
    guard case .object(let all) = self else { return nil }
    var result: [Member] = []
    for member in all {
      if let known = result.firstIndex(where: { $0.name == member.name }) {
        result[known].value = member.value
      } else {
        result.append(member)
      }
    }
    return result
  }

  private struct Parser {
    var rest: ArraySlice<UInt8>

    mutating func skipWhiteSpace() { rest = rest.drop { [0x20, 0x09, 0x0a, 0x0d].contains($0) } }

    mutating func take(_ text: String) -> Bool {
      guard rest.starts(with: text.utf8) else { return false }
      rest = rest.dropFirst(text.utf8.count)
      return true
    }

    mutating func value(level: Int) -> ReferenceJSON? {
      if take("{") { return level < 128 ? object(level: level + 1) : nil }
      if take("[") { return level < 128 ? array(level: level + 1) : nil }
      if take("\"") { return string().map { .string($0) } }
      for word in ["true", "false", "null"] where take(word) { return .literal(word) }
      return number()
    }

    mutating func object(level: Int) -> ReferenceJSON? {
      var members: [Member] = []
      skipWhiteSpace()
      if take("}") { return .object([]) }
      while true {
        skipWhiteSpace()
        guard take("\""), let name = string() else { return nil }
        skipWhiteSpace()
        guard take(":") else { return nil }
        skipWhiteSpace()
        guard let value = value(level: level) else { return nil }
        members.append(Member(name: name, value: value))
        skipWhiteSpace()
        if take("}") { return .object(members) }
        guard take(",") else { return nil }
      }
    }

    mutating func array(level: Int) -> ReferenceJSON? {
      var elements: [ReferenceJSON] = []
      skipWhiteSpace()
      if take("]") { return .array([]) }
      while true {
        skipWhiteSpace()
        guard let value = value(level: level) else { return nil }
        elements.append(value)
        skipWhiteSpace()
        if take("]") { return .array(elements) }
        guard take(",") else { return nil }
      }
    }

    mutating func string() -> [UInt16]? {
      var units: [UInt16] = []
      var raw: [UInt8] = []
      func flushed() -> [UInt16]? { String(validating: raw, as: UTF8.self).map { Array($0.utf16) } }
      while let byte = rest.popFirst() {
        switch byte {
        case 0..<0x20: return nil
        case UInt8(ascii: "\""):
          guard let tail = flushed() else { return nil }
          return units + tail
        case UInt8(ascii: "\\"):
          guard let part = flushed(), let unit = escape() else { return nil }
          raw = []
          units += part + [unit]
        default: raw.append(byte)
        }
      }
      return nil
    }

    mutating func escape() -> UInt16? {
      switch rest.popFirst().map(UnicodeScalar.init) {
      case "\"": return 0x22
      case "\\": return 0x5c
      case "/": return 0x2f
      case "b": return 8
      case "f": return 12
      case "n": return 10
      case "r": return 13
      case "t": return 9
      case "u":
        let digits = rest.prefix(4)
        rest = rest.dropFirst(4)
        let isHexadecimal = digits.allSatisfy {
          Character(UnicodeScalar($0)).isHexDigit && $0 < 0x80
        }
        guard digits.count == 4, isHexadecimal else { return nil }
        return UInt16(text(digits), radix: 16)
      default: return nil
      }
    }

    mutating func number() -> ReferenceJSON? {
      let all = rest
      _ = take("-")
      if !take("0") {
        guard let first = rest.first, first != 0x30, digits() else { return nil }
      }
      if take(".") { guard digits() else { return nil } }
      if take("e") || take("E") {
        _ = take("+") || take("-")
        guard digits() else { return nil }
      }
      return .number(text(all.prefix(all.count - rest.count)))
    }

    mutating func digits() -> Bool {
      let before = rest.count
      rest = rest.drop { (0x30...0x39).contains($0) }
      return rest.count < before
    }
  }
}
