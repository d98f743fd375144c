import Bytes
import Testing

@testable import HTTP

@Suite("Event streams, written")
struct EventStreamTests {
  static func event(id: String = "", type: StaticString = "", data: String) -> String {
    var buffer = ByteBuffer()
    EventStream.appendEvent(
      id: Array(id.utf8).span, type: type, data: Array(data.utf8).span, to: &buffer)
    return buffer.text
  }

  @Test("have these bytes")
  func golden() {
    #expect(Self.event(id: "7", data: "{}") == "id: 7\ndata: {}\n\n")
    #expect(Self.event(data: "a") == "data: a\n\n")
    #expect(Self.event(type: "t", data: "") == "event: t\ndata: \n\n")
    var buffer = ByteBuffer()
    EventStream.appendRetry(milliseconds: 1000, to: &buffer)
    EventStream.appendComment("hello", to: &buffer)
    #expect(buffer.text == "retry: 1000\n\n: hello\n\n")
  }

  @Test(
    "have one data line for each line of the data",
    arguments: [
      ("a\nb", "data: a\ndata: b\n\n"), ("a\r\nb", "data: a\ndata: b\n\n"),
      ("a\rb", "data: a\ndata: b\n\n"), ("a\n", "data: a\ndata: \n\n"),
      ("\n\r", "data: \ndata: \ndata: \n\n"), ("a\n\nid: 1", "data: a\ndata: \ndata: id: 1\n\n"),
    ])
  func lines(data: String, expected: String) {
    #expect(Self.event(data: data) == expected)
  }

  @Test(
    "are read back as they were meant",
    arguments: ["{\"a\":\"b\"}", "", "a\nb", "\n", " a", ": a", "data: a\n\n\nx", "\u{2028}é\0"])
  func roundTrip(data: String) {
    var parser = EventStreamParser()
    var events: [ServerSentEvent] = []
    parser.parse(Array(Self.event(id: "x 1", type: "t", data: data).utf8).span, into: &events)
    #expect(
      events == [
        ServerSentEvent(
          type: Array("t".utf8), data: Array(data.utf8), lastEventID: Array("x 1".utf8))
      ])
  }
}

@Suite("Event streams, read")
struct EventStreamParserTests {
  /// Events as `type/data/id`, read whole and byte by byte; nil where the two differ.
  static func events(_ stream: [UInt8]) -> [String]? {
    var parser = EventStreamParser()
    var whole: [ServerSentEvent] = []
    parser.parse(stream.span, into: &whole)
    var pieces: [ServerSentEvent] = []
    parser = EventStreamParser()
    for byte in stream { parser.parse([byte].span, into: &pieces) }
    guard whole == pieces else { return nil }
    return whole.map { event in
      [event.type, event.data, event.lastEventID]
        .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }
  }

  static func events(_ stream: String) -> [String]? { events(Array(stream.utf8)) }

  @Test("join data lines with LF, as in the first example of the specification")
  func joined() {
    #expect(
      Self.events("data: YHOO\ndata: +2\ndata: 10\n\n") == ["message/YHOO\n+2\n10/"])
  }

  @Test("pass over comments, keep ids and reset them, as in the second example")
  func identifiers() {
    let stream =
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    #expect(
      Self.events(stream) == [
        "message/first event/1", "message/second event/", "message/ third event/",
      ])
  }

  @Test("fire for empty data, but not for what the stream breaks off, as in the third example")
  func emptyData() {
    #expect(Self.events("data\n\ndata\ndata\n\ndata:") == ["message//", "message/\n/"])
  }

  @Test("drop one space behind the colon, as in the fourth example")
  func space() {
    #expect(Self.events("data:test\n\ndata: test\n\n") == ["message/test/", "message/test/"])
  }

  @Test("name their events, and only the next one", arguments: ["add", "remove"])
  func types(name: String) {
    #expect(
      Self.events("event: \(name)\ndata: 1\n\ndata: 2\n\n") == ["\(name)/1/", "message/2/"])
  }

  @Test(
    "end lines with LF, CR or CR LF, also mixed",
    arguments: [
      "data: a\r\rdata: b\r\r", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\n\rdata: b\r\n\n",
    ])
  func lineEnds(stream: String) {
    #expect(Self.events(stream) == ["message/a/", "message/b/"])
  }

  @Test(
    "drop a byte order mark at the beginning, and only there",
    arguments: [
      ([0xef, 0xbb, 0xbf], "", ["message/a/"]), ([0xef, 0xbb], "", []), ([], "x\n", ["message/a/"]),
      ([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf], "", []), ([0x0a, 0xef, 0xbb, 0xbf], "", []),
    ] as [([UInt8], String, [String])])
  func byteOrderMark(mark: [UInt8], more: String, expected: [String]) {
    #expect(Self.events(mark + Array((more + "data: a\n\n").utf8)) == expected)
  }

  @Test("ignore ids with NUL, unknown fields, and events without data")
  func ignored() {
    #expect(
      Self.events(
        "id: 1\n\nid: 2\0\nfoo: bar\nDATA: x\ndata2: x\n data: y\nevent: z\n\ndata: a\n\n")
        == ["message/a/1"])
  }

  @Test(
    "take a reconnection time of digits only",
    arguments: [
      ("retry: 100\n", 100), ("retry:100\n", 100), ("retry: 1a\n", nil), ("retry: -1\n", nil),
      ("retry:\n", nil), ("retry: 1 \n", nil), ("retry: 5\nretry: x\n", 5),
      ("retry: 99999999999999999999999\n", nil),
    ] as [(String, UInt64?)])
  func retry(stream: String, expected: UInt64?) {
    var parser = EventStreamParser()
    var events: [ServerSentEvent] = []
    parser.parse(Array(stream.utf8).span, into: &events)
    #expect(parser.retryMilliseconds == expected)
  }

  @Test("remember the last id for the next connection, once its event is sent off")
  func lastEventID() {
    var parser = EventStreamParser()
    var events: [ServerSentEvent] = []
    parser.parse(Array("id: 1\n".utf8).span, into: &events)
    #expect(parser.lastEventID.isEmpty)
    parser.parse(Array("\n".utf8).span, into: &events)
    #expect(parser.lastEventID == Array("1".utf8))
    #expect(events.isEmpty)
  }

  @Test("stop where a line or an event exceeds the limit")
  func limit() {
    for stream in ["data: 123456789\n\n", "data: 12345\ndata: 12345\n\n"] {
      var parser = EventStreamParser(eventBytesMax: 14)
      var events: [ServerSentEvent] = []
      parser.parse(Array(stream.utf8).span, into: &events)
      #expect(parser.isOverLimit)
      #expect(events.isEmpty)
    }
  }
}
