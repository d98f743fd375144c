import Bytes
import Foundation
import Testing

@testable import HTTP

@Suite("Dates of HTTP")
struct HTTPDateTests {
  static func format(_ seconds: UInt64) -> String {
    var buffer = ByteBuffer()
    HTTPDate.format(secondsSince1970: seconds, into: &buffer)
    return buffer.text
  }

  @Test(
    "have the fixed form of RFC 9110",
    arguments: [
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
      (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
      (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
      (1_609_459_199, "Thu, 31 Dec 2020 23:59:59 GMT"),
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
      (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] as [(UInt64, String)])
  func golden(seconds: UInt64, expected: String) {
    #expect(Self.format(seconds) == expected)
    #expect(expected.utf8.count == HTTPDate.byteCount)
  }

  @Test("agree with the calendar of the system")
  func calendar() {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    var numbers = SeededNumbers(state: 1)
    for _ in 0..<500 {
      let seconds = UInt64.random(in: 0...253_402_300_799, using: &numbers)
      let date = Date(timeIntervalSince1970: TimeInterval(seconds))
      #expect(Self.format(seconds) == formatter.string(from: date))
    }
  }
}
