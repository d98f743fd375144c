import Testing

@testable import HTTP

@Suite("Header field lines")
struct FieldLinesTests {
  static func head(_ lines: String) -> [UInt8] {
    Array(("GET / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n").utf8)
  }

  @Test(
    "are a token, a colon and a value",
    arguments: [
      "", "A: b\r\n", "A:b\r\n", "A:\r\n", "A: \r\n", "A:\t b \t\r\n", "A: b\tc\r\n",
      "A: b  c\r\n", "!#$%&'*+-.^_`|~09azAZ: b\r\n", "A: é€😀\r\n", "A: :::\r\n",
      "A: \"b, c\"\r\n", "a: b\r\nA: c\r\n", "A_B: c\r\n", "1: 2\r\n", "A: b\r\nC: d\r\nE: f\r\n",
      "Cookie: a=b; c=d\r\n", "User-Agent: curl/8.5.0\r\n", "A: 0123456701234567\r\n",
      "X-Transfer-Encoding: chunked\r\n", "Transfer_Encoding: chunked\r\n",
      "Content-Lengths: x\r\n", "A: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\r\n",
    ])
  func accepted(lines: String) {
    #expect(verdict(Self.head(lines)) == .complete)
  }

  @Test(
    "are refused with 400 where they are malformed",
    arguments: [
      "A: b\n", "A: b\n\r\n", "A: b\r", "A: b\rC: d\r\n", "A: b\r\r\n", "A\n", "A: b\r\nC: d\n",
      " A: b\r\n", "\tA: b\r\n", "A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "A: b\r\n \r\n",
      "A : b\r\n", "A\t: b\r\n", "A \t : b\r\n", ": b\r\n", ":\r\n", "A\r\n", "A b\r\n",
      "A\r\nB: c\r\n",
      "A B: c\r\n", "A(: b\r\n", "A\": b\r\n", "A/: b\r\n", "A,: b\r\n", "A;: b\r\n", "A=: b\r\n",
      "A@: b\r\n", "A[: b\r\n", "A\\: b\r\n", "A{: b\r\n", "A\0: b\r\n", "A\u{7f}: b\r\n",
      "É: b\r\n", "A: b\0c\r\n", "A: \0\r\n", "A: b\u{1}\r\n", "A: b\u{8}\r\n", "A: \u{b}b\r\n",
      "A: \u{c}b\r\n", "A: b\u{1b}\r\n", "A: b\u{1f}\r\n", "A: b\u{7f}\r\n",
      "A: 01234567\u{1}01234567\r\n", "A: 0123456\u{7f}\r\n", "\0: b\r\n", "\u{b}A: b\r\n",
      "<script>\r\n", "A: b\r\n\n", "\n",
    ])
  func malformed(lines: String) {
    #expect(verdict(Self.head(lines)) == .refused(400))
  }

  @Test("refuse each control byte at each place of a value", arguments: 0..<20)
  func controls(place: Int) {
    for byte in UInt8(0)...UInt8(255) {
      var value = [UInt8](repeating: 0x61, count: 20)
      value[place] = byte
      let bytes =
        Array("GET / HTTP/1.1\r\nHost: h\r\nA:".utf8) + value + Array("b\r\n\r\n".utf8)
      let isAllowed = byte == 9 || byte >= 32 && byte != 127
      #expect(
        Verdict(parseWhole(bytes).outcome) == (isAllowed ? .complete : .refused(400)),
        "byte \(byte)")
    }
  }

  @Test("have names of token characters only")
  func nameBytes() {
    let token = Set("!#$%&'*+-.^_`|~0123456789".utf8)
    for byte in UInt8(0)...UInt8(255) where byte != 0x3a {
      let bytes = Array("GET / HTTP/1.1\r\nHost: h\r\nA".utf8) + [byte] + Array(": b\r\n\r\n".utf8)
      let isToken =
        token.contains(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a && byte < 128)
      #expect(
        Verdict(parseWhole(bytes).outcome) == (isToken ? .complete : .refused(400)), "byte \(byte)")
    }
  }

  @Test("are refused with the byte that is wrong, without waiting for more")
  func early() {
    for (sound, wrong) in [
      ("GET / HTTP/1.1\r\nA: b", "\n"), ("GET / HTTP/1.1", "\n"), ("GET / HTTP/1.1\r\nA", " "),
      ("GET / HTTP/1.1\r\nA: b\r\n", " "), ("GET / HTTP/1.1\r\n", ":"), ("GE", "\0"),
      ("GET /%", "x"), ("GET /a", "\u{7f}"), ("GET / HTTP/1.", "x"), ("GET / HTTP/2.0\r", "\n"),
      ("GET / HTTP/1.1\r\nContent-Length: x\r", "\n"), ("GET / HTTP/1.1\r\nHost: a b\r", "\n"),
      ("GET / HTTP/1.1\r\nA: b\r", "A"), ("GET ", " "),
    ] {
      let bytes = Array((sound + wrong).utf8)
      #expect(Verdict(parseWhole(Array(sound.utf8)).outcome) == .incomplete)
      #expect(Verdict(parseWhole(bytes).outcome) != .incomplete)
      #expect(parseByteByByte(bytes).used == bytes.count)
    }
  }

  @Test(
    "are refused with what is wrong",
    arguments: zip(
      [
        " A: b\r\n", "\tA: b\r\n", "A : b\r\n", ": b\r\n", "A(: b\r\n", "A: b\n", "A: \0\r\n",
        "A: b\rC",
      ],
      [
        Refusal.foldedLine, .foldedLine, .spaceBeforeColon, .emptyFieldName, .invalidFieldName,
        .bareLineFeed, .invalidFieldValue, .bareCarriageReturn,
      ]))
  func messages(lines: String, refusal: Refusal) {
    #expect(parseWhole(Self.head(lines)).outcome == .refused(refusal))
  }

  @Test("lend their values without the white space around them")
  func trimmed() throws {
    let whole = "GET / HTTP/1.1\r\nHost: h\r\nContent-Type: \t text/plain; a=b \t\r\n\r\n"
    let request = try #require(parsed(whole))
    #expect(text(request.contentType, in: whole) == "text/plain; a=b")
  }

  @Test("are known by name in any case")
  func names() throws {
    let whole = """
      GET / HTTP/1.1\r
      hOST: a\r
      AUTHORIZATION: b\r
      origin: c\r
      X-API-Key: d\r
      last-event-id: e\r
      Content-TYPE: f\r
      If-Match: g\r
      IF-NONE-MATCH: i\r
      X-Internal-Request: j\r
      access-control-request-METHOD: k\r
      \r\n
      """
    let request = try #require(parsed(whole))
    let places = [
      request.host, request.authorization, request.origin, request.apiKey, request.lastEventID,
      request.contentType, request.ifMatch, request.ifNoneMatch, request.internalRequest,
      request.accessControlRequestMethod,
    ]
    #expect(places.map { text($0, in: whole) }.joined() == "abcdefgijk")
  }

  @Test("count by their first value where they are repeated, and Authorization is counted")
  func repeated() throws {
    let whole =
      "GET / HTTP/1.1\r\nHost: h\r\nOrigin:\r\nOrigin: b\r\n"
      + "Authorization: c\r\nAuthorization: d\r\n\r\n"
    let request = try #require(parsed(whole))
    #expect(request.origin.isEmpty)
    #expect(text(request.authorization, in: whole) == "c")
    #expect(request.authorizationCount == 2)
  }
}
