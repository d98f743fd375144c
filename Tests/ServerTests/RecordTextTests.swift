import Bytes
import Foundation
import Store
import Testing

@testable import Server

@Suite("Record text")
struct RecordTextTests {
  private func record(
    _ value: String, version: UInt64 = 1, milliseconds: UInt64 = 1_618_880_821_123,
    owner: [UInt8] = utf8("alice")
  ) -> (text: [UInt8], count: Int) {
    let bytes = written {
      RecordText.append(
        value: utf8(value).span, version: version, milliseconds: milliseconds, owner: owner.span,
        to: &$0)
    }
    let count = RecordText.count(
      value: utf8(value).span, version: version, milliseconds: milliseconds, owner: owner.span)
    return (bytes, count)
  }

  @Test("a record reads as the contract has it")
  func golden() {
    #expect(
      text(record("{\"a\": 1}").text)
        == #"{"value":{"a": 1},"version":1,"timestamp":1618880821123,"owner":"alice"}"#)
  }

  @Test("the value's bytes are untouched")
  func value() {
    let value = "{ \"a\" :\t1.50e+3,\n\"\\u0041\":\"\u{2028}\\\"/\" }"
    #expect(text(record(value).text).hasPrefix("{\"value\":" + value + ",\"version\":1,"))
  }

  static let owners: [[UInt8]] = [
    utf8(""), utf8("a"), utf8("alice"), utf8("with blank"), utf8("quote\"d"), utf8("back\\slash"),
    utf8("tab\tnew\nline\r"), utf8("\u{0}\u{1}\u{1f}"), utf8("\u{7f}"), utf8("größe"),
    utf8("\u{1f600}\u{1f600}"), utf8("\u{2028}"), utf8("e\u{301}"), [0xff], [0xc3], [0xe2, 0x82],
    utf8("ok") + [0xf0, 0x9f] + utf8("ok"), [UInt8](repeating: 0x22, count: 128),
    Array(0...255),
  ]

  @Test("as many bytes are announced as are written, whoever the owner", arguments: owners.indices)
  func count(index: Int) throws {
    let owner = Self.owners[index]
    let (bytes, count) = record("1", owner: owner)
    #expect(bytes.count == count)
    let document = try #require(json(bytes) as? [String: Any])
    // Bytes that are no UTF-8 become replacement characters, as everywhere in JSON.
    #expect((document["owner"] as? String)?.isEmpty == owner.isEmpty)
    if String(validating: owner, as: UTF8.self) != nil {
      #expect(Array((document["owner"] as? String ?? "").utf8) == owner)
    }
  }

  @Test(
    "as many bytes are announced as are written, whatever the numbers",
    arguments: [0, 1, 9, 10, 11, 99, 100, 999_999, 1_000_000, 1 << 52 - 1, .max - 1, .max]
      as [UInt64])
  func numbers(number: UInt64) {
    for other in [0, 10, UInt64.max] {
      let (bytes, count) = record("null", version: number, milliseconds: other)
      #expect(bytes.count == count)
      #expect(text(bytes).contains(",\"version\":\(number),\"timestamp\":\(other),"))
    }
  }

  @Test("random owners and values keep the count", arguments: [1, 2] as [UInt64])
  func random(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<2_000 {
      let owner = (0..<random.next(below: 40)).map { _ in UInt8(random.next(below: 256)) }
      let value = String(repeating: "7", count: 1 + Int(random.next(below: 100)))
      let (bytes, count) = record(
        value, version: random.next() >> random.next(below: 64),
        milliseconds: random.next() >> random.next(below: 64), owner: owner)
      if bytes.count != count { Issue.record("\(owner): \(bytes.count), not \(count)") }
    }
  }

  // MARK: Version tokens

  private func token(_ stamp: Stamp) -> String {
    text(written { RecordText.appendToken(stamp, to: &$0) })
  }

  private func stamp(of token: String) -> Stamp? { RecordText.token(utf8(token).span) }

  @Test("a version token is hybrid time, node, boot and sequence in hexadecimal digits")
  func goldenToken() {
    let stamp = Stamp(
      hybridTime: 0x0123_4567_89ab_cdef, node: 0xfeed, boot: 0x12, sequence: 0xff)
    #expect(token(stamp) == "0123456789abcdef-000000000000feed-00000012-00000000000000ff")
  }

  @Test("a token reads back as the stamp it was made of, and tokens sort as stamps do")
  func tokenRoundTrip() {
    var random = SeededRandom(seed: 3)
    func stamp() -> Stamp {
      Stamp(
        hybridTime: random.next() >> random.next(below: 64),
        node: random.next() >> random.next(below: 64),
        boot: UInt32(truncatingIfNeeded: random.next()), sequence: random.next())
    }
    let greatest = Stamp(hybridTime: .max, node: .max, boot: .max, sequence: .max)
    for _ in 0..<1_000 {
      let (left, right) = (stamp(), stamp())
      #expect(self.stamp(of: token(left)) == left)
      #expect((left < right) == (token(left) < token(right)))
    }
    #expect(self.stamp(of: token(greatest)) == greatest)
  }

  @Test("anything else is no token")
  func noTokens() {
    let good = "0123456789abcdef-000000000000feed-00000012-00000000000000ff"
    #expect(stamp(of: good) != nil)
    var others = [
      "", "1", String(good.dropLast()), good + "0", String(good.dropFirst()),
      " " + good.dropFirst(),
    ]
    for index in good.indices {
      for other in ["g", "-", "\u{0}", " "] where String(good[index]) != other {
        others.append(good.replacingCharacters(in: index...index, with: other))
      }
    }
    for text in others { #expect(stamp(of: text) == nil, "\(text)") }
  }
}
