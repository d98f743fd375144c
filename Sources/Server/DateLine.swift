// The Date field, and the head that nearly every answer to a GET has, rendered once a second.

import Bytes
import HTTP
import Platform

struct DateLine {
  private(set) var bytes: [UInt8] = []
  /// The head of a 200 with JSON, as far as the length of the body: one copy instead of seven.
  private(set) var jsonHead: [UInt8] = []
  private let crossOriginField: StaticString
  private var second: UInt64 = 0
  private var validUntil = Instant(nanoseconds: 0)

  /// - Parameter crossOriginField: the field that every answer carries, or nothing.
  init(crossOriginField: StaticString) { self.crossOriginField = crossOriginField }

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
    var head = ByteBuffer(capacity: 256)
    ResponseWriter.beginHead(
      status: 200, contentType: "application/json", contentLength: nil, date: text.span,
      keepAlive: true, to: &head)
    head.append(crossOriginField)
    head.append("Content-Length: ")
    jsonHead = head.copied()
  }
}
