import Testing

@testable import HTTP

@Suite("The limits of a head")
struct HTTPLimitsTests {
  static func request(targetBytes: Int, _ lines: String = "") -> [UInt8] {
    let target = "/" + String(repeating: "a", count: targetBytes - 1)
    return Array("GET \(target) HTTP/1.1\r\nHost: h\r\n\(lines)\r\n".utf8)
  }

  @Test("let 8,000 octets of request line pass, and of target")
  func longLine() {
    #expect(verdict(Self.request(targetBytes: 8000)) == .complete)
    #expect(verdict(Self.request(targetBytes: 8448 - 15)) == .complete)
  }

  @Test("refuse a longer request line with 414", arguments: [8448 - 14, 9000, 20_000, 100_000])
  func tooLongLine(targetBytes: Int) {
    #expect(Verdict(parseWhole(Self.request(targetBytes: targetBytes)).outcome) == .refused(414))
  }

  @Test("refuse a request line without end when it reaches the limit, not before")
  func endlessLine() {
    let bytes = Array(("GET /" + String(repeating: "a", count: 20_000)).utf8)
    let (outcome, _, used) = parseByteByByte(bytes)
    #expect(Verdict(outcome) == .refused(414))
    #expect(used == HTTPLimits().requestLineBytesMax)
  }

  @Test("let a head of exactly 16 KiB pass and refuse one byte more with 431")
  func longHead() {
    let empty = Self.request(targetBytes: 1, "A: \r\n").count
    let value = String(repeating: "b", count: 16 * 1024 - empty)
    #expect(verdict(Self.request(targetBytes: 1, "A: \(value)\r\n")) == .complete)
    #expect(verdict(Self.request(targetBytes: 1, "A: \(value)b\r\n")) == .refused(431))
    #expect(verdict(Self.request(targetBytes: 1, "A: \(value)bb\r\n")) == .refused(431))
    #expect(verdict(Self.request(targetBytes: 1, "A: \(value)bbb\r\n")) == .refused(431))
  }

  @Test("refuse a head without end with 431, in a name and in a value", arguments: ["A", "A: b"])
  func endlessHead(line: String) {
    let start = "GET / HTTP/1.1\r\n\(line)"
    let bytes = Array((start + String(repeating: "c", count: 20_000)).utf8)
    let (outcome, _, used) = parseByteByByte(bytes)
    #expect(Verdict(outcome) == .refused(431))
    #expect(used == HTTPLimits().headBytesMax)
  }

  @Test("let 100 fields pass and refuse 101 with 431")
  func fields() {
    let lines = String(repeating: "A: b\r\n", count: 99)
    #expect(verdict(Self.request(targetBytes: 1, lines)) == .complete)
    #expect(verdict(Self.request(targetBytes: 1, lines + "A: b\r\n")) == .refused(431))
  }

  @Test("are those that the caller sets")
  func configured() {
    var limits = HTTPLimits()
    limits.headBytesMax = 40
    limits.headerFieldsMax = 2
    let fitting = Array("GET / HTTP/1.1\r\nHost: h\r\nA: bcdefghi\r\n\r\n".utf8)
    #expect(fitting.count == 40 + 0)
    #expect(verdict(fitting, limits: limits) == .complete)
    limits.headBytesMax = 39
    #expect(verdict(fitting, limits: limits) == .refused(431))
    limits.headBytesMax = 10
    #expect(verdict(fitting, limits: limits) == .refused(414))
    limits.headBytesMax = 100
    limits.headerFieldsMax = 1
    #expect(verdict(fitting, limits: limits) == .refused(431))
  }

  @Test("keep the cost of single bytes linear")
  func linear() {
    // 16 KiB byte by byte, 200 times: seconds where each call starts over, even optimised.
    let value = String(repeating: "b", count: 16_000)
    let bytes = Self.request(targetBytes: 1, "A: \(value)\r\n")
    let began = ContinuousClock.now
    for _ in 0..<20 { #expect(parseByteByByte(bytes).outcome == .complete) }
    #expect(ContinuousClock.now - began < .seconds(10))
  }
}
