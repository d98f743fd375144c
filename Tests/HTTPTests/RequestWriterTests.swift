import Bytes
import Testing

@testable import HTTP

@Suite("Request heads")
struct RequestWriterTests {
  static func head(
    _ method: HTTP.Method, _ target: String, fields: String = "", contentLength: Int? = nil
  ) -> String {
    var buffer = ByteBuffer()
    RequestWriter.appendHead(
      method, target: Array(target.utf8).span, host: Array("node:6660".utf8).span,
      fields: Array(fields.utf8).span, contentLength: contentLength, to: &buffer)
    return buffer.text
  }

  @Test("have these bytes")
  func golden() {
    #expect(Self.head(.get, "/a?b=c") == "GET /a?b=c HTTP/1.1\r\nHost: node:6660\r\n\r\n")
    #expect(
      Self.head(.put, "/a", fields: "A: b\r\nC: d\r\n", contentLength: 5)
        == "PUT /a HTTP/1.1\r\nHost: node:6660\r\nContent-Length: 5\r\nA: b\r\nC: d\r\n\r\n")
  }

  @Test(
    "are understood by our own server",
    arguments: [HTTP.Method.get, .head, .post, .put, .patch, .delete, .options])
  func roundTrip(method: HTTP.Method) {
    let bytes = Array(Self.head(method, "/t/key/k?a=b", contentLength: 7).utf8)
    var parser = RequestParser()
    var request = Request()
    #expect(parser.parse(bytes.span, limits: HTTPLimits(), into: &request) == .complete)
    #expect(request.method == method)
    #expect(request.framing == .length(7))
    #expect(request.headBytes == bytes.count)
  }

  @Test(
    "have no target that could end the request line",
    arguments: [
      ("/", true), ("/a%20b?c=d&e", true), ("", false), ("a", false), ("/a b", false),
      ("/a\r\nX: y", false), ("/é", false), ("/\u{7f}", false), ("/a\tb", false),
    ])
  func target(target: String, expected: Bool) {
    #expect(RequestWriter.isTarget(Array(target.utf8).span) == expected)
  }
}
