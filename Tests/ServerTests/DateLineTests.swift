import Bytes
import Foundation
import Platform
import Testing

@testable import Server

@Suite("Date line")
struct DateLineTests {
  @Test("the date is that of the wall clock, as RFC 9110 writes it")
  func date() throws {
    var line = DateLine(crossOriginField: "")
    #expect(line.bytes.isEmpty)
    let before = Date()
    line.refresh(now: SystemClock.monotonic())
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    let date = try #require(formatter.date(from: text(line.bytes)))
    #expect(date.timeIntervalSince(before) > -1.5 && date.timeIntervalSince(before) < 5)
    #expect(formatter.string(from: date) == text(line.bytes))
  }

  @Test("it is rendered anew once its second is over, and not before")
  func refresh() {
    var line = DateLine(crossOriginField: "")
    let now = SystemClock.monotonic()
    line.refresh(now: now)
    let first = line.bytes
    line.refresh(now: Instant(nanoseconds: 0))
    #expect(line.bytes == first)
    // A second of the loop's clock later the wall is asked again; here it has hardly moved on.
    line.refresh(now: now.advanced(byMilliseconds: 1_000))
    #expect(line.bytes.count == 29)
  }
}
