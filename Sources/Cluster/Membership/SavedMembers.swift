import Bytes

/// The list of members as a node keeps it over restarts. Layout: docs/formats/wire.md.
///
/// A node that forgot a member could collect tombstones that this member has not seen; so a list that
/// cannot be read is never taken for an empty one.
public struct SavedMembers: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public var node: NodeID
    /// The greatest boot known: lesser ones stay fenced over a restart.
    public var boot: UInt32
    public var isRemoved: Bool
    public var endpoint: Endpoint

    public init(node: NodeID, boot: UInt32, isRemoved: Bool, endpoint: Endpoint) {
      self.node = node
      self.boot = boot
      self.isRemoved = isRemoved
      self.endpoint = endpoint
    }
  }

  public var cluster: UInt64
  /// Whether this directory has ever held all that the cluster had when the node joined it.
  public var wasReady: Bool
  /// Whether an operator took the directory's node out of the cluster.
  public var wasRemoved: Bool
  /// All members but the own node, each once, by ascending number.
  public var entries: [Entry]

  public init(cluster: UInt64, wasReady: Bool, wasRemoved: Bool = false, entries: [Entry]) {
    self.cluster = cluster
    self.wasReady = wasReady
    self.wasRemoved = wasRemoved
    self.entries = entries
  }

  private static let magic = Array("DYNAMEM1".utf8)
  private static let entryBytesMin = 17

  private enum Flag {
    static let ready: UInt8 = 1
    static let removed: UInt8 = 2
  }

  public func encoded() -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.append(Self.magic)
    buffer.appendUInt64(cluster)
    buffer.appendUInt8((wasReady ? Flag.ready : 0) | (wasRemoved ? Flag.removed : 0))
    buffer.appendUInt16(UInt16(truncatingIfNeeded: entries.count))
    for entry in entries {
      buffer.appendUInt64(entry.node.rawValue)
      buffer.appendUInt32(entry.boot)
      buffer.appendUInt8(entry.isRemoved ? 1 : 0)
      entry.endpoint.encode(into: &buffer)
    }
    buffer.appendUInt32(CRC32C.checksum(buffer.span))
    return buffer.copied()
  }

  /// Nil where the bytes are anything but exactly one intact list.
  public static func decode(_ bytes: Span<UInt8>) -> SavedMembers? {
    guard bytes.count >= magic.count + 15 else { return nil }
    let end = bytes.count - 4
    var tail = ByteReader(bytes.extracting(end..<bytes.count))
    guard tail.readUInt32() == CRC32C.checksum(bytes.extracting(0..<end)) else { return nil }
    var reader = ByteReader(bytes.extracting(0..<end))
    guard reader.readArray(magic.count) == magic, let cluster = reader.readUInt64(),
      let flags = reader.readUInt8(), flags <= Flag.ready | Flag.removed,
      let count = reader.readUInt16(),
      count <= MembershipLimits.members, Int(count) <= reader.remaining / entryBytesMin
    else { return nil }
    var entries: [Entry] = []
    entries.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let node = reader.readUInt64(), node > entries.last?.node.rawValue ?? 0,
        let boot = reader.readUInt32(), let removed = reader.readUInt8(), removed <= 1,
        let endpoint = Endpoint.decode(&reader)
      else { return nil }
      entries.append(
        Entry(node: NodeID(node), boot: boot, isRemoved: removed == 1, endpoint: endpoint))
    }
    guard reader.remaining == 0 else { return nil }
    return SavedMembers(
      cluster: cluster, wasReady: flags & Flag.ready != 0, wasRemoved: flags & Flag.removed != 0,
      entries: entries)
  }
}
