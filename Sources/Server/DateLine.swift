// The Date field, rendered once a second.

import Bytes
import HTTP
import Platform

struct DateLine {
  private(set) var bytes: [UInt8] = []
  private var second: UInt64 = 0
  private var validUntil = Instant(nanoseconds: 0)

  init() {}

  /// Renders anew where the wall clock's second may have passed since the last time.
  mutating func refresh(now: Instant) {
    guard now >= validUntil else { return }
    let milliseconds = SystemClock.wallMilliseconds()
    validUntil = now.advanced(byMilliseconds: 1_000 - milliseconds % 1_000)
    guard milliseconds / 1_000 != second || bytes.isEmpty else { return }
    second = milliseconds / 1_000
    var text = ByteBuffer(capacity: 32)
    HTTPDate.format(secondsSince1970: second, into: &text)
    bytes = text.copied()
  }
}
