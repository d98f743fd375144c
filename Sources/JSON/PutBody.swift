/// What a PUT stores, by its body: an object with the one member `value` stores that member, any
/// other object is itself the value, and nothing else is accepted.
///
/// Names count as decoded (`"\u0076alue"` is `value`), and a name that is repeated is one member,
/// of which the last value counts. The body is checked and decided upon in one pass.
public enum PutBody {
  /// The element to store, or why the body is refused. The depth limit is that of the whole body.
  public static func value(
    in body: Span<UInt8>, depthMax: Int = JSONValidator.depthMax
  ) throws(JSONError) -> JSONElement {
    let start = try JSONValidator.beginning(of: body)
    guard body[start] == Ascii.openBrace else {
      // A malformed body is told what is malformed first.
      _ = try JSONValidator.check(body, depthMax: depthMax)
      throw JSONError(reason: .notAnObject, offset: start)
    }
    var onlyValue: JSONElement?
    var hasOthers = false
    var index = Scanner.skipWhiteSpace(in: body, from: start + 1)
    if index < body.count, body[index] == Ascii.closeBrace {
      index += 1
    } else {
      while true {
        let nameEnd = try Scanner.name(in: body, at: index)
        let isValue = JSONText.equals(index + 1..<nameEnd - 1, in: body, "value")
        index = try Scanner.colon(in: body, from: nameEnd)
        let element = try Scanner.value(in: body, at: index, depthMax: depthMax - 1)
        if isValue { onlyValue = element } else { hasOthers = true }
        index = Scanner.skipWhiteSpace(in: body, from: element.range.upperBound)
        guard index < body.count else { throw Scanner.ended(body) }
        let byte = body[index]
        index += 1
        if byte == Ascii.closeBrace { break }
        guard byte == Ascii.comma else { throw Scanner.failure(.commaExpected, index - 1) }
        index = Scanner.skipWhiteSpace(in: body, from: index)
      }
    }
    try JSONValidator.expectEnd(of: body, from: index)
    if !hasOthers, let onlyValue { return onlyValue }
    return JSONElement(kind: .object, range: start..<index)
  }
}
