import Bytes

/// A node's number: drawn at random once, kept with its data, never derived from an address.
public struct NodeID: Hashable, Comparable, Sendable {
  public let rawValue: UInt64

  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }
}

extension NodeID: CustomStringConvertible {
  /// Sixteen hexadecimal digits, as users are shown it.
  public var description: String {
    var digits = ByteBuffer()
    Hex.append(rawValue, digits: 16, to: &digits)
    return String(decoding: digits.copied(), as: UTF8.self)
  }
}

/// One start of a node. A greater boot of the same node has replaced the lesser one.
public struct Incarnated: Hashable, Sendable {
  public let node: NodeID
  public let boot: UInt32

  public init(node: NodeID, boot: UInt32) {
    self.node = node
    self.boot = boot
  }
}

/// Where a node can be reached, by UDP and by HTTP on the same port number. An attribute of a node
/// that may change, never its identity.
public struct Endpoint: Hashable, Sendable {
  /// An IP address as text (IPv6 without brackets) or a host name; 1 to 255 bytes.
  public let host: [UInt8]
  public let port: UInt16

  public init(host: [UInt8], port: UInt16) {
    self.host = host
    self.port = port
  }
}
