// What RFC 8259 refuses, each with the reason that is reported. The ideas follow JSONTestSuite
// (Nicolas Seriot, "Parsing JSON is a Minefield").

import JSON
import Testing

struct RefusedDocument: Sendable, CustomTestStringConvertible {
  let document: [UInt8]
  let reason: JSONError.Reason

  init(_ document: [UInt8], _ reason: JSONError.Reason) {
    self.document = document
    self.reason = reason
  }

  var testDescription: String { "\(reason): \(text(document.prefix(60)))" }
}

private func refused(_ reason: JSONError.Reason, _ documents: [String]) -> [RefusedDocument] {
  documents.map { RefusedDocument(bytes($0), reason) }
}

/// Bytes that stand between two quotes.
private func refusedText(_ reason: JSONError.Reason, _ contents: [[UInt8]]) -> [RefusedDocument] {
  contents.map { RefusedDocument(quoted($0), reason) }
}

let refusedDocuments: [RefusedDocument] =
  refused(.empty, ["", " ", "\n", "\t\r\n   ", "                    "])
  + refused(
    .unexpectedByte,
    [
      "a", "]", "}", ",", ":", "[,]", "[,1]", "[1,]", "[1,,2]", "[1,\n]", "[\"\",]", "['a']", "'a'",
      "[a]", "[nul]", "[tru]", "[fals]", "True", "TRUE", "[NaN]", "[Infinity]", "[+1]", "[+Inf]",
      "[.5]",
      "[.-1]", "[*]", "[\\n]", "[\\u0020\"a\"]", "{\"a\":}", "{\"a\":,}", "{\"a\":a}",
      "{\"a\":'b'}",
      "[\u{0c}]", "\u{0b}1", "[\u{a0}]", "\u{2060}[]", "[\u{feff}]", "<.>", "<null>", "[<null>]",
      "/**/[]",
      "//\n[]", "[é]", "é", "{\"a\":/*comment*/1}", "(1)", "undefined", "[u]", "[0,x]", "n ull",
      "tRue",
      "falsE", "nulL", "\u{0}", "[\u{0}]", "[１]", "$", "`a`", "[“a”]", "@",
    ])
  + refused(
    .unexpectedEnd,
    [
      "[", "{", "[1", "[1,", "[[", "[{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1",
      "{\"a\":1,", "\"",
      "\"a", "\"\\", "\"\\u", "\"\\u00", "\"\\u00A", "\"\\\"", "t", "tru", "f", "fals", "n", "nul",
      "-",
      "1.", "1e", "1e+", "1E-", "0.", "0e", "[\"\"", "[\"a", "[true", "[nul", "[{}", "[[]",
      "[\"a\",4,",
      "{\"asd\":\"asd\"", "\"\\ud800\\", "\"\\ud800\\u", "\"\\ud800\\u1", "[{\"\":[{\"\":[",
      "\"12345678",
    ])
  + refused(
    .trailingBytes,
    [
      "[]]", "{}}", "[] x", "1 2", "12a", "1,", "{},", "{}#", "[][]", "{}{}", "truex", "nulls",
      "\"a\"b",
      "\"\"\"", "0x1", "1e1.5", "1.5.5", "1-2", "1e5e5", "{\"a\":1}/**/", "{\"a\":1}//", "[1]\u{0}",
      "[1]\u{feff}", "0 1", "true false", "[]a", "1\u{0c}", "1\u{a0}", "{\"a\":\"b\"}#{}", "2]",
      "-1}",
    ])
  + refused(
    .invalidNumber,
    [
      "[-]", "[--1]", "[01]", "[-01]", "[00]", "[-012]", "[012]", "[1.]", "[1.e1]", "[0.e1]",
      "[1e]", "[1e+]",
      "[1eE2]", "[1e-e]", "[0.3e]", "[0.3e+]", "[0E+]", "[0E]", "[-.5]", "[-a]", "[-Infinity]",
      "[-NaN]", "[2.e+3]", "[2.e-3]", "[9.e+]", "-a", "1.x", "1ex", "[1.0e+]", "[1.0e-]", "[- 1]",
      "[1e,]",
      "[1. 5]", "-\"", "[1.-5]", "0123",
    ])
  + refused(
    .controlCharacter,
    [
      "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1f}\"", "[\"a\u{0}a\"]", "[\"new\nline\"]",
      "\"12345678\r\"",
    ]
      + ["{\"a\n\":1}", "\"é\n\"", "\"\\n\n\"", "\"1234567\u{1}\"", "[\"\u{08}\"]"])
  + refused(
    .invalidEscape,
    [
      "\"\\a\"", "\"\\x00\"", "\"\\'\"", "\"\\0\"", "\"\\U0000\"", "\"\\u00g0\"", "\"\\uqqqq\"",
      "\"\\u 123\"",
      "\"\\u\"1234", "\"\\u+123\"", "\"\\u-123\"", "\"\\ \"", "\"\\\n\"", "\"\\é\"", "\"\\🌀\"",
      "[\"\\u00A\"]",
      "\"\\uD834\\uDd\"\"", "[\"\\uD800\\u\"]", "\"\\ud800\\u1x\"", "\"\\\u{0}\"", "\"\\{\"",
      "\"\\v\"", "\"12345678\\a\"",
    ])
  + refused(
    .nameExpected,
    [
      "{1:1}", "{a:1}", "{'a':1}", "{,}", "{,\"a\":1}", "{\"a\":1,}", "{\"a\":1,,\"b\":2}",
      "{[]:1}", "{null:1}",
      "{:1}", "{]", "{\"a\":1,2}", "{true:1}", "{💔}", "{\"id\":0,,}", "{{}:1}", "{//}",
    ])
  + refused(
    .colonExpected,
    [
      "{\"a\"}", "{\"a\" 1}", "{\"a\",\"b\"}", "{\"a\"\"b\"}", "{\"a\";1}", "{\"a\"=1}",
      "{\"x\", null}", "{\"a\"]", "{\"a\"/**/:1}",
    ])
  + refused(
    .commaExpected,
    [
      "[1 2]", "[1}", "{\"a\":1]", "[1:2]", "[\"a\":1]", "{\"a\":1 \"b\":2}", "{\"a\":1;}",
      "[true false]", "[[]1]",
      "[1;2]", "[3[4]]", "[1 true]", "[\"a\" \"b\"]", "[1\u{0c}]", "[1\u{0}]", "[\"\"\u{feff}]",
      "[0x42]", "[1a]", "[1+2]",
      "[1e5.5]", "[1.2.3]", "[nulls]", "[truex]", "{\"a\":1/**/}", "{\"a\":1:2}",
      "{\"a\":\"b\"\"c\"}", "[1,2}", "[{}{}]",
      "[0e1e1]", "[1 000.0]", "[-1x]", "{\"a\":{}]",
    ])
  + refusedText(
    .invalidUTF8,
    [
      [0x80], [0xbf], [0xff], [0xfe], [0xc0, 0xaf], [0xc1, 0xbf], [0xe0, 0x80, 0xaf],
      [0xe0, 0x9f, 0xbf],
      [0xf0, 0x80, 0x80, 0xaf], [0xf0, 0x8f, 0xbf, 0xbf], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf],
      [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x80, 0x80, 0x80, 0x80], [0xe9],
      [0xc3],
      [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xe2, 0x82, 0x28], [0xf0, 0x28, 0x8c, 0xbc],
      [0xf0, 0x90, 0x28, 0xbc],
      [0xf0, 0x28, 0x8c, 0x28], [0xc3, 0xc3, 0xa9], [0xc3, 0xa9, 0xa9],
      [0xfc, 0x83, 0xbf, 0xbf, 0xbf, 0xbf],
      Array("12345678".utf8) + [0xff], Array("1234567".utf8) + [0x80, 0x80],
      Array("é".utf8) + [0xff, 0x31],
    ])
  + [
    RefusedDocument([0xff], .unexpectedByte),
    RefusedDocument([0x5b, 0xff, 0x5d], .unexpectedByte),
    RefusedDocument([0x5b, 0x31, 0xe5, 0x5d], .commaExpected),
    RefusedDocument([0x7b, 0xc3, 0xa9], .nameExpected),
    RefusedDocument([0xef, 0xbb, 0xbf, 0x7b, 0x7d], .byteOrderMark),
    RefusedDocument([0xef, 0xbb, 0xbf], .byteOrderMark),
    RefusedDocument([0xef, 0xbb, 0x7b, 0x7d], .unexpectedByte),
    // UTF-16, with and without its mark.
    RefusedDocument([0xff, 0xfe, 0x5b, 0x00, 0x5d, 0x00], .unexpectedByte),
    RefusedDocument([0xfe, 0xff, 0x00, 0x5b, 0x00, 0x5d], .unexpectedByte),
    RefusedDocument([0x00, 0x5b, 0x00, 0x5d], .unexpectedByte),
    RefusedDocument([0x5b, 0x00, 0x5d, 0x00], .unexpectedByte),
    // Text that is cut off inside a character.
    RefusedDocument([0x22, 0xc3], .unexpectedEnd),
    RefusedDocument([0x22, 0xe2, 0x82], .unexpectedEnd),
    RefusedDocument([0x22, 0xf0, 0x9f, 0x98], .unexpectedEnd),
    RefusedDocument([0x22, 0xed, 0xa0], .invalidUTF8),
  ]
