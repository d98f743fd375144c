/// The first 40 bytes of a record's memory; the key follows, then the value.
///
/// Version and key length share a word, and so do value length and the dead bit: 100,000 records
/// pay 8 bytes each for every field that is given one of its own.
@usableFromInline
struct RecordHeader {
  @usableFromInline let hybridTime: UInt64
  @usableFromInline let sequence: UInt64
  @usableFromInline let versionAndKeyLength: UInt64
  @usableFromInline let origin: UInt32
  @usableFromInline let owner: UInt32
  @usableFromInline let table: UInt32
  @usableFromInline let valueLengthAndDead: UInt32

  @inlinable static var size: Int { MemoryLayout<RecordHeader>.size }
  @inlinable static var keyLengthBits: UInt64 { 12 }
  @inlinable static var deadBit: UInt32 { 1 << 31 }

  @inlinable var version: UInt64 { versionAndKeyLength >> Self.keyLengthBits }
  @inlinable var keyLength: Int {
    Int(truncatingIfNeeded: versionAndKeyLength & ((1 << Self.keyLengthBits) - 1))
  }
  @inlinable var valueLength: Int {
    Int(truncatingIfNeeded: valueLengthAndDead & ~Self.deadBit)
  }
  @inlinable var isDead: Bool { valueLengthAndDead & Self.deadBit != 0 }

  init(
    hybridTime: UInt64, sequence: UInt64, version: UInt64, keyLength: Int, origin: OriginID,
    owner: OwnerID, table: TableID, valueLength: Int, isDead: Bool
  ) {
    self.hybridTime = hybridTime
    self.sequence = sequence
    self.versionAndKeyLength = version << Self.keyLengthBits | UInt64(keyLength)
    self.origin = origin.rawValue
    self.owner = owner.rawValue
    self.table = table.rawValue
    self.valueLengthAndDead = UInt32(valueLength) | (isDead ? Self.deadBit : 0)
  }
}
