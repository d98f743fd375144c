import Bytes

/// Feeds arbitrary bytes to everything that reads JSON and traps where a promise is broken.
public func fuzzJSON(_ bytes: Span<UInt8>) {
  guard let root = checked(bytes) else {
    precondition(putValue(bytes) == nil, "a body is stored that is no document")
    walk(bytes)
    return
  }
  precondition(
    root.range.lowerBound >= 0 && root.range.upperBound <= bytes.count && !root.range.isEmpty,
    "an element outside of its document")
  precondition(JSONReader.root(of: bytes) == root, "two readings of one document")
  let value = putValue(bytes)
  precondition((value != nil) == (root.kind == .object), "only objects are stored, and all")
  if let value {
    precondition(
      checked(bytes.extracting(value.range))?.range == 0..<value.range.count,
      "a stored value that is no document")
    mergeWithItself(bytes)
  }
  walk(bytes)
}

private func checked(_ bytes: Span<UInt8>) -> JSONElement? {
  do { return try JSONValidator.check(bytes) } catch { return nil }
}

private func putValue(_ bytes: Span<UInt8>) -> JSONElement? {
  do { return try PutBody.value(in: bytes) } catch { return nil }
}

/// An object merged with itself is valid, and merging once more changes nothing.
private func mergeWithItself(_ object: Span<UInt8>) {
  var once = ByteBuffer()
  var twice = ByteBuffer()
  do {
    try MergePatch.shallow(target: object, patch: object, into: &once)
    precondition(checked(once.span)?.kind == .object, "a merge that is no object")
    try MergePatch.shallow(target: once.span, patch: object, into: &twice)
  } catch { preconditionFailure("a merge of objects failed") }
  precondition(JSONText.same(once.span, twice.span), "a merge that changes what it merged")
}

/// Reads every part of a document, checked or not, and writes its strings again.
private func walk(_ bytes: Span<UInt8>) {
  var text = ByteBuffer()
  JSONWriter.appendString(bytes, to: &text)
  precondition(checked(text.span)?.kind == .string, "a string was written that is none")
  guard let root = JSONReader.root(of: bytes) else { return }
  _ = JSONReader.member("value", of: root, in: bytes)
  var members = JSONCursor(root)
  while let member = members.nextMember(in: bytes) {
    read(member.name, in: bytes)
    read(member.value, in: bytes)
  }
  var elements = JSONCursor(root)
  while let element = elements.nextElement(in: bytes) { read(element, in: bytes) }
  read(root, in: bytes)
}

private func read(_ element: JSONElement, in bytes: Span<UInt8>) {
  precondition(
    element.range.lowerBound >= 0 && element.range.upperBound <= bytes.count,
    "an element outside of its document")
  _ = JSONReader.number(element, in: bytes)
  _ = JSONReader.unsigned(element, in: bytes)
  guard let text = JSONReader.string(element, in: bytes) else { return }
  var written = ByteBuffer()
  JSONWriter.appendString(text.span, to: &written)
  precondition(checked(written.span)?.kind == .string, "a string was written that is none")
}
