/// A table's number in this process. Names are interned by the server: the same table may have
/// another number after a restart and on another node, so numbers never leave the process.
public struct TableID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// The number, in this process, of the user who owns a record.
public struct OwnerID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// The number, in this process, of an origin: one node during one boot. Sequences count per origin,
/// and a node that starts again is a new origin, so that no sequence is ever used twice.
public struct OriginID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}
