import Testing

@testable import HTTP

@Suite("Fuzzing: a message means the same however it is cut")
struct FuzzingTests {
  static let seeds = [
    "GET /default/key/k?a=%20 HTTP/1.1\r\nHost: h:80\r\nConnection: close\r\n\r\n",
    "PUT /t/key/k HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 5, 5\r\n\r\nhello",
    "POST http://h/t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "5;a=\"b\\c\"\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n",
    "\r\nOPTIONS * HTTP/1.0\r\nAccept: a/b, application/problem+json;q=0.1\r\n\r\n",
  ]
  /// Bytes at which grammars turn.
  static let turns = Array("\r\n\r\n\r\n:;,= \t\0\u{b}\u{7f}\"\\%/?#*0159aAfF+-[]@é".utf8)

  /// One of the seeds, with up to three bytes changed, put in, taken out or repeated.
  static func damagedMessage(_ numbers: inout SeededNumbers) -> [UInt8] {
    var bytes = Array(seeds.randomElement(using: &numbers)!.utf8)
    for _ in 0..<Int.random(in: 0...3, using: &numbers) {
      let place = Int.random(in: 0..<bytes.count, using: &numbers)
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0: bytes[place] = turns.randomElement(using: &numbers)!
      case 1: bytes.insert(turns.randomElement(using: &numbers)!, at: place)
      case 2: bytes.remove(at: place)
      default: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
      }
    }
    return bytes
  }

  @Test("for messages that are damaged at random", arguments: 0..<8)
  func damaged(seed: Int) {
    var numbers = SeededNumbers(state: UInt64(seed))
    for _ in 0..<400 { fuzzRequest(Self.damagedMessage(&numbers).span) }
  }

  @Test("and is valid where the grammar of the specification says so", arguments: 0..<8)
  func grammar(seed: Int) {
    var numbers = SeededNumbers(state: UInt64(1000 + seed))
    var valid = 0
    for _ in 0..<150 {
      let bytes = Self.damagedMessage(&numbers)
      let (outcome, _) = parseWhole(bytes)
      let naive = NaiveHead(bytes)
      if naive?.isValid == true { valid += 1 }
      let text = String(decoding: bytes, as: UTF8.self)
      if outcome == .complete {
        #expect(naive?.isValid == true, "accepted: \(text.debugDescription)")
      } else if naive?.isValid == true {
        Issue.record("\(Verdict(outcome)): \(text.debugDescription)")
      }
    }
    #expect(valid > 20, "a check of refusals only")
  }

  @Test("for bytes that are no messages at all")
  func noise() {
    var numbers = SeededNumbers(state: 99)
    for count in 0..<300 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &numbers) }
      fuzzRequest(bytes.span)
    }
  }
}
