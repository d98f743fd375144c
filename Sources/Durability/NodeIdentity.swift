import Bytes
public import Crypto
import JSON

/// Who writes here: the cluster, the node, and how often the node has started. Kept in `node.json`.
///
/// A node's number is drawn once and is not derived from any address. The boot grows durably with
/// each start before anything is written, so that node, boot and sequence never name two writes
/// even where the tail of the log was lost.
public struct NodeIdentity: Equatable, Sendable {
  public let cluster: UInt64
  public let node: UInt64
  /// 1 for the first start.
  public let boot: UInt32

  public static let fileName = "node.json"

  public init(cluster: UInt64, node: UInt64, boot: UInt32) {
    self.cluster = cluster
    self.node = node
    self.boot = boot
  }

  /// Reads the identity, or makes one where there is none, and counts this start. Durable once it
  /// returns.
  ///
  /// - Parameter cluster: the cluster that a new identity belongs to; nil draws a new one.
  public static func open<D: Disk>(
    _ disk: D, cluster: UInt64? = nil, random: RandomSource = SecureRandom.bytes
  ) throws(NodeIdentityError) -> NodeIdentity {
    let found: [UInt8]?
    do { found = try AtomicFile.read(disk, fileName) } catch { throw .disk(error) }
    let identity: NodeIdentity
    if let found {
      guard let last = decode(found.span) else { throw .damaged }
      guard last.boot < .max else { throw .exhausted }
      identity = NodeIdentity(cluster: last.cluster, node: last.node, boot: last.boot + 1)
    } else {
      identity = NodeIdentity(
        cluster: cluster ?? number(random), node: number(random), boot: 1)
    }
    var text = ByteBuffer()
    identity.encode(into: &text)
    do { try AtomicFile.replace(disk, fileName, text.span) } catch { throw .disk(error) }
    return identity
  }

  private static func number(_ random: RandomSource) -> UInt64 {
    while true {
      var number: UInt64 = 0
      for byte in random(8) { number = number << 8 | UInt64(byte) }
      if number != 0 { return number }
    }
  }

  func encode(into text: inout ByteBuffer) {
    text.append(#"{"format":1,"cluster":""# as StaticString)
    Hex.append(cluster, digits: 16, to: &text)
    text.append(#"","node":""# as StaticString)
    Hex.append(node, digits: 16, to: &text)
    text.append(#"","boot":"# as StaticString)
    text.append(decimal: UInt64(boot))
    text.append("}\n" as StaticString)
  }

  static func decode(_ text: Span<UInt8>) -> NodeIdentity? {
    guard (try? JSONValidator.check(text)) != nil, let root = JSONReader.root(of: text),
      text.unsigned("format", of: root) == 1,
      let cluster = text.hexadecimal("cluster", of: root),
      let node = text.hexadecimal("node", of: root), node != 0,
      let boot = text.unsigned("boot", of: root), boot > 0, boot <= UInt32.max
    else { return nil }
    return NodeIdentity(cluster: cluster, node: node, boot: UInt32(boot))
  }
}

/// Why a node cannot say who it is.
public enum NodeIdentityError: Error, Equatable, CustomStringConvertible {
  /// `node.json` is not what a node writes.
  case damaged
  /// The node has started 2^32 - 1 times.
  case exhausted
  case disk(DiskError)

  public var description: String {
    switch self {
    case .damaged:
      """
      node.json in the data directory cannot be read; restore it from a copy, or a snapshot into \
      a new directory
      """
    case .exhausted: "the node has started too often; restore a snapshot into a new directory"
    case .disk(let error): "\(error)"
    }
  }
}
