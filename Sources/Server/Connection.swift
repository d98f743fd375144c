// One client's connection, as its loop holds it.

import Bytes
import HTTP
import JSON
import Platform

/// What a connection is in the middle of.
enum ConnectionPhase: UInt8 {
  /// It agrees on keys, or has not even begun to: nothing is read before.
  case handshaking
  /// It reads requests and answers them.
  case open
  /// Its answers are ready and wait for a log position to be committed.
  case held
  /// Another thread works on its answer: it hashes a password, or speaks for the cluster.
  case waiting
  /// It is sent a long listing, piece by piece.
  case listing
  /// It shows the changes of a key until the client leaves.
  case streaming
  /// It was refused; what still comes is thrown away until the client has read why.
  case lingering
}

/// The state of a connection. Small where nothing is going on: the buffers own no memory then.
struct Connection: ~Copyable {
  let descriptor: Int32
  /// Tells this connection's events and answers from those of one that had the slot before.
  let generation: UInt32
  var phase = ConnectionPhase.open
  /// The socket may have bytes that were not read.
  var mayRead = false
  /// The client has closed its half: behind its last byte there is an end to be read.
  var endsInput = false
  /// `input` may hold a whole request.
  var hasRequest = false
  /// The client has sent its last byte.
  var isFinished = false
  /// Another thread works on its answer, whatever else it waits for.
  var awaitsThread = false
  /// Nothing more is answered when `output` is sent.
  var closesAfterOutput = false
  /// The close follows a refusal: bytes may be under way that nobody will read.
  var lingersAfterOutput = false
  /// The log position that the answers in `output` wait for.
  var heldFor: UInt64 = 0
  var heldSince = Instant(nanoseconds: 0)
  /// Answers in `output` that wait, for the latency that `/stats` shows.
  var heldRequests: UInt32 = 0

  var parser = RequestParser()
  /// What the answers in `output` wait for beyond the own disk.
  var acks: [AcknowledgementWait] = []
  /// Bytes received and not yet used: the beginning of a request.
  var input = ByteBuffer()
  /// Bytes owed to the client.
  var output = ByteBuffer()
  /// How many of them the loop has counted.
  var bytesCounted = 0
  var body: BodyInProgress?
  var parked: ParkedRequest?
  var listing: Listing?
  var stream: Stream?
  /// What seals its bytes; nil where they travel in the clear, and before its first byte came.
  var session: TLSSession?

  /// Nothing of a request has come, and nothing is owed.
  var restsBetweenRequests: Bool {
    phase == .open && input.isEmpty && output.isEmpty && body == nil && !hasRequest && !isFinished
      && !closesAfterOutput
  }

  init(descriptor: Int32, generation: UInt32) {
    self.descriptor = descriptor
    self.generation = generation
  }
}

/// A request whose body is still coming.
final class BodyInProgress {
  let request: Request
  let head: [UInt8]
  var decoder: BodyDecoder
  var bytes = ByteBuffer()
  /// How many bytes had come when the deadline was last set.
  var countAtDeadline = 0

  /// What the head said, which was found short enough; 0 for chunks.
  var contentLength: Int { request.contentLength ?? 0 }

  init(request: Request, head: [UInt8]) {
    self.request = request
    self.head = head
    decoder = BodyDecoder(request.framing)
  }
}

/// How the answer to a request is dressed, which outlives the request's bytes.
struct ReplyStyle {
  var keepAlive = false
  var minorVersion: UInt8 = 1
  var isHead = false
  var wantsProblem = false
  /// The `Origin` of a browser's script; empty where there is none.
  var origin: [UInt8] = []
}

/// A request on its way through router and endpoint: valid for one call.
struct Call: ~Escapable {
  let slot: Int
  let request: Request
  let style: ReplyStyle
  let head: Span<UInt8>
  let body: Span<UInt8>

  @_lifetime(copy head, copy body)
  init(
    slot: Int, request: Request, style: ReplyStyle, head: Span<UInt8>, body: Span<UInt8>
  ) {
    self.slot = slot
    self.request = request
    self.style = style
    self.head = head
    self.body = body
  }

  /// The bytes of a field, as the parser found it.
  @_lifetime(copy self)
  func field(_ range: ByteRange) -> Span<UInt8> { head.extracting(range.range) }
}
