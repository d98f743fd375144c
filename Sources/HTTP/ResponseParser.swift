/// Reads the head of a response, as `RequestParser` does that of a request. For our own client.
public struct ResponseParser: Sendable {
  private var isPastStatusLine = false
  private var scanned: UInt32 = 0
  private var fields = FieldLines(at: 0)
  private var partial = Response()

  public init() {}

  /// Reads on in `bytes`, which begin with the first byte of the response. A response that is no
  /// valid HTTP/1.x, or whose framing is doubtful, is refused with a status of its own (`502`, or
  /// that of the field that is wrong), for the message.
  public mutating func parse(
    _ bytes: Span<UInt8>, limits: HTTPLimits, into response: inout Response
  ) -> ParseOutcome {
    response = partial
    do throws(Refusal) {
      guard try advance(bytes, limits, &response) else {
        partial = response
        return .incomplete
      }
    } catch {
      reset()
      return .refused(error)
    }
    reset()
    return .complete
  }

  /// Forgets an unfinished response.
  public mutating func reset() {
    isPastStatusLine = false
    scanned = 0
    partial = Response()
  }

  private mutating func advance(
    _ bytes: Span<UInt8>, _ limits: HTTPLimits, _ response: inout Response
  ) throws(Refusal) -> Bool {
    let end = min(bytes.count, limits.headBytesMax)
    if !isPastStatusLine {
      guard try readStatusLine(bytes, end, &response) else {
        guard bytes.count < limits.headBytesMax else { throw .headTooLong }
        return false
      }
      fields = FieldLines(at: Int(scanned))
      response.fieldsStart = scanned
      isPastStatusLine = true
    }
    while true {
      switch try fields.next(bytes, upTo: end, fieldsMax: limits.headerFieldsMax) {
      case .field:
        try response.take(bytes, fields.name, fields.value)
      case .end:
        response.headBytes = fields.position
        try response.finish()
        return true
      case .incomplete:
        guard bytes.count < limits.headBytesMax else { throw .headTooLong }
        return false
      }
    }
  }

  /// `HTTP/1.d SP ddd SP [phrase] CR LF` (RFC 9112 §4); the space before an empty phrase may lack.
  private mutating func readStatusLine(
    _ bytes: Span<UInt8>, _ end: Int, _ response: inout Response
  ) throws(Refusal) -> Bool {
    let prefix: StaticString = "HTTP/1."
    var index = Int(scanned)
    defer { scanned = UInt32(truncatingIfNeeded: index) }
    while index < min(end, 12) {
      let byte = bytes[index]
      switch index {
      // In range: the prefix has seven bytes.
      case 0..<7: guard unsafe byte == prefix.utf8Start[index] else { throw .invalidStatusLine }
      case 8: guard byte == 0x20 else { throw .invalidStatusLine }
      case 9: guard byte >= 0x31, byte <= 0x39 else { throw .invalidStatusLine }
      default: guard isDigit(byte) else { throw .invalidStatusLine }
      }
      index += 1
    }
    guard index >= 12 else { return false }
    if index == 12 {
      guard index < end else { return false }
      guard bytes[12] == 0x20 || bytes[12] == 0x0d else { throw .invalidStatusLine }
      if bytes[12] == 0x20 { index += 1 }
    }
    index = scanFieldValue(bytes, from: index, to: end)
    guard index < end else { return false }
    guard bytes[index] == 0x0d else { throw .invalidStatusLine }
    guard index + 1 < end else { return false }
    guard bytes[index + 1] == 0x0a else { throw .bareCarriageReturn }
    index += 2
    response.minorVersion = bytes[7] == 0x30 ? 0 : 1
    response.status =
      UInt16(bytes[9] - 0x30) * 100 + UInt16(bytes[10] - 0x30) * 10 + UInt16(bytes[11] - 0x30)
    return true
  }
}
