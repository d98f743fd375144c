import Testing

@testable import HTTP

@Suite("Request smuggling: the chunks of a body")
struct ChunkedDecoderTests {
  @Test(
    "are sizes in hex digits, data, and an empty one at the end",
    arguments: [
      ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
      ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
      ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("00000005\r\nhello\r\n0\r\n\r\n", "hello"),
      ("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello"),
      ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
      ("5;a\r\nhello\r\n0\r\n\r\n", "hello"), ("5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"),
      ("5;a=\"b;\\\" é\"\r\nhello\r\n0\r\n\r\n", "hello"),
      ("5;a;b=c;d=\"\"\r\nhello\r\n0\r\n\r\n", "hello"), ("1\r\n\0\r\n0\r\n\r\n", "\0"),
      ("0\r\nA: b\r\n\r\n", ""), ("0\r\nA: b\r\nC:\r\nContent-Length: 7\r\n\r\n", ""),
      ("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\nHost: i\r\n\r\n", "hello"),
      ("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
    ])
  func accepted(text: String, body: String) throws {
    let decoded = try #require(decodedChunks(text))
    #expect(decoded.outcome == .finished)
    #expect(decoded.text == body)
    #expect(decoded.used == text.utf8.count)
  }

  @Test(
    "are refused with 400 where the grammar is broken",
    arguments: [
      "\r\n", "\n", " 5\r\nhello\r\n", "\t5\r\nhello\r\n", "5 \r\nhello\r\n", "5\t\r\nhello\r\n",
      "0x5\r\nhello\r\n", "0X5\r\nhello\r\n", "+5\r\nhello\r\n", "-1\r\n", "-0\r\n\r\n",
      "5h\r\nhello\r\n",
      "g\r\n", "x\r\n", "5,5\r\n", "5.\r\n", "ffffffffffffffff1\r\n",
      "00000000000000005\r\nhello\r\n",
      "5\nhello\r\n", "5\rhello\r\n", "5\r\rhello\r\n", "5\r\nhello\n0\r\n\r\n",
      "5\r\nhello\r0\r\n\r\n",
      "5\r\nhelloX\r\n", "5\r\nhelloX\n", "5\r\nhello\n\n", "5\r\nhello0\r\n\r\n",
      "5\r\nhell\r\n0\r\n\r\n", "5\r\nhello\r\n\r\n",
      "5\r\nhello\r\n0\n\n", "5\r\nhello\r\n0\r\n\n", "0\r\n\rX", "0\n\r\n", "0\r\n\n",
      "0\r\r\n\r\n",
      "5\0\r\nhello\r\n", "5\u{b}\r\nhello\r\n", "5;\r\nhello\r\n", "5;;a\r\nhello\r\n",
      "5 ;a\r\nhello\r\n", "5; a\r\nhello\r\n", "5;a =b\r\nhello\r\n", "5;a= b\r\nhello\r\n",
      "5;a=\r\nhello\r\n", "5;=b\r\nhello\r\n", "5;a=\"b\r\nhello\r\n", "5;a=\"b\"c\r\nhello\r\n",
      "5;a=\"b\nc\"\r\nhello\r\n", "5;a=\"\\\n\"\r\n", "5;a=b\nhello\r\n", "5;a\nhello\r\n",
      "5;a\0\r\n",
      "5;a=\"\0\"\r\n", "5;a,b\r\n", "5;a b\r\n", "5;é\r\n", "5;a\rb\r\n",
      "0\r\n A: b\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\nA: b\r\n c\r\n\r\n",
      "0\r\nA\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\nA: b\0\r\n\r\n", "0\r\nA: b\rC\r\n",
      "0\r\nA B: c\r\n\r\n",
      "0\r\nÉ: c\r\n\r\n", "0\r\nGET / HTTP/1.1\r\n", "0\r\nA: b\u{7f}\r\n\r\n",
      "\u{ff15}\r\nhello\r\n",
      "5\u{a0}\r\nhello\r\n", "5\r\nhello\r\n 0\r\n\r\n", "5\r\nhello\r\n;a\r\n",
    ])
  func malformed(text: String) throws {
    let decoded = try #require(decodedChunks(text))
    guard case .refused(let refusal) = decoded.outcome else {
      Issue.record("not refused: \(decoded)")
      return
    }
    #expect(refusal.status == 400)
  }

  @Test(
    "are refused with 413 with the size that exceeds the limit",
    arguments: [
      "401\r\n", "ffffffff\r\n", "7fffffffffffffff\r\n", "8000000000000000\r\n",
      "ffffffffffffffff\r\n", "fffffffffffffffb\r\n", "ffffffffffffffff;a=b\r\n",
    ])
  func tooLong(text: String) {
    #expect(decodedChunks(text)?.outcome == .refused(.bodyTooLong))
  }

  @Test("are counted together")
  func sum() {
    let half = "200\r\n" + String(repeating: "a", count: 512) + "\r\n"
    #expect(decodedChunks(half + half + "0\r\n\r\n")?.outcome == .finished)
    #expect(decodedChunks(half + half + "1\r\na\r\n")?.outcome == .refused(.bodyTooLong))
    let full = "7fffffffffffffff\r\n"
    #expect(
      decodedChunks("1\r\na\r\n" + full, bodyBytesMax: .max)?.outcome == .refused(.bodyTooLong))
  }

