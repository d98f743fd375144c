import JSON
import Testing

@Suite("Parts are read where they stand")
struct JSONReaderTests {
  private func decoded(_ string: String) throws -> [UInt8]? {
    let document = bytes(string)
    return JSONTests.string(try checked(document), in: document)
  }

  private func number(_ string: String) throws -> Double? {
    let document = bytes(string)
    return JSONReader.number(try checked(document), in: document.span)
  }

  @Test("the root is the element that the check finds")
  func sameRoot() throws {
    var documents = RandomDocuments(seed: 11)
    for _ in 0..<1000 {
      let document = bytes(documents.space() + documents.value() + documents.space())
      #expect(try root(document) == checked(document), "\(text(document))")
    }
  }

  @Test(
    "a member is found by its decoded name, and of several the last",
    arguments: [
      (#"{"secret":1}"#, "1"), (#"{"a":0,"secret":"x","b":[]}"#, #""x""#),
      (#"{"secret":1,"secret":2}"#, "2"),
      (#"{"s\u0065cret":{ }}"#, "{ }"), (#"{"a":{"secret":1}}"#, nil), (#"{"Secret":1}"#, nil),
      ("{}", nil),
      (#"["secret",1]"#, nil), (#""secret""#, nil),
      (#"{"secret":1,"\u0073ecret":null,"x":0}"#, "null"),
      (#"{"secret\u0000":1}"#, nil), (#"{"\\secre":1}"#, nil),
      (#" { "secret" : [1,{"a":"}"}] } "#, #"[1,{"a":"}"}]"#),
    ] as [(String, String?)])
  func member(document: String, expected: String?) throws {
    let document = bytes(document)
    let found = JSONTests.member("secret", of: try checked(document), in: document)
    #expect(found.map { text(document[$0.range]) } == expected)
  }

  @Test(
    "a string is decoded",
    arguments: [
      (#""""#, ""), (#""abc""#, "abc"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
      (#""\u0041\u00e9\u20AC""#, "Aé€"),
      (#""\ud83d\ude00""#, "😀"), (#""\uD800\uDC00""#, "\u{10000}"),
      (#""\udbff\udfff""#, "\u{10ffff}"),
      (#""\u0000""#, "\0"), (#""a\u0000b""#, "a\0b"), (#""é€😀""#, "é€😀"),
      (#""\\u0041""#, "\\u0041"),
      (#""\u005cu0041""#, "\\u0041"),
      (
        #""a long plain run of text\nand another one""#, "a long plain run of text\nand another one"
      ),
      (#""\u007f\u0080\u07ff\u0800\uffff""#, "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}"),
      (#""x\ud83d\ude00\ud83d\ude00y""#, "x😀😀y"),
    ])
  func string(document: String, expected: String) throws {
    #expect(try decoded(document) == bytes(expected))
  }

  @Test(
    "the escape of a lone surrogate stands for no text",
    arguments: [
      #""\ud800""#, #""\udc00""#, #""a\ud800b""#, #""\ud800\ud800""#, #""\udc00\ud800""#,
      #""\ud800\u0041""#,
      #""\ud83d\ude00\ude00""#, #""\ud800\n""#, #""\ud800\\udc00""#,
    ])
  func loneSurrogate(document: String) throws {
    #expect(try decoded(document) == nil)
  }

  @Test("what is no string has no text", arguments: ["1", "null", "[]", "{}", "true"])
  func noString(document: String) throws {
    #expect(try decoded(document) == nil)
  }

  @Test("a string is compared by its decoded text")
  func equals() throws {
    for (document, isEqual) in [
      (#""get""#, true), (#""g\u0065t""#, true), (#""GET""#, false), (#""get ""#, false),
      (#""ge""#, false), ("[]", false),
    ] {
      let document = bytes(document)
      let judged = JSONReader.string(try checked(document), in: document.span, equals: "get")
      #expect(judged == isEqual)
    }
  }

  @Test(
    "a number is the nearest Double",
    arguments: [
      ("0", 0), ("-1", -1), ("1.5", 1.5), ("1e3", 1000), ("1E+3", 1000), ("25e-1", 2.5),
      ("0.1", 0.1),
      ("1700000000", 1_700_000_000), ("1700000000.75", 1_700_000_000.75),
      ("9007199254740993", 9_007_199_254_740_992),
      ("1.7976931348623157e308", .greatestFiniteMagnitude), ("5e-324", .leastNonzeroMagnitude),
      ("1e-400", 0),
      ("0.000000000000000000000000000000000000001e39", 1),
      ("123456789012345678901234567890", 1.2345678901234568e29),
    ] as [(String, Double)])
  func number(document: String, expected: Double) throws {
    #expect(try number(document) == expected)
  }

  @Test(
    "a number that no Double holds is none",
    arguments: ["1e309", "-1e309", "1e999999999999", "\"1\"", "null", "[1]"])
  func noNumber(document: String) throws {
    #expect(try number(document) == nil)
  }

  @Test("a number keeps its sign at zero")
  func minusZero() throws {
    #expect(try number("-0")?.sign == .minus)
  }

  @Test("a number of a million digits is read")
  func longNumber() throws {
    #expect(try number("0." + String(repeating: "3", count: 1_000_000)) == 1.0 / 3)
    #expect(try number(String(repeating: "3", count: 1_000_000)) == nil)
  }

  @Test(
    "a whole number is read exactly or not at all",
    arguments: [
      ("0", 0), ("1", 1), ("18446744073709551615", .max), ("1618880821123", 1_618_880_821_123),
      ("18446744073709551616", nil),
      ("99999999999999999999", nil), ("-1", nil), ("-0", nil), ("1.0", nil), ("1e3", nil),
      ("\"1\"", nil),
    ] as [(String, UInt64?)])
  func unsigned(document: String, expected: UInt64?) throws {
    let document = bytes(document)
    let number = JSONReader.unsigned(try checked(document), in: document.span)
    #expect(number == expected)
  }
}
