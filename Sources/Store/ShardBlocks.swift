// The checkpoint's view of a shard: blocks, which of them are dirty, and what is in them.

extension Shard {
  @inlinable var blockShift: UInt64 {
    SlotTable.placeBits - UInt64(truncatingIfNeeded: blockBits)
  }

  /// The number of the block that a hash belongs to.
  @inlinable public func block(of hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: SlotTable.place(of: hash) >> blockShift)
  }

  /// How many blocks there are: 2^`blockBits`.
  @inlinable public var blockCount: Int { 1 << blockBits }

  /// Sets how finely the checkpoint divided this shard, before anything is loaded from it.
  /// At most `blockBitsMax`; a number smaller than the present one changes nothing.
  public mutating func restoreBlockBits(_ bits: Int) {
    precondition(bits >= 0 && bits <= Self.blockBitsMax, "more blocks than a shard can have")
    if bits > blockBits { divide(into: bits) }
  }

  /// Appends the numbers of the dirty blocks, ascending, and takes them for clean from now on.
  /// The numbers hold as long as `blockBits` stays the same.
  public mutating func takeDirtyBlocks(into blocks: inout [UInt32]) { dirty.take(into: &blocks) }

  /// Makes a block dirty (again): what was taken did not reach the disk.
  ///
  /// Blocks may have been divided since; then all of them are dirty already, and a number taken
  /// before names another block, which is harmless.
  public mutating func markDirty(_ block: UInt32) { dirty.mark(Int(block)) }

  /// Visits the records and tombstones of a block. The cost is that of the block, not of the shard.
  @inlinable
  public func forEachRecord<Failure: Error>(
    inBlock block: UInt32, _ body: (RecordView) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(Int(block) < blockCount, "no such block")
    let places = UInt64(block) << blockShift..<(UInt64(block) + 1) << blockShift
    try table.forEachIndex(places: places) { index throws(Failure) in
      try unsafe body(RecordView(at: table.record(at: index)))
    }
  }

  /// Visits all records and tombstones, in the order of their hashes (of the part of them that the
  /// table keeps; where that is equal, the one that was inserted first comes first).
  @inlinable
  public func forEachRecord<Failure: Error>(
    _ body: (RecordView) throws(Failure) -> Void
  ) throws(Failure) {
    try table.forEachIndex(places: 0..<1 << SlotTable.placeBits) { index throws(Failure) in
      try unsafe body(RecordView(at: table.record(at: index)))
    }
  }

  /// Visits records and tombstones in the order of their places (what the table keeps of a hash),
  /// from `place` on, until `body` returns false.
  ///
  /// - Parameter body: is given the place too; records of one place come one behind the other.
  public func scan(fromPlace place: UInt64, _ body: (_ place: UInt64, RecordView) -> Bool) {
    struct Enough: Error {}
    guard place < 1 << SlotTable.placeBits else { return }
    do throws(Enough) {
      try table.forEachIndex(places: place..<1 << SlotTable.placeBits) { index throws(Enough) in
        let view = unsafe RecordView(at: table.record(at: index))
        if !body(table.place(at: index), view) { throw Enough() }
      }
    } catch {}
  }

  /// Divides further where blocks have become too large on average.
  mutating func growBlocks() {
    var bits = blockBits
    while byteCount > Self.blockBytesMax << bits && bits < Self.blockBitsMax { bits += 1 }
    if bits > blockBits { divide(into: bits) }
  }

  private mutating func divide(into bits: Int) {
    blockBits = bits
    // Every block's number has another meaning now.
    dirty = DirtyBlocks(blockCount: 1 << bits, allDirty: table.count > 0)
  }
}