  @Test("have size lines of at most 256 bytes")
  func sizeLine() {
    let name = String(repeating: "a", count: 253)
    #expect(decodedChunks("0;\(name)\r\n\r\n")?.outcome == .finished)
    #expect(decodedChunks("1;\(name)\r\na\r\n0;\(name)\r\n\r\n")?.outcome == .finished)
    #expect(decodedChunks("0;\(name)a\r\n\r\n")?.outcome == .refused(.chunkLineTooLong))
    #expect(decodedChunks("5;\(name)aaa")?.outcome == .refused(.chunkLineTooLong))
  }

  @Test("have trailers of at most 8 KiB and 100 fields")
  func trailers() {
    let hundred = String(repeating: "A: b\r\n", count: 100)
    #expect(decodedChunks("0\r\n\(hundred)\r\n")?.outcome == .finished)
    #expect(decodedChunks("0\r\n\(hundred)A: b\r\n\r\n")?.outcome == .refused(.trailersTooLong))
    let value = String(repeating: "b", count: 8192 - 7)
    #expect(decodedChunks("0\r\nA: \(value)\r\n\r\n")?.outcome == .finished)
    #expect(decodedChunks("0\r\nA: \(value)bbb\r\n\r\n")?.outcome == .refused(.trailersTooLong))
  }

  @Test("need more wherever they are cut")
  func cut() {
    let text = "5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n"
    for count in 0..<text.utf8.count {
      let decoded = decodeBody(Array(text.utf8.prefix(count)))
      #expect(decoded.outcome == .needsMore)
      #expect(decoded.used == count)
    }
  }

  @Test("give the same body in pieces of any size", arguments: 1...40)
  func pieces(pieceBytes: Int) {
    let text = "5\r\nhello\r\n10;a=b\r\n0123456789abcdef\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"
    let decoded = decodeBody(Array(text.utf8), pieceBytes: pieceBytes)
    #expect(decoded.outcome == .finished)
    #expect(decoded.text == "hello0123456789abcdef!")
  }
}

@Suite("A body of known length")
struct BodyDecoderTests {
  @Test("ends after its bytes and leaves what follows", arguments: [1, 2, 100])
  func length(pieceBytes: Int) {
    let decoded = decodeBody(Array("helloGET /".utf8), .length(5), pieceBytes: pieceBytes)
    #expect(decoded == DecodedBody(outcome: .finished, used: 5, body: Array("hello".utf8)))
  }

  @Test("is finished at once where it has no bytes")
  func empty() {
    #expect(decodeBody([], .length(0)).outcome == .finished)
  }

  @Test("is refused with 413 where it exceeds the limit")
  func tooLong() {
    #expect(decodeBody([], .length(1025)).outcome == .refused(.bodyTooLong))
    #expect(
      decodeBody(Array(repeating: 0, count: 1025), .untilClose).outcome == .refused(.bodyTooLong))
  }

  @Test("needs more until the connection ends where that is its end")
  func untilClose() {
    let decoded = decodeBody(Array("hello".utf8), .untilClose, pieceBytes: 2)
    #expect(decoded == DecodedBody(outcome: .needsMore, used: 5, body: Array("hello".utf8)))
  }
}
