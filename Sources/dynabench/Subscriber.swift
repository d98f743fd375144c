import Bytes
import HTTP
import Platform

/// One stream: its connection, and which message it should see next.
///
/// Events are not made into values as HTTP's `EventStreamParser` does: at ten thousand streams the
/// reader must be much faster than the node, or it measures itself. It looks for the message in
/// each line that begins with `data:`.
struct Subscriber: ~Copyable {
  var wire: Wire
  /// Which of the run's keys it watches.
  let key: Int
  /// The sequence that comes next; those of a key are `spread` apart.
  private var expected: Int
  private let spread: Int

  private var parser = ResponseParser()
  /// Set once the head of the answer is read.
  private var decoder: BodyDecoder?
  /// What was read and not used: a part of the head, then of a line. Owns no memory where empty.
  private var rest = ByteBuffer()

  init(wire: consuming Wire, key: Int, spread: Int) {
    self.wire = wire
    self.key = key
    self.spread = spread
    expected = key
  }

  /// The node has accepted the subscription.
  var isLive: Bool { decoder != nil }

  /// Takes what was read from the stream.
  ///
  /// - Parameters:
  ///   - body: room to work in; left empty.
  ///   - found: told about the messages, in order.
  mutating func take(
    _ bytes: Span<UInt8>, body: inout ByteBuffer, found: inout [StreamMessage]
  ) throws(Mistake) {
    var input = ByteBuffer()
    swap(&input, &rest)
    if decoder == nil {
      input.append(bytes)
      guard let headBytes = try readHead(input.span) else { return swap(&input, &rest) }
      input.consume(headBytes)
      try decode(input.span, &body)
    } else {
      body.append(input.span)
      try decode(bytes, &body)
    }
    let used = takeLines(body.span, &found)
    if used < body.count { rest.append(body.span.extracting(used..<body.count)) }
    body.clear()
    guard rest.count <= Self.lineBytesMax else {
      throw Mistake("a line of the stream is longer than \(Self.lineBytesMax) bytes")
    }
  }

  /// The longest event of a node, twice over.
  private static let lineBytesMax = 4 << 20

  /// Counts a message; false where it, or a later one, was there before.
  mutating func count(_ sequence: Int) -> Bool {
    guard sequence >= expected, (sequence - key) % spread == 0 else { return false }
    expected = sequence + spread
    return true
  }

  /// Returns the length of the head once it is whole.
  private mutating func readHead(_ bytes: Span<UInt8>) throws(Mistake) -> Int? {
    var response = Response()
    switch parser.parse(bytes, limits: HTTPLimits(), into: &response) {
    case .incomplete: return nil
    case .refused(let refusal): throw Mistake("\(refusal.message)")
    case .complete:
      guard response.status == 200 else {
        let body = bytes.extracting(response.headBytes..<bytes.count)
        let text = String(decoding: [UInt8](copying: body).prefix(500), as: UTF8.self)
        throw Mistake("subscribing is refused: status \(response.status) \(text)")
      }
      decoder = BodyDecoder(response.framing(toRequest: .get))
      return response.headBytes
    }
  }

  private mutating func decode(_ bytes: Span<UInt8>, _ body: inout ByteBuffer) throws(Mistake) {
    switch decoder!.decode(bytes, into: &body, bodyBytesMax: Int.max).outcome {
    case .needsMore: return
    case .finished: throw Mistake("the node ended a stream")
    case .refused(let refusal): throw Mistake("\(refusal.message)")
    }
  }

  /// Returns how many bytes belong to whole lines.
  private func takeLines(_ bytes: Span<UInt8>, _ found: inout [StreamMessage]) -> Int {
    var start = 0
    for index in bytes.indices where bytes[index] == 0x0a {
      let line = bytes.extracting(start..<index)
      start = index + 1
      guard line.count > 5, line.extracting(0..<5).equals("data:"),
        let message = StreamMessage.find(in: line)
      else { continue }
      found.append(message)
    }
    return start
  }
}
