import Testing

@testable import HTTP

@Suite("Request smuggling: the framing of a request")
struct FramingTests {
  static func head(_ lines: String, version: String = "1.1") -> [UInt8] {
    Array("POST /t/keys HTTP/\(version)\r\nHost: h\r\n\(lines)\r\n".utf8)
  }

  @Test(
    "is a length in decimal digits, equal if repeated",
    arguments: [
      ("Content-Length: 0\r\n", 0), ("Content-Length: 5\r\n", 5), ("Content-Length:5\r\n", 5),
      ("Content-Length: \t5\t \r\n", 5), ("content-LENGTH: 5\r\n", 5),
      ("Content-Length: 005\r\n", 5),
      ("Content-Length: 5, 5\r\n", 5), ("Content-Length: 5,5 ,\t5\r\n", 5),
      ("Content-Length: 5\r\nContent-Length: 5\r\n", 5),
      ("Content-Length: 5\r\nA: b\r\nContent-Length: 5, 5\r\n", 5),
      ("Content-Length: 9223372036854775807\r\n", Int.max),
    ])
  func length(lines: String, length: Int) {
    #expect(verdict(Self.head(lines)) == .complete)
    #expect(parseWhole(Self.head(lines)).request.contentLength == length)
    #expect(parseWhole(Self.head(lines)).request.framing == .length(length))
  }

  @Test(
    "is refused with 400 where the length is malformed or ambiguous",
    arguments: [
      "Content-Length:\r\n", "Content-Length: \r\n", "Content-Length: +5\r\n",
      "Content-Length: -5\r\n", "Content-Length: -0\r\n", "Content-Length: 0x5\r\n",
      "Content-Length: 5 5\r\n", "Content-Length: 5;\r\n", "Content-Length: 5.0\r\n",
      "Content-Length: 1e1\r\n", "Content-Length: 5a\r\n", "Content-Length: a\r\n",
      "Content-Length: \"5\"\r\n", "Content-Length: 1_0\r\n", "Content-Length: 5,6\r\n",
      "Content-Length: 5, 6\r\n", "Content-Length: 5,\r\n", "Content-Length: ,5\r\n",
      "Content-Length: ,\r\n", "Content-Length: 5,,5\r\n", "Content-Length: 5, +5\r\n",
      "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 0\r\nContent-Length: 5\r\n",
      "Content-Length: 5\r\nContent-Length:\r\n", "Content-Length: 5\r\ncontent-length: 05x\r\n",
      "Content-Length: ٥\r\n", "Content-Length : 5\r\n", "Content-Length\t: 5\r\n",
      " Content-Length: 5\r\n", "Content-Length: 5\r\n 6\r\n", "Content-Length: 5\0\r\n",
      "Content-Length: \u{b}5\r\n", "Content-Length: 5\u{c}\r\n", "Content-Length: 5\n",
      "A: b\nContent-Length: 5\r\n", "A: b\rContent-Length: 5\r\n", "Content-Length: NaN\r\n",
      "Content-Length: 5\u{a0}\r\n", "Content-Length: 5 \r 6\r\n",
      "Content-Length: 99999999999999999999x\r\n",
    ])
  func malformedLength(lines: String) {
    #expect(verdict(Self.head(lines)) == .refused(400))
  }

  @Test(
    "is refused with 413 where the length exceeds all numbers",
    arguments: [
      "9223372036854775808", "18446744073709551616", "99999999999999999999999999999999",
      "18446744073709551621", "184467440737095516165", "1844674407370955161600000005",
    ])
  func overflow(length: String) {
    #expect(verdict(Self.head("Content-Length: \(length)\r\n")) == .refused(413))
  }

  @Test(
    "is chunked where that is the only coding",
    arguments: [
      "Transfer-Encoding: chunked\r\n", "transfer-encoding:chunked\r\n",
      "TRANSFER-ENCODING: \tChUnKeD \r\n",
    ])
  func chunked(lines: String) {
    #expect(verdict(Self.head(lines)) == .complete)
    #expect(parseWhole(Self.head(lines)).request.framing == .chunked)
  }

  @Test(
    "is refused with 400 where the coding is malformed, repeated or not the last",
    arguments: [
      "Transfer-Encoding:\r\n", "Transfer-Encoding: ,\r\n", "Transfer-Encoding: chunked,\r\n",
      "Transfer-Encoding: ,chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
      "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: chunked, gzip\r\n",
      "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding: chunked;\r\n",
      "Transfer-Encoding: chunked chunked\r\n", "Transfer-Encoding: chunked foo\r\n",
      "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: (chunked)\r\n",
      "Transfer-Encoding: 'chunked',\r\n", "Transfer-Encoding : chunked\r\n",
      "Transfer-Encoding\t: chunked\r\n", " Transfer-Encoding: chunked\r\n",
      "\tTransfer-Encoding: chunked\r\n", "Transfer-Encoding: \u{b}chunked\r\n",
      "Transfer-Encoding: \u{c}chunked\r\n", "Transfer-Encoding: chunked\0\r\n",
      "Transfer-Encoding: chunked\u{b}\r\n", "Transfer-Encoding: chunked\u{8}\r\n",
      "Transfer-Encoding\r\n : chunked\r\n", "Transfer-Encoding:\r\n chunked\r\n",
      "Transfer-Encoding: chunked\r\n , identity\r\n", "A: b\nTransfer-Encoding: chunked\r\n",
      "A: b\rTransfer-Encoding: chunked\r\n", "A: b\0\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\n", "\u{b}Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding\0: chunked\r\n", "Transfer Encoding: chunked\r\n",
      "Transfer-Encoding: é\r\n", "Transfer-Encoding: chunked\u{a0}\r\n",
      "Transfer-Encoding=chunked\r\n", ":Transfer-Encoding: chunked\r\n",
    ])
  func malformedCoding(lines: String) {
    #expect(verdict(Self.head(lines)) == .refused(400))
  }

  @Test(
    "is refused with 501 where the coding is not known",
    arguments: [
      "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunkedx\r\n",
      "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity, chunked\r\n",
      "Transfer-Encoding: deflate;a=b, chunked\r\n", "Transfer-Encoding: chun\r\n",
      "Transfer-Encoding: chunked-\r\n", "Transfer-Encoding: 'chunked'\r\n",
      "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: cow\r\n",
    ])
  func unknownCoding(lines: String) {
    #expect(verdict(Self.head(lines)) == .refused(501))
  }

  @Test(
    "is refused with 400 where there are both a length and a coding",
    arguments: [
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
      "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
      "content-length: 5\r\nA: b\r\ntransfer-encoding: CHUNKED\r\n",
      "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
      "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 5, 5\r\n",
    ])
  func both(lines: String) {
    #expect(verdict(Self.head(lines)) == .refused(400))
  }

  @Test("is refused with 400 where HTTP/1.0 has a coding")
  func oldVersion() {
    #expect(verdict(Self.head("Transfer-Encoding: chunked\r\n", version: "1.0")) == .refused(400))
    #expect(verdict(Self.head("Transfer-Encoding: gzip\r\n", version: "1.0")) == .refused(400))
  }

  @Test("is a length of zero where the head says nothing")
  func none() {
    #expect(parseWhole(Self.head("")).request.framing == .length(0))
    #expect(parseWhole(Self.head("")).request.hasBody == false)
  }
}
