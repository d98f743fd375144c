internal import Bytes

/// Parses arbitrary bytes as a request and its body, whole and in pieces, and traps where the two
/// differ: the outcome may depend on the bytes only, never on how they were cut.
public func fuzzRequest(_ bytes: Span<UInt8>) {
  var limits = HTTPLimits()
  limits.bodyBytesMax = 4096
  var whole = Request()
  var wholeParser = RequestParser()
  let wholeOutcome = wholeParser.parse(bytes, limits: limits, into: &whole)

  var pieces = Request()
  var piecesParser = RequestParser()
  var piecesOutcome = ParseOutcome.incomplete
  var fed = 0
  while fed < bytes.count, piecesOutcome == .incomplete {
    fed += 1
    piecesOutcome = piecesParser.parse(bytes.extracting(0..<fed), limits: limits, into: &pieces)
  }
  precondition(wholeOutcome == piecesOutcome, "a head has one outcome, however it is cut")
  guard wholeOutcome == .complete else { return }
  precondition(whole == pieces, "a head has one meaning, however it is cut")
  precondition(whole.headBytes == fed, "a head ends with its last byte")
  let decoder = BodyDecoder(whole.framing)
  compareBodies(bytes.extracting(whole.headBytes..<bytes.count), decoder, limits.bodyBytesMax)
}

private func compareBodies(_ bytes: Span<UInt8>, _ decoder: BodyDecoder, _ bodyBytesMax: Int) {
  var wholeDecoder = decoder
  var whole = ByteBuffer()
  let (wholeUsed, wholeOutcome) = wholeDecoder.decode(
    bytes, into: &whole, bodyBytesMax: bodyBytesMax)

  var piecesDecoder = decoder
  var pieces = ByteBuffer()
  var (used, outcome) = piecesDecoder.decode(
    bytes.extracting(0..<0), into: &pieces, bodyBytesMax: bodyBytesMax)
  while used < bytes.count, outcome == .needsMore {
    let step = piecesDecoder.decode(
      bytes.extracting(used..<used + 1), into: &pieces, bodyBytesMax: bodyBytesMax)
    used += step.consumed
    outcome = step.outcome
  }
  precondition(wholeUsed == used && wholeOutcome == outcome, "a body ends in one way")
  precondition(whole.copied() == pieces.copied(), "a body has one content")
}
