import Bytes
import Platform

/// One keep-alive connection: what it has yet to send, what it was told, what it waits for.
struct Connection: ~Copyable {
  var wire: Wire
  /// Requests that the kernel has not taken yet.
  var output = ByteBuffer()
  /// The beginning of an answer's head. Owns no memory where there is none.
  var input = ByteBuffer()
  /// The body of the answer that is being read.
  var body = ByteBuffer()
  var reader = AnswerReader()
  var flights: FlightQueue

  /// It stands in the queue of those that may send.
  var isReady = false
  /// It has requests that were not yet offered to the kernel.
  var isDirty = false
  /// The poller reports when the kernel takes more.
  var awaitsRoom = false

  /// A body larger than this does not keep its memory.
  private static let bodyBytesKept = 64 << 10

  init(wire: consuming Wire, pipeline: Int) {
    self.wire = wire
    flights = FlightQueue(capacity: pipeline)
  }

  /// Takes the next answer from the front of the bytes; its body is in `body` until `settle`.
  mutating func read(_ bytes: Span<UInt8>) -> (used: Int, step: AnswerStep) {
    reader.read(bytes, into: &body)
  }

  /// The answer is done with.
  mutating func settle() {
    if body.capacity > Self.bodyBytesKept { body.release() } else { body.clear() }
  }
}
