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

  @Test("for messages that are damaged at random", arguments: 0..<8)
  func damaged(seed: Int) {
    var numbers = SeededNumbers(state: UInt64(seed))
    for _ in 0..<400 {
      var bytes = Array(Self.seeds.randomElement(using: &numbers)!.utf8)
      for _ in 0..<Int.random(in: 0...3, using: &numbers) {
        let place = Int.random(in: 0..<bytes.count, using: &numbers)
        switch Int.random(in: 0..<4, using: &numbers) {
        case 0: bytes[place] = Self.turns.randomElement(using: &numbers)!
        case 1: bytes.insert(Self.turns.randomElement(using: &numbers)!, at: place)
        case 2: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
        }
      }
      fuzzRequest(bytes.span)
    }
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
