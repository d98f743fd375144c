import Bytes

@testable import HTTP

/// What a parser said of some bytes, without the text of a refusal.
enum Verdict: Equatable, CustomStringConvertible {
  case complete
  case incomplete
  case refused(UInt16)

  init(_ outcome: ParseOutcome) {
    switch outcome {
    case .complete: self = .complete
    case .incomplete: self = .incomplete
    case .refused(let refusal): self = .refused(refusal.status)
    }
  }

  var description: String {
    switch self {
    case .complete: "complete"
    case .incomplete: "incomplete"
    case .refused(let status): "refused(\(status))"
    }
  }
}

/// Some bytes as a request, given to the parser in one piece.
func parseWhole(
  _ bytes: [UInt8], limits: HTTPLimits = HTTPLimits()
) -> (outcome: ParseOutcome, request: Request) {
  var parser = RequestParser()
  var request = Request()
  let outcome = parser.parse(bytes.span, limits: limits, into: &request)
  return (outcome, request)
}

/// Some bytes as a request, one more with each call; `used` is how many were needed to tell. The
/// request handed in is a different one each time: a parser must not rely on finding it again.
func parseByteByByte(
  _ bytes: [UInt8], limits: HTTPLimits = HTTPLimits()
) -> (outcome: ParseOutcome, request: Request, used: Int) {
  var parser = RequestParser()
  for count in 0...bytes.count {
    var request = Request()
    let outcome = parser.parse(bytes.span.extracting(0..<count), limits: limits, into: &request)
    if outcome != .incomplete { return (outcome, request, count) }
  }
  return (.incomplete, Request(), bytes.count)
}

/// A request that must never be seen where it follows a refused one.
let followingRequest = Array("DELETE /default/key/k HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

/// The three ways to feed one message, which must agree; nil where they do not.
func verdict(_ bytes: [UInt8], limits: HTTPLimits = HTTPLimits()) -> Verdict? {
  let (outcome, request) = parseWhole(bytes, limits: limits)
  let pieces = parseByteByByte(bytes, limits: limits)
  guard pieces.outcome == outcome else { return nil }
  guard outcome != .incomplete else { return .incomplete }
  let trailing = parseWhole(bytes + followingRequest, limits: limits)
  guard trailing.outcome == outcome else { return nil }
  if outcome == .complete {
    guard pieces.request == request, trailing.request == request else { return nil }
    guard pieces.used == request.headBytes else { return nil }
  }
  return Verdict(outcome)
}

/// The request that `text` is; nil where it is none.
func parsed(_ text: String) -> Request? {
  let (outcome, request) = parseWhole(Array(text.utf8))
  return outcome == .complete ? request : nil
}

/// The bytes at a place, as text.
func text(_ place: ByteRange, in whole: String) -> String {
  String(decoding: Array(whole.utf8)[place.range], as: UTF8.self)
}

// Spans cannot pass through `#expect`, arrays can.

func isPlain(_ bytes: [UInt8]) -> Bool { PercentDecoder.isPlain(bytes.span) }

func isValidUTF8(_ bytes: [UInt8]) -> Bool { PercentDecoder.isValidUTF8(bytes.span) }

extension RequestParser {
  mutating func parse(_ bytes: [UInt8], into request: inout Request) -> ParseOutcome {
    parse(bytes.span, limits: HTTPLimits(), into: &request)
  }
}

extension ResponseParser {
  mutating func parse(_ bytes: [UInt8], into response: inout Response) -> ParseOutcome {
    parse(bytes.span, limits: HTTPLimits(), into: &response)
  }
}

/// What a body decoder made of some bytes.
struct DecodedBody: Equatable {
  var outcome: BodyOutcome
  var used: Int
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// `bytes` as a body, in pieces of at most `pieceBytes`.
func decodeBody(
  _ bytes: [UInt8], _ framing: BodyFraming = .chunked, pieceBytes: Int = .max,
  bodyBytesMax: Int = 1024
) -> DecodedBody {
  var decoder = BodyDecoder(framing)
  var body = ByteBuffer()
  var used = 0
  var outcome = BodyOutcome.needsMore
  repeat {
    let end = pieceBytes < bytes.count - used ? used + pieceBytes : bytes.count
    let step = decoder.decode(
      bytes.span.extracting(used..<end), into: &body, bodyBytesMax: bodyBytesMax)
    used += step.consumed
    outcome = step.outcome
  } while outcome == .needsMore && used < bytes.count
  return DecodedBody(outcome: outcome, used: used, body: body.copied())
}

/// A chunked body in one piece, byte by byte and with a request behind it; nil where they differ.
func decodedChunks(_ text: String, bodyBytesMax: Int = 1024) -> DecodedBody? {
  let bytes = Array(text.utf8)
  let whole = decodeBody(bytes, bodyBytesMax: bodyBytesMax)
  guard decodeBody(bytes, pieceBytes: 1, bodyBytesMax: bodyBytesMax) == whole else { return nil }
  guard whole.outcome != .needsMore else { return whole }
  guard decodeBody(bytes + followingRequest, bodyBytesMax: bodyBytesMax) == whole else {
    return nil
  }
  return whole
}

extension ByteBuffer {
  /// What was written, as text.
  var text: String { String(decoding: copied(), as: UTF8.self) }
}

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
