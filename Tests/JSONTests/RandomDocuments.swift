/// Documents by chance: every kind of value, every kind of escape, white space everywhere.
struct RandomDocuments {
  var chance: SeededGenerator

  init(seed: UInt64) { chance = SeededGenerator(seed: seed) }

  mutating func value(depth: Int = 4) -> String {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &chance) {
    case 0: return pick(["true", "false", "null"])
    case 1, 2: return number()
    case 3, 4, 5: return string()
    case 6: return array(depth: depth - 1)
    default: return object(depth: depth - 1)
    }
  }

  mutating func object(depth: Int = 3, members: Int? = nil) -> String {
    let count = members ?? Int.random(in: 0...6, using: &chance)
    var result = "{" + space()
    for index in 0..<count {
      if index > 0 { result += "," + space() }
      result += name() + space() + ":" + space() + value(depth: depth) + space()
    }
    return result + "}"
  }

  mutating func array(depth: Int) -> String {
    let elements = (0..<Int.random(in: 0...6, using: &chance)).map { _ in
      space() + value(depth: depth) + space()
    }
    return "[" + elements.joined(separator: ",") + space() + "]"
  }

  /// Few names, many spellings: so that repeated and equal ones are common.
  mutating func name() -> String {
    pick([
      #""a""#, #""\u0061""#, #""b""#, #""value""#, #""v\u0061lue""#, #""""#, #""é""#, #""\u00e9""#,
      #""e\u0301""#, #""😀""#, #""\ud83d\ude00""#, #""\ud83d""#, #""\ude00""#, #""\n""#,
      #""\u000A""#,
      #""\/""#, #""/""#, #""a name that is longer than sixteen bytes""#, #""\u0000""#,
      "\"\(Int.random(in: 0..<40, using: &chance))\"",
    ])
  }

  mutating func string() -> String {
    let parts = (0..<Int.random(in: 0...5, using: &chance)).map { _ in
      pick([
        "plain", "a", "twelve bytes", "é", "€", "😀", "\u{7f}", "\u{2028}", #"\n"#, #"\""#, #"\\"#,
        #"\/"#, #"\b\f\r\t"#, #"\u0000"#, #"\uD83D\uDE00"#, #"\u20aC"#, "{}[],:", " ",
        "exactly sixteen!", "数据库",
      ])
    }
    return "\"" + parts.joined() + "\""
  }

  mutating func number() -> String {
    pick([
      "0", "-0", "1", "-1", "10", "1234567890", "0.5", "-0.25", "1e3", "1E+3", "2.5e-3", "1e-0",
      "3.141592653589793", "9007199254740993", "\(Int.random(in: -99999...99999, using: &chance))",
    ])
  }

  mutating func space() -> String {
    pick(["", "", "", " ", "\n  ", "\t\r\n", "          "])
  }

  /// The document with one to three bytes changed, inserted or removed.
  mutating func mutated(_ document: [UInt8]) -> [UInt8] {
    var document = document
    for _ in 0..<Int.random(in: 1...3, using: &chance) {
      let index = Int.random(in: 0...document.count, using: &chance)
      let byte = pick(
        Array(#"{}[]",:\u019-+.eEtfn /"#.utf8) + [
          0, 9, 10, 0x7f, 0x80, 0xc3, 0xe2, 0xed, 0xf0, 0xff,
        ])
      switch Int.random(in: 0..<3, using: &chance) {
      case 0: document.insert(byte, at: index)
      case 1 where index < document.count: document[index] = byte
      default: if index < document.count { document.remove(at: index) }
      }
    }
    return document
  }

  private mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices.randomElement(using: &chance)!
  }
}
