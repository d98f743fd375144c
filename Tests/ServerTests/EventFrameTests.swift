import Bytes
import HTTP
import Store
import Testing

@testable import Server

@Suite("Event frame")
struct EventFrameTests {
  private let stamp = Stamp(
    hybridTime: 1_618_880_821_123 << 16 | 5, node: 0xabc, boot: 3, sequence: 9)
  private let id = "id: 0178ecd0f7830005-0000000000000abc-00000003-0000000000000009\n"

  private func frame(_ value: String?, owner: String = "alice") -> String {
    let bytes = value.map(utf8)
    let record = Record(
      table: TableID(rawValue: 1), key: utf8("k").span, value: bytes?.span, version: 2,
      hybridTime: stamp.hybridTime, sequence: stamp.sequence, origin: OriginID(rawValue: 0),
      owner: OwnerID(rawValue: 0))
    return text(EventFrame.render(record.view, stamp: stamp, owner: utf8(owner).span))
  }

  @Test("an update carries its version token and the record")
  func update() {
    #expect(
      frame("{\"a\":1}")
        == id
        + #"data: {"event":"Updated","value":{"value":{"a":1},"version":2,"timestamp":1618880821123,"owner":"alice"}}"#
        + "\n\n")
  }

  @Test("a delete says no more than that")
  func delete() {
    #expect(frame(nil) == id + "data: {\"event\":\"Deleted\"}\n\n")
  }

  @Test("each line of a value is a data line of its own")
  func lines() {
    #expect(
      frame("{\n  \"a\":\r\n[\r1 ]\n}")
        == id + #"data: {"event":"Updated","value":{"value":{"# + "\n"
        + "data:   \"a\":\ndata: [\ndata: 1 ]\n"
        + #"data: },"version":2,"timestamp":1618880821123,"owner":"alice"}}"# + "\n\n")
  }

  @Test("what a reader of event streams gets is the record, byte for byte but for carriage returns")
  func reader() {
    for value in [
      "1", "{\"a\":\n\n[1,\n2]\n}", "\"\u{2028}\\u0000\\n\"", "{\"a\": \"data: x\"}",
      String(repeating: "[", count: 50) + String(repeating: "]", count: 50),
    ] {
      var data: [String] = []
      for line in frame(value).split(separator: "\n", omittingEmptySubsequences: false)
      where line.hasPrefix("data: ") {
        data.append(String(line.dropFirst(6)))
      }
      #expect(
        data.joined(separator: "\n") == "{\"event\":\"Updated\",\"value\":{\"value\":" + value
          + ",\"version\":2,\"timestamp\":1618880821123,\"owner\":\"alice\"}}")
    }
  }

  @Test("names with line breaks stay on their line")
  func owner() {
    #expect(frame("1", owner: "a\nid: 1").contains(#""owner":"a\nid: 1"}}"#))
  }
}
