import Foundation
import Testing

/// Contract §7, HTTP: what is malformed is refused, the connection closed, nothing behind executed.
@Suite("HTTP: refusals", .blocking)
struct HTTPRefusalTests {
  static let node = SharedNode()

  /// Sends `bytes` and, behind them, a whole valid PUT on the same connection. Expects one response
  /// of one of `statuses`, then the end of the connection, and no trace of the PUT.
  private func refused(_ bytes: ByteText, _ statuses: [Int]) throws {
    let alice = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let link = try RawConnection(port: Self.node().port)
    try? link.send(bytes + alice.request("PUT", "/\(table)/key/behind", "{}"))
    let response = try link.readResponse()
    #expect(statuses.contains(response.status), "got \(response.status) \(response.body)")
    #expect(response.list("Connection").contains { $0.lowercased() == "close" })
    #expect(response["Content-Type"]?.hasPrefix("application/json") == true)
    #expect(response.error?.isEmpty == false)
    #expect(response["Date"] != nil)
    #expect(try link.readToEnd().isEmpty, "a second response")
    #expect(try alice.get(table, "behind").status == 404, "what came behind was executed")
  }

  private static func get(_ fields: String) -> ByteText {
    ByteText("GET /default/key/k HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n")
  }

  private static func put(_ fields: String, _ body: String = "") -> ByteText {
    let token = Token.user("alice")
    return ByteText(
      "PUT /refused/key/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n"
        + fields + "\r\n\r\n" + body)
  }

  // MARK: Lines and fields

