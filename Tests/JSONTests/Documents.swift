import Bytes
import JSON

/// The bytes of a document written as text.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// The reason for which a document is refused; nil where it is accepted.
func refusal(of document: [UInt8]) -> JSONError.Reason? { error(of: document)?.reason }

func error(of document: [UInt8]) -> JSONError? {
  do throws(JSONError) {
    _ = try JSONValidator.check(document.span)
    return nil
  } catch { return error }
}

func refusal(of document: String) -> JSONError.Reason? { refusal(of: bytes(document)) }

/// What a body stores, as text.
func stored(_ body: String) throws(JSONError) -> String {
  let body = bytes(body)
  let element = try PutBody.value(in: body.span)
  return text(body[element.range])
}

func merged(_ target: [UInt8], _ patch: [UInt8]) throws(JSONError) -> [UInt8] {
  var result = ByteBuffer()
  try MergePatch.shallow(target: target.span, patch: patch.span, into: &result)
  return result.copied()
}

func merged(_ target: String, _ patch: String) throws(JSONError) -> String {
  text(try merged(bytes(target), bytes(patch)))
}

/// A string literal around bytes that need no escape.
func quoted(_ contents: [UInt8]) -> [UInt8] { [0x22] + contents + [0x22] }

/// Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

// Spans cannot pass through the macros of Swift Testing: these take arrays.

func checked(_ document: [UInt8]) throws(JSONError) -> JSONElement {
  try JSONValidator.check(document.span)
}

func stored(_ body: [UInt8]) throws(JSONError) -> JSONElement { try PutBody.value(in: body.span) }

func root(_ document: [UInt8]) -> JSONElement? { JSONReader.root(of: document.span) }

func member(_ name: StaticString, of object: JSONElement, in document: [UInt8]) -> JSONElement? {
  JSONReader.member(name, of: object, in: document.span)
}

func string(_ element: JSONElement, in document: [UInt8]) -> [UInt8]? {
  JSONReader.string(element, in: document.span)
}

extension JSONCursor {
  mutating func nextElement(of document: [UInt8]) -> JSONElement? { nextElement(in: document.span) }

  mutating func nextMember(of document: [UInt8]) -> (name: JSONElement, value: JSONElement)? {
    nextMember(in: document.span)
  }
}
