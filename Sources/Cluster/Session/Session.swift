public import Bytes
import Crypto

/// A connection between two nodes that have proved the secret to each other.
///
/// Every body is one sealed frame. A frame is bound to its session, its direction, its channel and its
/// counter; counters only grow, so that nothing recorded is of any use. A session is of one connection:
/// its requests come in their order.
public struct Session: ~Copyable, Sendable {
  /// An index, not a secret: it travels in the clear.
  public let id: UInt64
  public let cluster: UInt64
  public let peer: Incarnated

  /// What sealing adds to a body.
  public static let overheadBytes = AEAD.tagBytes

  private var aead: AEAD
  private var lastSealed: UInt64 = 0
  private var lastOpened: UInt64 = 0
  private var lastAnswered: UInt64 = 0
  private var lastAnswerOpened: UInt64 = 0

  private enum Direction: UInt32 {
    case request = 1
    case response = 2
  }

  init(id: UInt64, cluster: UInt64, peer: Incarnated, key: [UInt8]) {
    self.id = id
    self.cluster = cluster
    self.peer = peer
    aead = AEAD(key: key.span)
  }

  // MARK: The side that asks

  /// Appends a sealed request.
  ///
  /// - Returns: its counter, for the header and for the answer.
  public mutating func sealRequest(
    _ plain: Span<UInt8>, channel: Channel, into buffer: inout ByteBuffer
  ) -> UInt64 {
    lastSealed += 1
    seal(plain, .request, lastSealed, channel, &buffer)
    return lastSealed
  }

  /// Appends what the answer to the request of this counter says.
  public mutating func openResponse(
    _ sealed: Span<UInt8>, counter: UInt64, channel: Channel, into buffer: inout ByteBuffer
  ) throws(SessionError) {
    guard counter > lastAnswerOpened, counter <= lastSealed else { throw .replayed }
    try open(sealed, .response, counter, channel, &buffer)
    lastAnswerOpened = counter
  }

  // MARK: The side that answers

  /// Appends what a request says. A counter that is not greater than all before it is refused; one
  /// that is not authentic changes nothing.
  public mutating func openRequest(
    _ sealed: Span<UInt8>, counter: UInt64, channel: Channel, into buffer: inout ByteBuffer
  ) throws(SessionError) {
    guard counter > lastOpened else { throw .replayed }
    try open(sealed, .request, counter, channel, &buffer)
    lastOpened = counter
  }

  /// Appends the sealed answer to the request of this counter: once for each, in their order.
  public mutating func sealResponse(
    _ plain: Span<UInt8>, counter: UInt64, channel: Channel, into buffer: inout ByteBuffer
  ) {
    precondition(
      counter > lastAnswered && counter <= lastOpened, "one answer for each request, in their order"
    )
    lastAnswered = counter
    seal(plain, .response, counter, channel, &buffer)
  }

  // MARK: Frames

  private mutating func seal(
    _ plain: Span<UInt8>, _ direction: Direction, _ counter: UInt64, _ channel: Channel,
    _ buffer: inout ByteBuffer
  ) {
    let associated = associated(channel)
    aead.seal(
      nonce: Nonce(prefix: direction.rawValue, counter: counter),
      associatedData: associated.span, plaintext: plain, into: &buffer)
  }

  private mutating func open(
    _ sealed: Span<UInt8>, _ direction: Direction, _ counter: UInt64, _ channel: Channel,
    _ buffer: inout ByteBuffer
  ) throws(SessionError) {
    let associated = associated(channel)
    let isGenuine = aead.open(
      nonce: Nonce(prefix: direction.rawValue, counter: counter),
      associatedData: associated.span, sealed: sealed, into: &buffer)
    guard isGenuine else { throw .unauthentic }
  }

  private func associated(_ channel: Channel) -> [9 of UInt8] {
    [9 of UInt8] { index in
      index < 8 ? UInt8(truncatingIfNeeded: id >> UInt64(index * 8)) : channel.rawValue
    }
  }
}
