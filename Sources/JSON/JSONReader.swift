import Bytes

/// Reads parts of a document that was checked before, without building a tree of it.
public enum JSONReader {
  /// The document's value; nil where no value begins. Costs a walk over the document.
  public static func root(of document: Span<UInt8>) -> JSONElement? {
    Skipper.element(in: document, at: Scanner.skipWhiteSpace(in: document, from: 0))
  }

  /// The member of that decoded name; of several the last one. Costs a walk over the object.
  public static func member(
    _ name: StaticString, of object: JSONElement, in document: Span<UInt8>
  ) -> JSONElement? {
    guard object.kind == .object else { return nil }
    var cursor = JSONCursor(object)
    var found: JSONElement?
    while let member = cursor.nextMember(in: document) {
      if JSONText.equals(member.name.contents, in: document, name) { found = member.value }
    }
    return found
  }

  /// The text of a string in UTF-8; nil where it is no string, or has an escape of a lone
  /// surrogate and so stands for no text.
  public static func string(_ element: JSONElement, in document: Span<UInt8>) -> [UInt8]? {
    guard element.kind == .string else { return nil }
    let contents = element.contents
    guard JSONText.hasEscape(contents, in: document) else {
      return [UInt8](copying: document.extracting(contents))
    }
    var decoded = ByteBuffer(capacity: contents.count)
    defer { decoded.erase() }  // it may be a password
    guard JSONText.decode(contents, in: document, to: &decoded) == .wellFormed else { return nil }
    return decoded.copied()
  }

  /// Whether a string's decoded text is `text`, without copying it anywhere.
  public static func string(
    _ element: JSONElement, in document: Span<UInt8>, equals text: StaticString
  ) -> Bool {
    element.kind == .string && JSONText.equals(element.contents, in: document, text)
  }

  /// The number nearest to what is written; nil where the element is no number or one too large
  /// for a `Double`.
  public static func number(_ element: JSONElement, in document: Span<UInt8>) -> Double? {
    guard element.kind == .number, isNumber(element.range, in: document) else { return nil }
    let digits = document.extracting(element.range)
    let text = unsafe digits.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    guard let number = Double(text), number.isFinite else { return nil }
    return number
  }

  /// The whole number that is written without sign, fraction or exponent; nil where it is none or
  /// does not fit.
  public static func unsigned(_ element: JSONElement, in document: Span<UInt8>) -> UInt64? {
    guard element.kind == .number, isNumber(element.range, in: document) else { return nil }
    var number: UInt64 = 0
    for index in element.range {
      guard Ascii.isDigit(document[index]) else { return nil }
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(document[index] - Ascii.zero))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }

  /// Keeps from the conversion what it knows and JSON does not, such as hexadecimal and `nan`.
  private static func isNumber(_ range: Range<Int>, in document: Span<UInt8>) -> Bool {
    do {
      return try Scanner.number(in: document, at: range.lowerBound) == range.upperBound
    } catch { return false }
  }
}
