import Bytes
import HTTP

/// What `AnswerReader` found at the front of the bytes.
enum AnswerStep {
  /// No whole answer yet.
  case needsMore
  /// An answer is whole; its body is what was appended since the one before.
  case answer(status: UInt16, keepsAlive: Bool)
  /// The bytes are no HTTP; where the next answer begins cannot be known.
  case broken(Refusal)
}

/// Reads the answers of one connection, one behind the other, in pieces of any size.
struct AnswerReader: ~Copyable {
  private var parser = ResponseParser()
  private var response = Response()
  /// Set while the body of `response` is read.
  private var decoder: BodyDecoder?

  /// More than any single record or error of a node.
  private static let bodyBytesMax = 16 << 20

  /// Takes the next answer, or as much of it as there is.
  ///
  /// - Parameter bytes: what came and was not used before. An unfinished head is not used: the next
  ///   call sees it again, with more behind it.
  mutating func read(
    _ bytes: Span<UInt8>, into body: inout ByteBuffer
  ) -> (used: Int, step: AnswerStep) {
    var used = 0
    while decoder == nil {
      let rest = bytes.extracting(used..<bytes.count)
      switch parser.parse(rest, limits: HTTPLimits(), into: &response) {
      case .incomplete: return (used, .needsMore)
      case .refused(let refusal): return (used, .broken(refusal))
      case .complete:
        used += response.headBytes
        if response.isInterim { continue }
        decoder = BodyDecoder(response.framing(toRequest: .get))
      }
    }
    let rest = bytes.extracting(used..<bytes.count)
    let (count, outcome) = decoder!.decode(rest, into: &body, bodyBytesMax: Self.bodyBytesMax)
    used += count
    switch outcome {
    case .needsMore: return (used, .needsMore)
    case .refused(let refusal): return (used, .broken(refusal))
    case .finished:
      decoder = nil
      return (used, .answer(status: response.status, keepsAlive: response.keepAlive))
    }
  }

  /// The status of an answer whose body was to last until the connection's end, which is now.
  func statusAtEnd() -> UInt16? {
    guard decoder != nil, response.framing(toRequest: .get) == .untilClose else { return nil }
    return response.status
  }
}
