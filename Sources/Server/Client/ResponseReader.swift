import Bytes
import HTTP

/// Reads the responses of one connection, one behind the other, in pieces of any size.
struct ResponseReader: ~Copyable {
  enum Step {
    case needsMore
    case answer(HTTPAnswer)
    /// Where the next response begins cannot be known.
    case refused(Refusal)
  }

  private let limits: HTTPLimits
  private var parser = ResponseParser()
  private var response = Response()
  private var head: [UInt8] = []
  /// Set while the body of `response` is read.
  private var decoder: BodyDecoder?
  private var endsWithConnection = false
  private var body = ByteBuffer()
  private var interim = 0

  init(_ limits: HTTPClientLimits) {
    var own = HTTPLimits()
    own.headBytesMax = limits.headBytesMax
    own.headerFieldsMax = limits.headerFieldsMax
    own.bodyBytesMax = limits.bodyBytesMax
    self.limits = own
  }

  /// Takes the response to a request, or as much of it as there is.
  ///
  /// - Parameter bytes: what came and was not used before, not empty. An unfinished head is not
  ///   used: the next call sees it again, with more behind it.
  mutating func read(_ bytes: Span<UInt8>, to method: Method) -> (used: Int, step: Step) {
    var used = 0
    while decoder == nil {
      let rest = bytes.extracting(used..<bytes.count)
      switch parser.parse(rest, limits: limits, into: &response) {
      case .incomplete: return (used, .needsMore)
      case .refused(let refusal): return (used, .refused(refusal))
      case .complete: break
      }
      if response.isInterim {
        interim += 1
        // `101` changes the protocol, and nobody asked for that.
        guard response.status != 101, interim <= HTTPClientLimits.interimMax else {
          return (used, .refused(.unwantedInterim))
        }
      } else {
        head = [UInt8](copying: rest.extracting(0..<response.headBytes))
        let framing = response.framing(toRequest: method)
        endsWithConnection = framing == .untilClose
        decoder = BodyDecoder(framing)
      }
      used += response.headBytes
    }
    let (count, outcome) = decoder!.decode(
      bytes.extracting(used..<bytes.count), into: &body, bodyBytesMax: limits.bodyBytesMax)
    used += count
    switch outcome {
    case .needsMore: return (used, .needsMore)
    case .refused(let refusal): return (used, .refused(refusal))
    case .finished: return (used, .answer(finish()))
    }
  }

  /// The response whose body lasts until the connection's end, which is now; nil where another, or
  /// none, is being read.
  mutating func readEnd() -> HTTPAnswer? {
    decoder != nil && endsWithConnection ? finish() : nil
  }

  private mutating func finish() -> HTTPAnswer {
    let answer = HTTPAnswer(response: response, head: head, body: body.copied())
    head = []
    decoder = nil
    interim = 0
    if body.capacity > HTTPClientLimits.keptBytesMax { body.release() } else { body.clear() }
    return answer
  }
}

extension Refusal {
  static let unwantedInterim = Refusal(
    502, "The server goes on announcing a response, or changes the protocol.")
}
