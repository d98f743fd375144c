/// A record, or the tombstone of one: what a write carries and what a shard keeps.
///
/// It is one allocation (header of 40 bytes, key, value), made once when the write enters and
/// handed on without a copy until a later write of the key replaces it.
@safe public struct Record: ~Copyable {
  /// 2^52 − 1: what the header has room for, and what JSON numbers carry exactly.
  public static let versionMax: UInt64 = 1 << 52 - 1
  /// What the header's 12 bits can say; the limit that users meet is lower.
  public static let keyBytesMax = 1 << 12 - 1
  /// What the header's 31 bits can say; the limit that users meet is lower.
  public static let valueBytesMax = 1 << 31 - 1

  // Raw memory, because a Swift object adds a header and reference counting, and an array another
  // allocation. Invariant: a RecordHeader, then as many initialised bytes as its lengths say.
  @usableFromInline let base: UnsafeMutableRawPointer

  /// Copies key and value in. Lengths and version within the limits above are the caller's promise.
  ///
  /// - Parameter value: nil makes a tombstone.
  public init(
    table: TableID, key: Span<UInt8>, value: Span<UInt8>?, version: UInt64, hybridTime: UInt64,
    sequence: UInt64, origin: OriginID, owner: OwnerID
  ) {
    let valueLength = value?.count ?? 0
    precondition(key.count <= Self.keyBytesMax, "a key longer than a record can hold")
    precondition(valueLength <= Self.valueBytesMax, "a value longer than a record can hold")
    precondition(version <= Self.versionMax, "a version greater than a record can hold")
    // Alignment 16 is malloc's own, so that this is malloc and adds nothing to its 8 bytes.
    unsafe base = .allocate(
      byteCount: RecordHeader.size + key.count + valueLength, alignment: 16)
    let header = RecordHeader(
      hybridTime: hybridTime, sequence: sequence, version: version, keyLength: key.count,
      origin: origin, owner: owner, table: table, valueLength: valueLength, isDead: value == nil)
    unsafe base.initializeMemory(as: RecordHeader.self, to: header)
    let keyStart = unsafe base + RecordHeader.size
    unsafe key.withUnsafeBytes { bytes in
      if let source = bytes.baseAddress {
        unsafe keyStart.copyMemory(from: source, byteCount: bytes.count)
      }
    }
    guard let value else { return }
    let valueStart = unsafe keyStart + key.count
    unsafe value.withUnsafeBytes { bytes in
      if let source = bytes.baseAddress {
        unsafe valueStart.copyMemory(from: source, byteCount: bytes.count)
      }
    }
  }

  /// Takes over memory that `relinquish` gave.
  @unsafe init(adopting base: UnsafeMutableRawPointer) { unsafe self.base = base }

  deinit { unsafe base.deallocate() }

  /// What the record says.
  @inlinable public var view: RecordView {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RecordView(at: base), borrowing: self) }
  }

  /// Gives the memory to the caller, who frees it.
  @unsafe consuming func relinquish() -> UnsafeMutableRawPointer {
    let base = unsafe base
    discard self
    return unsafe base
  }
}

// Nothing else points to the memory, and all of it is read-only once the record is made.
extension Record: @unchecked Sendable {}
