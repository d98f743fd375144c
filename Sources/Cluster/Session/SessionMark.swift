public import Bytes

/// What stands in `X-Internal-Request`: which session, and which of its requests. An index, no secret.
///
/// Sixteen hexadecimal digits, a point, and a decimal number from 1 without leading zeros.
public struct SessionMark: Equatable, Sendable {
  public let session: UInt64
  public let counter: UInt64

  public init(session: UInt64, counter: UInt64) {
    self.session = session
    self.counter = counter
  }

  /// Nil where the text is anything else.
  public init?(parsing text: Span<UInt8>) {
    guard text.count >= 18, text.count <= 37, text[16] == UInt8(ascii: "."),
      let digits = Hex.decode(text.extracting(0..<16))
    else { return nil }
    var number: UInt64 = 0
    for index in 17..<text.count {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit <= 9, index > 17 || digit > 0 else { return nil }
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isTooLargeAfterAll) = product.addingReportingOverflow(UInt64(digit))
      guard !isTooLarge, !isTooLargeAfterAll else { return nil }
      number = sum
    }
    session = digits.reduce(0) { $0 << 8 | UInt64($1) }
    counter = number
  }

  public func append(to buffer: inout ByteBuffer) {
    Hex.append(session, digits: 16, to: &buffer)
    buffer.append(UInt8(ascii: "."))
    buffer.append(decimal: counter)
  }
}
