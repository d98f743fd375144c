/// One of the 1024 parts of the database, and the one door through which it changes.
///
/// A record's place is the 64-bit `StableHash` of its table's name and its key: the low 10 bits
/// choose the shard, the top bits the place inside. A client's write, a peer's, a repair and the
/// replay of the log all enter by `apply`, which is idempotent and commutative, so neither order
/// nor repetition matters. A shard does no locking: whoever holds it is alone with it.
///
/// For the checkpoint it is divided into 2^`blockBits` blocks by the top bits of the hash. Blocks
/// that changed are dirty until they are taken.
@safe public struct Shard: ~Copyable {
  /// How many shards there are, on every node and for ever: placement on disk and between nodes
  /// depends on it.
  public static let count = 1024

  /// 16 KiB of records a block on average: a changed record rewrites no more than that in the
  /// checkpoint, and the overhead of a block is small beside it.
  public static let blockBytesMax = 16 * 1024
  /// What a slot keeps of a hash: 16 GiB in a shard before blocks exceed their average.
  public static let blockBitsMax = Int(SlotTable.placeBits)

  @usableFromInline var table = SlotTable()
  var dirty = DirtyBlocks(blockCount: 1, allDirty: false)
  public internal(set) var blockBits = 0

  /// The log position of the latest write, kept by the caller.
  public var lastLSN: UInt64 = 0
  /// The sequence of this node's next write in this boot, counted by the caller: from 1, without a
  /// gap, so that what others have seen of it is one number.
  public var nextSequence: UInt64 = 1
  /// Which writes the shard has seen. Whoever applies a write adds its dot, whether it won or not.
  public var clock = ShardClock()

  /// Records that are not tombstones.
  public private(set) var liveCount = 0
  public private(set) var tombstoneCount = 0
  /// Bytes of all records and tombstones: headers, keys and values.
  public private(set) var byteCount = 0

  /// An empty shard owns no memory.
  public init() {}

  /// The number of the shard that a hash belongs to.
  @inlinable public static func index(of hash: UInt64) -> Int {
    Int(truncatingIfNeeded: hash & UInt64(truncatingIfNeeded: count - 1))
  }

  /// The record of a key, or its tombstone.
  ///
  /// - Parameter hash: `StableHash.record` of the table's name and the key.
  @inlinable @_lifetime(borrow self)
  public func record(table: TableID, key: Span<UInt8>, hash: UInt64) -> RecordView? {
    let position = self.table.position(table: table, key: key, hash: hash)
    guard position.isFound else { return nil }
    let view = unsafe RecordView(at: self.table.record(at: position.index))
    return unsafe _overrideLifetime(view, borrowing: self)
  }

  /// Where a search for this hash begins: an address to be fetched ahead, not to be read.
  @unsafe @inlinable public func slotAddress(of hash: UInt64) -> UnsafeRawPointer? {
    unsafe table.slotAddress(of: hash)
  }

  /// The first record that may have this hash: an address to be fetched ahead, not to be read.
  @unsafe @inlinable public func recordAddress(of hash: UInt64) -> UnsafeRawPointer? {
    unsafe table.recordAddress(of: hash)
  }

  /// Keeps whichever has the greater stamp: the write, or the stored record of its key.
  ///
  /// - Parameters:
  ///   - hash: `StableHash.record` of the table's name and the key.
  ///   - originOrder: whether the first origin's (node, boot) is less than the second's. Asked only
  ///     for two different origins at one hybrid time.
  ///   - ownerOrder: whether the first owner's name is less than the second's. Asked only for
  ///     conflicting twins that differ in nothing else. The default, the order of the numbers, is
  ///     this process's own: pass the names' where several nodes have to agree.
  public mutating func apply(
    _ write: consuming Record, hash: UInt64, originOrder: (OriginID, OriginID) -> Bool,
    ownerOrder: (OwnerID, OwnerID) -> Bool = { $0.rawValue < $1.rawValue }
  ) -> Applied {
    let applied = merge(write, hash: hash, originOrder: originOrder, ownerOrder: ownerOrder)
    if applied.changed { markDirty(UInt32(truncatingIfNeeded: block(of: hash))) }
    growBlocks()
    return applied
  }

  /// `apply` for what comes out of the checkpoint: it makes no block dirty.
  public mutating func load(
    _ record: consuming Record, hash: UInt64, originOrder: (OriginID, OriginID) -> Bool,
    ownerOrder: (OwnerID, OwnerID) -> Bool = { $0.rawValue < $1.rawValue }
  ) -> Applied {
    let applied = merge(record, hash: hash, originOrder: originOrder, ownerOrder: ownerOrder)
    growBlocks()
    return applied
  }

  private mutating func merge(
    _ write: consuming Record, hash: UInt64, originOrder: (OriginID, OriginID) -> Bool,
    ownerOrder: (OwnerID, OwnerID) -> Bool
  ) -> Applied {
    let bytes = write.view.byteCount
    let isDead = write.view.isTombstone

    let position = table.position(table: write.view.table, key: write.view.key, hash: hash)
    guard position.isFound else {
      table.insert(write, hash: hash, at: position)
      count(bytes, isDead: isDead)
      return Applied(outcome: .stored, changed: true, becameLive: !isDead, ceasedLive: false)
    }

    let stored = unsafe RecordView(at: table.record(at: position.index))
    var order = RecordOrder.byStamp(write.view, stored, originOrder: originOrder)
    var outcome = order == .after ? Applied.Outcome.stored : .ignored
    if order == .same {
      order = RecordOrder.byContent(write.view, stored, ownerOrder: ownerOrder)
      outcome = order == .same ? .ignored : .conflictingTwin
    }
    guard order == .after else {
      return Applied(outcome: outcome, changed: false, becameLive: false, ceasedLive: false)
    }
    let wasDead = stored.isTombstone
    count(-stored.byteCount, isDead: wasDead, by: -1)
    table.replace(at: position.index, with: write)
    count(bytes, isDead: isDead)
    return Applied(
      outcome: outcome, changed: true, becameLive: wasDead && !isDead,
      ceasedLive: !wasDead && isDead)
  }

  private mutating func count(_ bytes: Int, isDead: Bool, by difference: Int = 1) {
    byteCount += bytes
    if isDead { tombstoneCount += difference } else { liveCount += difference }
  }

  /// Removes the tombstones that `mayGo` picks and says how many. Nothing stays of them: that no
  /// older write of their keys can still arrive is for the caller to know.
  public mutating func collectTombstones(where mayGo: (RecordView) -> Bool) -> Int {
    guard tombstoneCount > 0 else { return 0 }
    var gone: [Int] = []
    table.forEachIndex(places: 0..<1 << SlotTable.placeBits) { index in
      let view = unsafe RecordView(at: table.record(at: index))
      if view.isTombstone && mayGo(view) { gone.append(index) }
    }
    // From the back: a removal moves only what lies behind it.
    for index in gone.reversed() {
      let bytes = unsafe RecordView(at: table.record(at: index)).byteCount
      markDirty(UInt32(truncatingIfNeeded: table.place(at: index) >> blockShift))
      table.remove(at: index)
      count(-bytes, isDead: true, by: -1)
    }
    table.shrink()
    return gone.count
  }

  /// Removes the tombstones written before `hybridTime`.
  public mutating func collectTombstones(olderThan hybridTime: UInt64) -> Int {
    collectTombstones { $0.hybridTime < hybridTime }
  }
}

// A shard is the only owner of its memory.
extension Shard: @unchecked Sendable {}
