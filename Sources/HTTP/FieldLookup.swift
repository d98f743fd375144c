// Fields that the parsers do not point at, found by name when an endpoint asks for them.

extension Request {
  /// The value of the first field named `name` (in lower case); nil where there is none, empty
  /// where it has no value. `bytes` begin with the first byte of the message, as when it was
  /// parsed. Walks the head: a few nanoseconds a field.
  public func value(of name: StaticString, in bytes: Span<UInt8>) -> ByteRange? {
    lookUp(name, in: bytes, from: Int(fieldsStart), to: headBytes)
  }
}

extension Response {
  /// As `Request.value(of:in:)`.
  public func value(of name: StaticString, in bytes: Span<UInt8>) -> ByteRange? {
    lookUp(name, in: bytes, from: Int(fieldsStart), to: headBytes)
  }
}

/// The field lines between `start` and `end` were parsed before, so none of them can be malformed.
private func lookUp(
  _ name: StaticString, in bytes: Span<UInt8>, from start: Int, to end: Int
) -> ByteRange? {
  var fields = FieldLines(at: start)
  do throws(Refusal) {
    while case .field = try fields.next(bytes, upTo: end, fieldsMax: .max) {
      if matches(bytes, Int(fields.name.start), Int(fields.name.end), name) { return fields.value }
    }
  } catch {
    preconditionFailure("the bytes are those that were parsed")
  }
  return nil
}
