/// Walks the members of an object or the elements of an array, one at a time and in order.
///
/// It holds two indices and no bytes: the document, which must have been checked, is handed in at
/// each step. In a document that was not checked it stops early and never reads outside.
public struct JSONCursor: Sendable {
  private var position: Int
  private let end: Int

  /// A cursor before the first part of `element`; for a string, number or literal, at the end.
  public init(_ element: JSONElement) {
    let isContainer = element.kind == .object || element.kind == .array
    end = element.range.upperBound - 1
    position = isContainer ? element.range.lowerBound + 1 : end
  }

  /// The next member of an object. Repeated names come as often as they stand there.
  public mutating func nextMember(
    in document: Span<UInt8>
  ) -> (name: JSONElement, value: JSONElement)? {
    guard let name = nextPart(in: document), name.kind == .string else { return nil }
    let colon = Scanner.skipWhiteSpace(in: document, from: position)
    guard colon < end, document[colon] == Ascii.colon else { return nil }
    position = colon + 1
    guard let value = nextPart(in: document) else { return nil }
    skipComma(in: document)
    return (name, value)
  }

  /// The next element of an array.
  public mutating func nextElement(in document: Span<UInt8>) -> JSONElement? {
    guard let element = nextPart(in: document) else { return nil }
    skipComma(in: document)
    return element
  }

  private mutating func nextPart(in document: Span<UInt8>) -> JSONElement? {
    let start = Scanner.skipWhiteSpace(in: document, from: position)
    guard start < end, let element = Skipper.element(in: document, at: start),
      element.range.upperBound <= end
    else {
      position = end
      return nil
    }
    position = element.range.upperBound
    return element
  }

  private mutating func skipComma(in document: Span<UInt8>) {
    let index = Scanner.skipWhiteSpace(in: document, from: position)
    if index < end, index < document.count, document[index] == Ascii.comma { position = index + 1 }
  }
}