  static let lines: [Case<[Int]>] = [
    Case("bare LF after the request line", "GET /heartbeat HTTP/1.1\nHost: x\r\n\r\n", [400]),
    Case("bare LF after a field", "GET /heartbeat HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", [400]),
    Case("bare LFs only", "GET /heartbeat HTTP/1.1\nHost: x\n\n", [400]),
    Case("LF LF as the end of the head", "GET /heartbeat HTTP/1.1\r\nHost: x\n\n", [400]),
    Case("CR LF LF as the end", "GET /heartbeat HTTP/1.1\r\nHost: x\r\n\n", [400]),
    Case("bare CR in a value", get("A: b\rc"), [400]),
    Case("bare CR as the end of a line", get("A: b\rTransfer-Encoding: chunked"), [400]),
    Case("CR CR LF", get("A: b\r"), [400]),
    Case("bare CR in the request line", "GET /heartbeat\r HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("folded line, space", get("A: b\r\n c"), [400]),
    Case("folded line, tab", get("A: b\r\n\tc"), [400]),
    Case("folded Transfer-Encoding", put("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), [400]),
    Case("space before the first field", "GET /heartbeat HTTP/1.1\r\n Host: x\r\n\r\n", [400]),
    Case("space before the colon", get("A : b"), [400]),
    Case("tab before the colon", get("A\t: b"), [400]),
    Case("space before the colon of Content-Length", put("Content-Length : 2", "{}"), [400]),
    Case("NUL in a value", get("A: b\0c"), [400]),
    Case("NUL in a name", get("A\0: b"), [400]),
    Case("a control character in a value", get("A: b\u{1}c"), [400]),
    Case("DEL in a value", get("A: b\u{7f}"), [400]),
    Case("empty name", get(": b"), [400]),
    Case("no colon", get("Accept"), [400]),
    Case("space in a name", get("A B: c"), [400]),
    Case("parenthesis in a name", get("A(b): c"), [400]),
    Case("slash in a name", get("A/b: c"), [400]),
    Case("name not ASCII", get("\u{c4}: c"), [400]),
    Case("quotes in a name", get("\"A\": c"), [400]),
    Case("brackets in a name", get("[A]: c"), [400]),
    Case("vertical tab before Transfer-Encoding", put("\u{b}Transfer-Encoding: chunked", "0\r\n\r\n"), [400]),
  ]

  @Test("a malformed line is 400:", arguments: lines)
  func malformedLine(row: Case<[Int]>) throws { try refused(row.input, row.expected) }

  // MARK: Request line

  static let requestLines: [Case<[Int]>] = [
    Case("two spaces", "GET  /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("two spaces before the version", "GET /heartbeat  HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("a space behind", "GET /heartbeat HTTP/1.1 \r\nHost: x\r\n\r\n", [400]),
    Case("a tab", "GET\t/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("a space in front", " GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("a space in the target", "GET /heart beat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("no version", "GET /heartbeat\r\nHost: x\r\n\r\n", [400, 505]),
    Case("no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("method only", "GET\r\nHost: x\r\n\r\n", [400]),
    Case("target without slash", "GET heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("method with a parenthesis", "G(T /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400, 501]),
    Case("method not ASCII", "G\u{cb}T /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400, 501]),
    Case("a control character in the target", "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("DEL in the target", "GET /a\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("HTTP/2.0", "GET /heartbeat HTTP/2.0\r\nHost: x\r\n\r\n", [505]),
    Case("HTTP/3.0", "GET /heartbeat HTTP/3.0\r\nHost: x\r\n\r\n", [505]),
    Case("HTTP/0.9", "GET /heartbeat HTTP/0.9\r\nHost: x\r\n\r\n", [505]),
    Case("HTTP/11", "GET /heartbeat HTTP/11\r\nHost: x\r\n\r\n", [400, 505]),
    Case("HTTP/1.", "GET /heartbeat HTTP/1.\r\nHost: x\r\n\r\n", [400, 505]),
    Case("HTTP/1.1.1", "GET /heartbeat HTTP/1.1.1\r\nHost: x\r\n\r\n", [400, 505]),
    Case("HTTP/01.1", "GET /heartbeat HTTP/01.1\r\nHost: x\r\n\r\n", [400, 505]),
    Case("http/1.1", "GET /heartbeat http/1.1\r\nHost: x\r\n\r\n", [400, 505]),
    Case("HTTPS/1.1", "GET /heartbeat HTTPS/1.1\r\nHost: x\r\n\r\n", [400, 505]),
    Case("HTTP/1,1", "GET /heartbeat HTTP/1,1\r\nHost: x\r\n\r\n", [400, 505]),
    Case("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]),
    Case("* for GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    Case("a TLS greeting", ByteText([22, 3, 1, 0, 5, 1, 0, 0, 1, 0, 13, 10, 13, 10]), [400]),
  ]

  @Test("a malformed request line is refused:", arguments: requestLines)
  func malformedRequestLine(row: Case<[Int]>) throws { try refused(row.input, row.expected) }

  // MARK: Host

  static let hosts: [Case<[Int]>] = [
    Case("none in HTTP/1.1", "GET /heartbeat HTTP/1.1\r\n\r\n", [400]),
    Case("two", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", [400]),
    Case("two equal", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", [400]),
    Case("two in HTTP/1.0", "GET /heartbeat HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", [400]),
    Case("space inside", "GET /heartbeat HTTP/1.1\r\nHost: a b\r\n\r\n", [400]),
    Case("slash", "GET /heartbeat HTTP/1.1\r\nHost: a/b\r\n\r\n", [400]),
    Case("user", "GET /heartbeat HTTP/1.1\r\nHost: u@h\r\n\r\n", [400]),
    Case("scheme", "GET /heartbeat HTTP/1.1\r\nHost: http://h\r\n\r\n", [400]),
    Case("port no number", "GET /heartbeat HTTP/1.1\r\nHost: h:x\r\n\r\n", [400]),
    Case("two ports", "GET /heartbeat HTTP/1.1\r\nHost: h:1:2\r\n\r\n", [400]),
    Case("query", "GET /heartbeat HTTP/1.1\r\nHost: h?x\r\n\r\n", [400]),
    Case("bracket open", "GET /heartbeat HTTP/1.1\r\nHost: [::1\r\n\r\n", [400]),
    Case("backslash", "GET /heartbeat HTTP/1.1\r\nHost: h\\x\r\n\r\n", [400]),
    Case("bad escape", "GET /heartbeat HTTP/1.1\r\nHost: h%zz\r\n\r\n", [400]),
  ]

  @Test("there is exactly one Host, of its grammar:", arguments: hosts)
  func host(row: Case<[Int]>) throws { try refused(row.input, row.expected) }

  // MARK: Lengths and codings

  static let lengths: [Case<[Int]>] = [
    Case("plus", put("Content-Length: +2", "{}"), [400]),
    Case("minus", put("Content-Length: -1"), [400]),
    Case("minus zero", put("Content-Length: -0"), [400]),
    Case("letter behind", put("Content-Length: 2a", "{}"), [400]),
    Case("hexadecimal", put("Content-Length: 0x2", "{}"), [400]),
    Case("fraction", put("Content-Length: 2.0", "{}"), [400]),
    Case("empty", put("Content-Length: ", "{}"), [400]),
    Case("two numbers", put("Content-Length: 2 2", "{}"), [400]),
    Case("two lengths", put("Content-Length: 2\r\nContent-Length: 3", "{} "), [400]),
    Case("two lengths in one list", put("Content-Length: 2, 3", "{} "), [400]),
    Case("two spellings", put("Content-Length: 2\r\nContent-Length: 02", "{}"), [400]),
    Case("beyond 64 bits", put("Content-Length: 18446744073709551618", "{}"), [400, 413]),
    Case("beyond 64 bits, signed", put("Content-Length: 9223372036854775808", "{}"), [400, 413]),
    Case("of GET malformed", get("Content-Length: x"), [400]),
    Case("digits not ASCII", put("Content-Length: \u{0662}", "{}"), [400]),
    Case("vertical tab", put("Content-Length:\u{b}2", "{}"), [400]),
  ]

  @Test("Content-Length is plain decimal digits, equal if repeated:", arguments: lengths)
  func length(row: Case<[Int]>) throws { try refused(row.input, row.expected) }

  static let codings: [Case<[Int]>] = [
    Case("gzip", put("Transfer-Encoding: gzip", "x"), [501]),
    Case("gzip, chunked", put("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), [501, 400]),
    Case("chunked, gzip", put("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), [400, 501]),
    Case("chunked twice", put("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), [400, 501]),
    Case("two fields", put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), [400, 501]),
    Case("two fields, identity", put("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), [400, 501]),
    Case("identity", put("Transfer-Encoding: identity", "{}"), [400, 501]),
    Case("xchunked", put("Transfer-Encoding: xchunked", "0\r\n\r\n"), [501]),
    Case("chunkedx", put("Transfer-Encoding: chunkedx", "0\r\n\r\n"), [501]),
    Case("empty", put("Transfer-Encoding: ", "0\r\n\r\n"), [400, 501]),
    Case("a comma", put("Transfer-Encoding: , chunked", "0\r\n\r\n"), [400, 501]),
    Case("a parameter", put("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), [400, 501]),
    Case("quoted", put("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), [400, 501]),
    Case("vertical tab", put("Transfer-Encoding: \u{b}chunked", "0\r\n\r\n"), [400, 501]),
    Case("with a length before", put("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), [400]),
    Case("with a length behind", put("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), [400]),
    Case("with a length, of GET", get("Transfer-Encoding: chunked\r\nContent-Length: 0"), [400]),
    Case(
      "in HTTP/1.0",
      "POST /default/keys HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", [400, 501]),
  ]

  @Test("chunked is the only coding and stands alone, without a length:", arguments: codings)
  func coding(row: Case<[Int]>) throws { try refused(row.input, row.expected) }

  // MARK: Chunks

  private static func chunks(_ body: String) -> ByteText { put("Transfer-Encoding: chunked", body) }

  static let badChunks: [Case<[Int]>] = [
    Case("size no number", chunks("zz\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("no size", chunks("\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("minus", chunks("-2\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("plus", chunks("+2\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("0x", chunks("0x2\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("space before", chunks(" 2\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("space behind", chunks("2 \r\n{}\r\n0\r\n\r\n"), [400]),
    Case("bare LF behind the size", chunks("2\n{}\r\n0\r\n\r\n"), [400]),
    Case("bare LF behind the data", chunks("2\r\n{}\n0\r\n\r\n"), [400]),
    Case("no line end behind the data", chunks("2\r\n{}0\r\n\r\n"), [400]),
    Case("data longer than the size", chunks("1\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("bare CR behind the size", chunks("2\r{}\r\n0\r\n\r\n"), [400]),
    Case("size beyond 64 bits", chunks("10000000000000002\r\n{}\r\n0\r\n\r\n"), [400, 413]),
    Case("size of 63 bits", chunks("7fffffffffffffff\r\n{}\r\n0\r\n\r\n"), [400, 413]),
    Case("size of 64 bits", chunks("ffffffffffffffff\r\n{}\r\n0\r\n\r\n"), [400, 413]),
    Case("many zeros in front", chunks(String(repeating: "0", count: 5000) + "2\r\n{}\r\n0\r\n\r\n"), [400, 413]),
    Case("extension without end", chunks("2;" + String(repeating: "x", count: 40_000) + "\r\n{}\r\n0\r\n\r\n"), [400, 413, 431]),
    Case("bare LF in an extension", chunks("2;a\n{}\r\n0\r\n\r\n"), [400]),
    Case("NUL in an extension", chunks("2;a\0\r\n{}\r\n0\r\n\r\n"), [400]),
    Case("malformed trailer", chunks("2\r\n{}\r\n0\r\nbad trailer\r\n\r\n"), [400]),
    Case("folded trailer", chunks("2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n"), [400]),
    Case("space before the colon of a trailer", chunks("2\r\n{}\r\n0\r\nA : b\r\n\r\n"), [400]),
    Case("bare LF in a trailer", chunks("2\r\n{}\r\n0\r\nA: b\n\r\n"), [400]),
    Case("bare LF as the end", chunks("2\r\n{}\r\n0\r\n\n"), [400]),
    Case("trailers without end", chunks("2\r\n{}\r\n0\r\n" + String(repeating: "A: b\r\n", count: 20_000) + "\r\n"), [400, 413, 431]),
  ]

  @Test("the grammar of chunks is strict:", arguments: badChunks)
  func chunk(row: Case<[Int]>) throws {
    try refused(row.input, row.expected)
    #expect(try Client(Self.node()).get("refused", "k").status == 404)
  }

  // MARK: Sizes

  @Test("a request line without end is 414, a head without end 431, 101 fields too")
  func tooLong() throws {
    let long = String(repeating: "x", count: 20_000)
    try refused(ByteText("GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n"), [414])
    try refused(ByteText("GET /\(long)"), [414])
    try refused(Self.get("A: \(long)"), [431])
    try refused(ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\n\(long)"), [431, 400])
    let many = (0..<100).map { "A\($0): b" }.joined(separator: "\r\n")
    try refused(Self.get(many), [431])
    let small = String(repeating: "A: b\r\n", count: 5000)
    try refused(Self.get(small + "A: b"), [431])
  }

  @Test("100 fields and 8,000 octets of request line are accepted")
  func longEnough() throws {
    let link = try RawConnection(port: Self.node().port)
    let many = (0..<99).map { "A\($0): b\r\n" }.joined()
    try link.send(ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\n\(many)\r\n"))
    #expect(try link.readResponse().status == 200)
    let fill = String(repeating: "q", count: 8000 - "GET /heartbeat? HTTP/1.1".utf8.count)
    try link.send(ByteText("GET /heartbeat?\(fill) HTTP/1.1\r\nHost: x\r\n\r\n"))
    #expect(try link.readResponse().status == 200)
  }

  @Test("the limits of the head are named in the error")
  func limitsNamed() throws {
    let long = String(repeating: "x", count: 20_000)
    let many = (0..<100).map { "A\($0): b" }.joined(separator: "\r\n")
    for (request, names) in [
      (Self.get("A: \(long)"), ["16 KiB", "16384", "16,384"]), (Self.get(many), ["100"]),
    ] {
      let link = try RawConnection(port: Self.node().port)
      try? link.send(request)
      let error = try link.readResponse().error ?? ""
      #expect(names.contains { error.contains($0) }, "\(error)")
    }
  }

  // MARK: Over-long bodies

  @Test("an over-long body is 413 from its head alone")
  func bodyTooLong() throws {
    let link = try RawConnection(port: Self.node().port)
    try link.send(Self.put("Content-Length: 8388609"))
    let response = try link.readResponse(to: "PUT")
    #expect(response.status == 413)
    #expect(response.announcesClose)
    #expect(try link.readToEnd().isEmpty)
  }

  @Test("a client that sends its over-long body before it reads can read the 413")
  func bodyTooLongSent() throws {
    for bytes in [9 << 20, 40 << 20] {
      let link = try RawConnection(port: Self.node().port)
      try link.send(Self.put("Content-Length: \(bytes)"))
      let piece = ByteText([UInt8](repeating: 0x20, count: 1 << 20))
      do {
        for _ in 0..<(bytes >> 20) { try link.send(piece, deadline: .in(seconds: 10)) }
      } catch {}  // A server may stop reading; what it said must still be there.
      #expect(try link.readResponse(to: "PUT").status == 413, "\(bytes >> 20) MiB")
    }
  }

  @Test("chunked bodies are cut off at the same limit, readably")
  func chunkedTooLong() throws {
    let link = try RawConnection(port: Self.node().port)
    try link.send(Self.put("Transfer-Encoding: chunked"))
    let piece = ByteText("100000\r\n") + ByteText([UInt8](repeating: 0x20, count: 1 << 20)) + "\r\n"
    do {
      for _ in 0..<10 { try link.send(piece, deadline: .in(seconds: 10)) }
      try link.send("0\r\n\r\n")
    } catch {}
    #expect(try link.readResponse(to: "PUT").status == 413)
    let announced = try RawConnection(port: Self.node().port)
    try announced.send(Self.put("Transfer-Encoding: chunked", "800001\r\n"))
    #expect(try announced.readResponse(to: "PUT").status == 413, "from the size of the chunk alone")
  }

  @Test("an over-long body announced with Expect is 413 without 100")
  func expectTooLong() throws {
    let link = try RawConnection(port: Self.node().port)
    try link.send(Self.put("Expect: 100-continue\r\nContent-Length: 99999999"))
    let head = try link.readHead()
    #expect(head?.status == 413)
  }
}
