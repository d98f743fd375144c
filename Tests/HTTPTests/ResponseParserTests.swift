import Testing

@testable import HTTP

@Suite("Responses, read")
struct ResponseParserTests {
  /// The response, read whole, byte by byte and with bytes behind it; nil where they differ.
  static func read(_ text: String) -> (outcome: ParseOutcome, response: Response)? {
    let bytes = Array(text.utf8)
    var parser = ResponseParser()
    var whole = Response()
    let outcome = parser.parse(bytes.span, limits: HTTPLimits(), into: &whole)

    var pieces = Response()
    var piecesOutcome = ParseOutcome.incomplete
    var count = 0
    while piecesOutcome == .incomplete, count < bytes.count {
      count += 1
      pieces = Response()
      piecesOutcome = parser.parse(
        bytes.span.extracting(0..<count), limits: HTTPLimits(), into: &pieces)
    }
    guard piecesOutcome == outcome else { return nil }
    guard outcome != .incomplete else { return (outcome, whole) }
    var trailing = Response()
    parser.reset()
    let trailingOutcome = parser.parse(
      (bytes + Array("HTTP/1.1 500 X\r\n\r\n".utf8)).span, limits: HTTPLimits(), into: &trailing)
    guard trailingOutcome == outcome else { return nil }
    guard outcome != .complete || whole == pieces && whole == trailing else { return nil }
    return (outcome, whole)
  }

  @Test(
    "have a status",
    arguments: [
      ("HTTP/1.1 200 OK\r\n\r\n", 200), ("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n", 404),
      ("HTTP/1.1 200 \r\n\r\n", 200), ("HTTP/1.1 200\r\n\r\n", 200),
      ("HTTP/1.1 507 é\tb\r\n\r\n", 507),
      ("HTTP/1.1 999 x\r\n\r\n", 999), ("HTTP/1.5 100 Continue\r\n\r\n", 100),
    ] as [(String, UInt16)])
  func status(text: String, status: UInt16) throws {
    let read = try #require(Self.read(text))
    #expect(read.outcome == .complete)
    #expect(read.response.status == status)
    #expect(read.response.headBytes == text.utf8.count)
  }

  @Test(
    "are refused where they are malformed",
    arguments: [
      "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "\u{16}\u{3}\u{1}",
      "SSH-2.0-x",
      "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.x 200 OK\r\n\r\n",
    ])
  func malformed(text: String) throws {
    let read = try #require(Self.read(text))
    guard case .refused = read.outcome else {
      Issue.record("not refused")
      return
    }
  }

  @Test(
    "end their bodies by their framing",
    arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method.get, BodyFraming.length(5)),
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .head, .length(0)),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .get, .chunked),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .head, .length(0)),
      ("HTTP/1.1 200 OK\r\n\r\n", .get, .untilClose), ("HTTP/1.1 204 x\r\n\r\n", .get, .length(0)),
      ("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", .get, .length(0)),
      ("HTTP/1.1 100 x\r\n\r\n", .put, .length(0)),
    ])
  func framing(text: String, method: Method, framing: BodyFraming) {
    #expect(Self.read(text)?.response.framing(toRequest: method) == framing)
  }

  @Test(
    "keep the connection by version, Connection and framing",
    arguments: [
      ("HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", true),
      ("HTTP/1.1 200 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
      ("HTTP/1.0 200 x\r\nContent-Length: 0\r\n\r\n", false),
      ("HTTP/1.0 200 x\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
      ("HTTP/1.1 200 x\r\n\r\n", false), ("HTTP/1.1 204 x\r\n\r\n", true),
    ])
  func keepAlive(text: String, expected: Bool) {
    #expect(Self.read(text)?.response.keepAlive == expected)
  }

  @Test("lend the values that our client uses")
  func fields() throws {
    let whole =
      "HTTP/1.1 429 x\r\nretry-after: 60\r\nETag: \"a\"\r\nContent-Type: text/plain\r\n\r\n"
    let response = try #require(Self.read(whole)).response
    #expect(text(response.retryAfter, in: whole) == "60")
    #expect(text(response.entityTag, in: whole) == "\"a\"")
    #expect(text(response.contentType, in: whole) == "text/plain")
  }

  @Test("are bounded")
  func limits() {
    let fields = String(repeating: "A: b\r\n", count: 101)
    #expect(Self.read("HTTP/1.1 200 OK\r\n\(fields)\r\n")?.outcome == .refused(.tooManyFields))
    let value = String(repeating: "b", count: 20_000)
    #expect(Self.read("HTTP/1.1 200 OK\r\nA: \(value)\r\n\r\n")?.outcome == .refused(.headTooLong))
    #expect(Self.read("HTTP/1.1 200 \(value)\r\n\r\n")?.outcome == .refused(.headTooLong))
  }
}
