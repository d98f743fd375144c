import Testing

@testable import HTTP

@Suite("What a request asks of the connection")
struct RequestMeaningTests {
  static func head(_ lines: String, version: String = "1.1") -> String {
    "PUT /t/key/k HTTP/\(version)\r\nHost: h\r\n\(lines)\r\n"
  }

  @Test(
    "keeps it in HTTP/1.1 and closes it in HTTP/1.0, unless Connection says otherwise",
    arguments: [
      ("1.1", "", true), ("1.2", "", true), ("1.0", "", false),
      ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: CLOSE\r\n", false),
      ("1.1", "Connection: keep-alive\r\n", true), ("1.0", "Connection: keep-alive\r\n", true),
      ("1.0", "connection: Keep-Alive\r\n", true), ("1.0", "Connection: close\r\n", false),
      ("1.1", "Connection: upgrade, close\r\n", false), ("1.1", "Connection: ,close,\r\n", false),
      ("1.1", "Connection: a\r\nConnection: close\r\n", false),
      ("1.0", "Connection: keep-alive, close\r\n", false),
      ("1.1", "Connection: closed\r\n", true), ("1.1", "Connection: not close\r\n", true),
      ("1.1", "Connection: \"close\"\r\n", true), ("1.1", "Connection: x-close\tclose\r\n", true),
      ("1.1", "Connection: upgrade,\tclose \r\n", false), ("1.1", "Connection:\r\n", true),
      ("1.0", "Connection: TE\r\nConnection: keep-alive\r\n", true),
    ])
  func keepAlive(version: String, lines: String, expected: Bool) {
    #expect(parsed(Self.head(lines, version: version))?.keepAlive == expected)
  }

  @Test(
    "waits for 100 Continue where it expects it and has a body",
    arguments: [
      ("1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n", true),
      ("1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", true),
      ("1.1", "Content-Length: 1\r\nexpect:100-CONTINUE\r\n", true),
      ("1.1", "Expect: 100-continue\r\n", false),
      ("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", false),
      ("1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", false),
      ("1.1", "Content-Length: 1\r\n", false),
    ])
  func expectation(version: String, lines: String, expected: Bool) {
    #expect(parsed(Self.head(lines, version: version))?.expectContinue == expected)
  }

  @Test(
    "is refused with 417 where it expects anything else",
    arguments: [
      "Expect: 200-ok\r\n", "Expect: 100-continue, x\r\n", "Expect: 100\r\n",
      "Expect: 100-continue;a=b\r\n", "Expect: 100-continue\r\nExpect: y\r\n",
    ])
  func unknownExpectation(lines: String) {
    #expect(verdict(Array(Self.head(lines).utf8)) == .refused(417))
  }

  @Test(
    "wants problem details where Accept lists them",
    arguments: [
      ("", false), ("Accept: */*\r\n", false), ("Accept: application/json\r\n", false),
      ("Accept: application/problem+json\r\n", true),
      ("Accept: Application/Problem+JSON\r\n", true),
      ("Accept: text/html, application/problem+json;q=0.5\r\n", true),
      ("Accept: application/problem+json ; a=b\r\n", true),
      ("Accept: a/b\r\nAccept: application/problem+json\r\n", true),
      ("Accept: application/problem+json;q=0\r\n", false),
      ("Accept: application/problem+json; Q=0.000\r\n", false),
      ("Accept: application/problem+json;q=0.001\r\n", true),
      ("Accept: application/problem+jsonx\r\n", false),
      ("Accept: text/plain;a=\",application/problem+json,\"\r\n", false),
      ("Accept: text/plain;a=\"\\\",application/problem+json,\"\r\n", false),
    ])
  func problemDetails(lines: String, expected: Bool) {
    #expect(parsed(Self.head(lines))?.acceptsProblemJSON == expected)
  }

  @Test("comes in the version that it says, with later minor ones read as 1")
  func minorVersion() {
    #expect(parsed(Self.head("", version: "1.0"))?.minorVersion == 0)
    #expect(parsed(Self.head("", version: "1.1"))?.minorVersion == 1)
    #expect(parsed(Self.head("", version: "1.7"))?.minorVersion == 1)
  }

  @Test("is announced with its length also where that exceeds the limit")
  func longBody() {
    #expect(parsed(Self.head("Content-Length: 99999999999\r\n"))?.contentLength == 99_999_999_999)
  }

  @Test("is read from the front of a pipeline, one at a time")
  func pipeline() {
    let messages = [
      "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "\r\nGET /b HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
      "DELETE /c HTTP/1.1\r\nHost: i\r\nConnection: close\r\n\r\n",
    ]
    var rest = Array(messages.joined().utf8)
    var parser = RequestParser()
    var request = Request()
    for message in messages {
      #expect(parser.parse(rest, into: &request) == .complete)
      #expect(request.headBytes == message.utf8.count)
      #expect(request == parsed(message))
      rest.removeFirst(request.headBytes)
    }
    #expect(parser.parse(rest, into: &request) == .incomplete)
    #expect(!parser.isInsideMessage)
  }
}
