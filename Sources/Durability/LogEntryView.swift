import Bytes
public import Store

/// An entry as it lies in a frame, a block or a message, checked and pointed into.
///
/// A clock ceiling has empty names and only its `hybridTime`; a shard's clock has only `shardClock`.
public struct LogEntryView: ~Escapable {
  public let kind: LogEntry.Kind
  public let hybridTime: UInt64
  public let node: UInt64
  public let boot: UInt32
  public let sequence: UInt64
  public let version: UInt64

  private let names: Span<UInt8>
  private let tableBytes: Int
  private let ownerBytes: Int
  private let keyBytes: Int

  public var stamp: Stamp {
    Stamp(hybridTime: hybridTime, node: node, boot: boot, sequence: sequence)
  }

  public var tableName: Span<UInt8> {
    @_lifetime(copy self) get { names.extracting(0..<tableBytes) }
  }

  public var ownerName: Span<UInt8> {
    @_lifetime(copy self) get { names.extracting(tableBytes..<tableBytes + ownerBytes) }
  }

  public var key: Span<UInt8> {
    @_lifetime(copy self) get {
      let start = tableBytes + ownerBytes
      return names.extracting(start..<start + keyBytes)
    }
  }

  /// The value's bytes, exactly as they were sent; empty for a tombstone.
  public var value: Span<UInt8> {
    @_lifetime(copy self) get {
      names.extracting(tableBytes + ownerBytes + keyBytes..<names.count)
    }
  }

  /// The shard and what it has seen, of an entry of the kind `clock`. Nil for any other.
  public var shardClock: (shard: Int, clock: ShardClock)? {
    guard kind == .clock else { return nil }
    var reader = ByteReader(names)
    guard let shard = reader.readUInt16(), shard < Shard.count,
      let clock = ShardClock(reading: &reader), reader.remaining == 0
    else { return nil }
    return (Int(shard), clock)
  }

  /// Reads an entry without its length field. Nil where the bytes are not exactly one entry.
  @_lifetime(copy body)
  public init?(body: Span<UInt8>) {
    var reader = ByteReader(body)
    guard let code = reader.readUInt8(), let kind = LogEntry.Kind(rawValue: code) else {
      return nil
    }
    self.kind = kind
    if kind == .clock {
      (hybridTime, node, boot, sequence, version) = (0, 0, 0, 0, 0)
      (tableBytes, ownerBytes, keyBytes) = (0, 0, 0)
      names = body.extracting(1..<body.count)
      // A damaged clock is no entry: nothing else would notice that what was seen is forgotten.
      if shardClock == nil { return nil }
      return
    }
    guard let hybridTime = reader.readUInt64() else { return nil }
    self.hybridTime = hybridTime
    if kind == .clockCeiling {
      guard reader.remaining == 0 else { return nil }
      (node, boot, sequence, version) = (0, 0, 0, 0)
      (tableBytes, ownerBytes, keyBytes) = (0, 0, 0)
      names = body.extracting(0..<0)
      return
    }
    guard let node = reader.readUInt64(), let boot = reader.readVarint(), boot <= UInt32.max,
      let sequence = reader.readVarint(), let version = reader.readVarint(),
      let tableBytes = reader.readVarint(), let ownerBytes = reader.readVarint(),
      let keyBytes = reader.readVarint()
    else { return nil }
    // Each is compared alone first, so that the sum cannot overflow.
    let rest = UInt64(reader.remaining)
    guard tableBytes <= rest, ownerBytes <= rest, keyBytes <= rest,
      tableBytes + ownerBytes + keyBytes <= rest,
      kind == .put || tableBytes + ownerBytes + keyBytes == rest,
      let names = reader.readBytes(reader.remaining)
    else { return nil }
    self.node = node
    self.boot = UInt32(boot)
    self.sequence = sequence
    self.version = version
    self.tableBytes = Int(tableBytes)
    self.ownerBytes = Int(ownerBytes)
    self.keyBytes = Int(keyBytes)
    self.names = names
  }
}

/// Entries one behind the other: the body of a frame, a block or a message.
public struct LogEntryReader: ~Escapable {
  private let entries: Span<UInt8>
  /// Where the next entry begins, in bytes from the start.
  public private(set) var offset = 0

  @_lifetime(copy entries)
  public init(_ entries: Span<UInt8>) { self.entries = entries }

  public var isAtEnd: Bool { offset == entries.count }

  /// The next entry; nil at the end, and where what follows is no entry (`isAtEnd` tells which).
  @_lifetime(copy self)
  public mutating func next() -> LogEntryView? {
    guard let count = LogEntry.byteCount(at: offset, of: entries) else { return nil }
    let start = offset
    guard let view = LogEntryView(body: entries.extracting(start + 4..<start + count)) else {
      return nil
    }
    offset = start + count
    return view
  }
}
