public import Bytes

/// Where a body ends (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
  /// After so many bytes; 0 where there is no body.
  case length(Int)
  /// After the last chunk.
  case chunked
  /// Where the connection ends; responses only.
  case untilClose
}

extension Request {
  /// Where the body of this request ends.
  public var framing: BodyFraming { isChunked ? .chunked : .length(contentLength ?? 0) }
}

/// Reads a body of any framing, in pieces of any size.
public struct BodyDecoder: Sendable {
  private var framing: BodyFraming
  private var received = 0
  private var chunks = ChunkedDecoder()

  public init(_ framing: BodyFraming) { self.framing = framing }

  /// As `ChunkedDecoder.decode`. A body without bytes is `finished` also for no input. One that
  /// ends with the connection is never `finished`: what came is the body when the peer closes.
  public mutating func decode(
    _ input: Span<UInt8>, into body: inout ByteBuffer, bodyBytesMax: Int
  ) -> (consumed: Int, outcome: BodyOutcome) {
    switch framing {
    case .chunked:
      return chunks.decode(input, into: &body, bodyBytesMax: bodyBytesMax)
    case .length(let length):
      guard length <= bodyBytesMax else { return (0, .refused(.bodyTooLong)) }
      let count = min(input.count, length - received)
      body.append(input.extracting(0..<count))
      received += count
      return (count, received == length ? .finished : .needsMore)
    case .untilClose:
      guard input.count <= bodyBytesMax - received else { return (0, .refused(.bodyTooLong)) }
      body.append(input)
      received += input.count
      return (input.count, .needsMore)
    }
  }
}
