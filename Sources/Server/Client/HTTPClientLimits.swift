/// What a client connection holds and waits for at most. One value serves all of a loop's.
public struct HTTPClientLimits: Sendable {
  /// 2 s: a machine that does not answer a SYN, nor its first repetition after 1 s, is away.
  public var connectMilliseconds: UInt64 = 2_000
  /// 5 s: four flights over the slowest line, and a node that is busy with other handshakes.
  public var handshakeMilliseconds: UInt64 = 5_000
  /// 1 s: what a response may still take whose request has expired, when its turn has come.
  public var lateMilliseconds: UInt64 = 1_000
  /// 16 KiB: as much as a node reads of a request's head.
  public var headBytesMax = 16 << 10
  /// 100 header fields, as a node reads.
  public var headerFieldsMax = 100
  /// 16 MiB: a batch of eight of the largest values, as JSON with its names, twice over.
  public var bodyBytesMax = 16 << 20
  /// 1024 requests without an answer on one connection: 48 KiB to remember them.
  public var requestsMax = 1_024
  /// 32 MiB of requests that the kernel has not taken: a peer that reads nothing costs no more.
  public var outputBytesMax = 32 << 20

  public init() {}

  /// Room for one call of read(2).
  static let readBytes = 16 << 10
  /// A buffer that has grown beyond this is given back when it is empty.
  static let keptBytesMax = 64 << 10
  /// `100 Continue` and its like before one response: more are no progress but a flood.
  static let interimMax = 8
}
