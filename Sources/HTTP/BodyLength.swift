/// `Content-Length` (RFC 9110 §8.6).
enum ContentLength {
  /// The number that the value says; the same as `known`, if there was one before.
  ///
  /// Throws where an element is no run of decimal digits, where two differ, and `413` where the
  /// number is beyond all limits.
  static func parse(
    _ bytes: Span<UInt8>, _ value: ByteRange, known: Int?
  ) throws(Refusal) -> Int {
    var list = ListElements(value)
    var length = known
    repeat {
      let number = try parseNumber(bytes, list.nextOrEmpty(bytes))
      if let length, length != number { throw .differingContentLength }
      length = number
    } while list.hasMore
    return length ?? 0
  }

  private static func parseNumber(
    _ bytes: Span<UInt8>, _ element: ByteRange
  ) throws(Refusal) -> Int {
    guard !element.isEmpty else { throw .invalidContentLength }
    var number = 0
    var overflows = false
    for index in element.range {
      guard isDigit(bytes[index]) else { throw .invalidContentLength }
      let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, tooLargeSum) = tens.addingReportingOverflow(Int(bytes[index] - 0x30))
      overflows = overflows || tooLarge || tooLargeSum
      number = sum
    }
    guard !overflows else { throw .contentLengthOverflow }
    return number
  }
}

/// `Transfer-Encoding` (RFC 9112 §6.1).
enum TransferEncoding {
  /// Throws unless the value is `chunked`, in any case.
  static func requireChunked(_ bytes: Span<UInt8>, _ value: ByteRange) throws(Refusal) {
    if matches(bytes, Int(value.start), Int(value.end), "chunked") { return }
    var list = ListElements(value)
    var hasChunked = false
    repeat {
      let element = list.nextOrEmpty(bytes)
      let start = Int(element.start)
      let end = Int(element.end)
      // Whatever follows `chunked` would hide where the body ends (RFC 9112 §6.3).
      guard !hasChunked else { throw .invalidTransferEncoding }
      let nameEnd = scan(bytes, from: start, to: end, while: .token)
      guard nameEnd > start else { throw .invalidTransferEncoding }
      let isChunked = matches(bytes, start, nameEnd, "chunked")
      if nameEnd < end {
        // Parameters are for codings that are not known here; `chunked` has none.
        guard !isChunked, bytes[nameEnd] == 0x3b || isWhiteSpace(bytes[nameEnd]) else {
          throw .invalidTransferEncoding
        }
      }
      hasChunked = isChunked
    } while list.hasMore
    throw .unknownTransferEncoding
  }
}
