/// A look at a record where it lies, without copying or counting references. The compiler holds it
/// to the life of the shard or record that it came from.
@safe public struct RecordView: ~Escapable {
  // A pointer, because a view costs nothing that way. Invariant: a record's memory, which the
  // borrowed owner keeps unchanged.
  @usableFromInline let base: UnsafeRawPointer

  @unsafe @_lifetime(immortal) @inlinable
  init(at base: UnsafeRawPointer) { unsafe self.base = base }

  @inlinable var header: UnsafePointer<RecordHeader> {
    unsafe base.assumingMemoryBound(to: RecordHeader.self)
  }

  @inlinable public var table: TableID { unsafe TableID(rawValue: header.pointee.table) }
  @inlinable public var owner: OwnerID { unsafe OwnerID(rawValue: header.pointee.owner) }
  @inlinable public var origin: OriginID { unsafe OriginID(rawValue: header.pointee.origin) }
  @inlinable public var version: UInt64 { unsafe header.pointee.version }
  @inlinable public var hybridTime: UInt64 { unsafe header.pointee.hybridTime }
  @inlinable public var sequence: UInt64 { unsafe header.pointee.sequence }
  /// Whether this is the trace of a deleted record; its value is empty then.
  @inlinable public var isTombstone: Bool { unsafe header.pointee.isDead }
  /// When it was written, in milliseconds since 1970.
  @inlinable public var milliseconds: UInt64 { hybridTime >> HybridClock.counterBits }

  @inlinable public var key: Span<UInt8> {
    @_lifetime(copy self)
    get {
      let bytes = unsafe UnsafeBufferPointer(
        start: (base + RecordHeader.size).assumingMemoryBound(to: UInt8.self),
        count: header.pointee.keyLength)
      return unsafe _overrideLifetime(bytes.span, copying: self)
    }
  }

  @inlinable public var value: Span<UInt8> {
    @_lifetime(copy self)
    get {
      let bytes = unsafe UnsafeBufferPointer(
        start: (base + RecordHeader.size + header.pointee.keyLength)
          .assumingMemoryBound(to: UInt8.self),
        count: header.pointee.valueLength)
      return unsafe _overrideLifetime(bytes.span, copying: self)
    }
  }

  /// Bytes of header, key and value together.
  @inlinable public var byteCount: Int {
    unsafe RecordHeader.size + header.pointee.keyLength + header.pointee.valueLength
  }

  /// Whether this is the record of a table's key.
  @inlinable func isOf(_ table: TableID, _ key: Span<UInt8>) -> Bool {
    guard self.table == table, unsafe header.pointee.keyLength == key.count else { return false }
    return unsafe key.withUnsafeBytes { bytes in
      guard let other = bytes.baseAddress else { return true }
      return unsafe equalBytes(base + RecordHeader.size, other, count: bytes.count)
    }
  }
}
