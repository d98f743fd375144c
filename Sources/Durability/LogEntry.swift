public import Bytes
public import Store

/// One change as bytes: what the log, the blocks of a checkpoint and replication carry.
///
/// Every name and number is spelled out in full, since the short numbers that stand for tables,
/// owners and origins in memory mean nothing to the next process. The layout is in
/// docs/formats/log.md; `LogEntryView` reads it. An ordinary entry adds about 30 bytes to its
/// names, key and value, and never more than `overheadMax`.
public enum LogEntry {
  /// What an entry says.
  public enum Kind: UInt8, Sendable {
    case put = 1
    case tombstone = 2
    /// No hybrid time beyond the one given has been, or will be until the next ceiling, given out.
    case clockCeiling = 3
    /// What a shard has seen, beyond the writes whose entries stand in the log: the end of a pull.
    case clock = 4
  }

  /// The most that an entry adds to the bytes of its names, key and value: the length, the kind,
  /// two fixed numbers and six of variable length.
  public static let overheadMax = 4 + 1 + 16 + 5 + 10 + 10 + 9

  /// Appends a write of `value`. Allocates nothing where the buffer has room.
  @inlinable public static func appendPut(
    table: Span<UInt8>, key: Span<UInt8>, value: Span<UInt8>, owner: Span<UInt8>,
    node: UInt64, boot: UInt32, hybridTime: UInt64, sequence: UInt64, version: UInt64,
    into buffer: inout ByteBuffer
  ) {
    appendHead(
      .put, table: table, key: key, valueBytes: value.count, owner: owner, node: node, boot: boot,
      hybridTime: hybridTime, sequence: sequence, version: version, into: &buffer)
    buffer.append(value)
  }

  /// Appends a delete.
  @inlinable public static func appendTombstone(
    table: Span<UInt8>, key: Span<UInt8>, owner: Span<UInt8>,
    node: UInt64, boot: UInt32, hybridTime: UInt64, sequence: UInt64, version: UInt64,
    into buffer: inout ByteBuffer
  ) {
    appendHead(
      .tombstone, table: table, key: key, valueBytes: 0, owner: owner, node: node, boot: boot,
      hybridTime: hybridTime, sequence: sequence, version: version, into: &buffer)
  }

  /// Appends the promise that no hybrid time above `hybridTime` is given out before the next one.
  public static func appendClockCeiling(_ hybridTime: UInt64, into buffer: inout ByteBuffer) {
    buffer.appendUInt32(9)
    buffer.appendUInt8(Kind.clockCeiling.rawValue)
    buffer.appendUInt64(hybridTime)
  }

  /// Appends the news that a shard has seen all that `clock` has.
  public static func appendClock(
    _ clock: ShardClock, ofShard shard: Int, into buffer: inout ByteBuffer
  ) {
    let start = buffer.count
    buffer.appendUInt32(0)
    buffer.appendUInt8(Kind.clock.rawValue)
    buffer.appendUInt16(UInt16(shard))
    clock.encode(into: &buffer)
    buffer.replaceUInt32(at: start, with: UInt32(buffer.count - start - 4))
  }

  /// At least as many bytes as `appendClock` appends.
  public static func byteBound(of clock: ShardClock) -> Int { 4 + 1 + 2 + 10 + 15 * clock.size }

  @usableFromInline static func appendHead(
    _ kind: Kind, table: Span<UInt8>, key: Span<UInt8>, valueBytes: Int, owner: Span<UInt8>,
    node: UInt64, boot: UInt32, hybridTime: UInt64, sequence: UInt64, version: UInt64,
    into buffer: inout ByteBuffer
  ) {
    let names = table.count + owner.count + key.count
    buffer.reserve(overheadMax + names + valueBytes)
    let start = buffer.count
    buffer.appendUInt32(0)
    buffer.appendUInt8(kind.rawValue)
    buffer.appendUInt64(hybridTime)
    buffer.appendUInt64(node)
    buffer.appendVarint(UInt64(boot))
    buffer.appendVarint(sequence)
    buffer.appendVarint(version)
    buffer.appendVarint(UInt64(table.count))
    buffer.appendVarint(UInt64(owner.count))
    buffer.appendVarint(UInt64(key.count))
    buffer.append(table)
    buffer.append(owner)
    buffer.append(key)
    buffer.replaceUInt32(at: start, with: UInt32(buffer.count - start - 4 + valueBytes))
  }

  /// Bytes of the entry that starts at `offset` of `entries`, its length field included; nil where
  /// there is no whole entry.
  static func byteCount(at offset: Int, of entries: Span<UInt8>) -> Int? {
    var reader = ByteReader(entries.extracting(offset..<min(offset + 4, entries.count)))
    guard let length = reader.readUInt32(), Int(length) <= entries.count - offset - 4 else {
      return nil
    }
    return 4 + Int(length)
  }

  /// Bytes of the first `count` entries from `offset` on, which must be whole.
  public static func byteCount(
    ofFirst count: Int, from offset: Int, of entries: Span<UInt8>
  ) -> Int {
    var bytes = 0
    for _ in 0..<count {
      guard let next = byteCount(at: offset + bytes, of: entries) else {
        preconditionFailure("only whole entries are counted")
      }
      bytes += next
    }
    return bytes
  }

  /// The most entries from `offset` on that together have at most `bytesMax` bytes. The entries
  /// must be whole.
  static func run(
    from offset: Int, of entries: Span<UInt8>, bytesMax: Int
  ) -> (bytes: Int, count: Int) {
    var bytes = 0
    var count = 0
    while let next = byteCount(at: offset + bytes, of: entries), bytes + next <= bytesMax {
      bytes += next
      count += 1
    }
    return (bytes, count)
  }
}
