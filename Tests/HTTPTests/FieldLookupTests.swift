import Testing

@testable import HTTP

@Suite("Fields looked up by name")
struct FieldLookupTests {
  static func value(_ name: StaticString, in whole: String) -> String? {
    guard let request = parsed(whole) else { return nil }
    let bytes = Array(whole.utf8)
    return request.value(of: name, in: bytes.span).map { text($0, in: whole) }
  }

  static let whole =
    "\r\nGET / HTTP/1.1\r\nHost: h\r\nPREFER: wait=10 \r\nA:\r\nprefer: b\r\n\r\nprefer-not: c\r\n"

  @Test("are found in any case, the first one counts")
  func found() {
    #expect(Self.value("prefer", in: Self.whole) == "wait=10")
    #expect(Self.value("host", in: Self.whole) == "h")
    #expect(Self.value("a", in: Self.whole) == "")
  }

  @Test("are nil where there is none, also if one follows the head")
  func missing() {
    #expect(Self.value("prefer-not", in: Self.whole) == nil)
    #expect(Self.value("get", in: Self.whole) == nil)
  }

  @Test("are found in responses, too")
  func response() {
    let whole = "HTTP/1.1 200 OK\r\nX-Acks: 2\r\n\r\n"
    var parser = ResponseParser()
    var response = Response()
    let bytes = Array(whole.utf8)
    #expect(parser.parse(bytes, into: &response) == .complete)
    #expect(response.value(of: "x-acks", in: bytes.span).map { text($0, in: whole) } == "2")
    #expect(response.value(of: "x-ack", in: bytes.span) == nil)
  }
}
