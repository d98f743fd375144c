public import Bytes
import Crypto

/// What became of a datagram.
public enum PacketOpening: Equatable, Sendable {
  case opened(from: Incarnated)
  /// Not one of these datagrams at all.
  case malformed
  /// Another secret, another cluster, or changed on the way.
  case unauthentic
  /// Seen before, too old to tell, or one of this process's own.
  case replayed
}

/// Opens what the sealers of all nodes of the cluster have sealed, each datagram once.
///
/// Nothing is kept of a datagram that is not authentic. What is kept is bounded: some processes for
/// each node, and so many nodes as a cluster can have.
public struct PacketOpener: ~Copyable {
  /// A node has one process at a time; two more may still have datagrams under way.
  private static let streamsPerNode = 4
  private static let streamsMax = MembershipLimits.members * streamsPerNode
  /// No datagram of this protocol is longer.
  public static let datagramBytesMax = 1_400

  private let secrets: [ClusterSecret]
  private let cluster: UInt64
  private let own: PacketStream
  /// By ascending stream.
  private var streams: [Stream] = []

  /// - Parameters:
  ///   - secrets: those that may have sealed.
  ///   - salt: that of the own sealer.
  public init(secrets: [ClusterSecret], cluster: UInt64, own: Incarnated, salt: UInt64) {
    self.secrets = secrets
    self.cluster = cluster
    self.own = PacketStream(node: own.node.rawValue, boot: own.boot, salt: salt)
  }

  /// Appends what was sealed, where the datagram is authentic and new; otherwise nothing.
  public mutating func open(
    _ datagram: Span<UInt8>, into bytes: inout ByteBuffer
  ) -> PacketOpening {
    guard datagram.count >= PacketSealer.overheadBytes, datagram.count <= Self.datagramBytesMax
    else { return .malformed }
    var reader = ByteReader(datagram)
    guard let head = PacketHead.decode(&reader) else { return .malformed }
    guard head.stream != own else { return .replayed }
    let message = SealedMessage(head: head, cluster: cluster)
    let sealed = datagram.extracting(PacketSealer.headBytes..<datagram.count)
    let place = place(of: head.stream)
    if place < streams.count, streams[place].id == head.stream {
      let before = bytes.count
      guard streams[place].open(message, sealed, into: &bytes) else { return .unauthentic }
      guard streams[place].window.take(head.counter) else {
        bytes.truncate(to: before)
        return .replayed
      }
      return .opened(from: head.sender)
    }
    for secret in secrets where UInt8(truncatingIfNeeded: secret.id) == head.keyID {
      let stream = Stream(head.stream, secret, cluster: cluster)
      guard stream.open(message, sealed, into: &bytes) else { continue }
      _ = stream.window.take(head.counter)
      insert(stream, at: place)
      return .opened(from: head.sender)
    }
    return .unauthentic
  }

  private func place(of stream: PacketStream) -> Int {
    var low = 0
    var high = streams.count
    while low < high {
      let middle = (low + high) / 2
      if streams[middle].id < stream { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Of too many processes of a node the one of the lowest boot goes: membership does not listen to
  /// it any more.
  private mutating func insert(_ stream: Stream, at place: Int) {
    streams.insert(stream, at: place)
    let first = streams.firstIndex { $0.id.node == stream.id.node } ?? place
    let count = streams[first...].prefix { $0.id.node == stream.id.node }.count
    if count > Self.streamsPerNode || streams.count > Self.streamsMax { streams.remove(at: first) }
  }
}

/// What sealing binds a message to.
private struct SealedMessage {
  let nonce: Nonce
  let associated: [UInt8]

  init(head: PacketHead, cluster: UInt64) {
    nonce = Nonce(prefix: 0, counter: head.counter)
    var buffer = ByteBuffer(capacity: PacketSealer.headBytes + 8)
    head.encode(into: &buffer)
    buffer.appendUInt64(cluster)
    associated = buffer.copied()
  }
}

/// A key and the counters seen of one process. A class, because arrays cannot hold what cannot be
/// copied; each belongs to one opener alone.
private final class Stream {
  let id: PacketStream
  var window = ReplayWindow()
  private var aead: AEAD

  init(_ id: PacketStream, _ secret: ClusterSecret, cluster: UInt64) {
    self.id = id
    aead = id.aead(secret, cluster: cluster)
  }

  func open(
    _ message: SealedMessage, _ sealed: Span<UInt8>, into bytes: inout ByteBuffer
  ) -> Bool {
    aead.open(
      nonce: message.nonce, associatedData: message.associated.span, sealed: sealed, into: &bytes)
  }
}
