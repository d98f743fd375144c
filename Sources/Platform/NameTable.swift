internal import Bytes
internal import CLinux
internal import Glibc
internal import Synchronization

/// Gives each distinct byte string a small number, for good: 0, 1, 2, … in the order of arrival.
///
/// Records name their table and owner by number, so that a name is kept once. Names are never
/// removed and never move; how many there may be is therefore bounded. Finding a name that is
/// known and reading one takes no lock; only a new name does.
///
/// A new name is written whole before its number is published by a releasing store, and readers
/// come by numbers through acquiring loads only: whoever has a number can read its name.
@safe public final class NameTable: @unchecked Sendable {
  /// A million names cost at most 200 MB; more of them are an attack or an error.
  public static let namesMax = 1 << 20

  public let limit: Int

  // Unchecked, because of the pointers: what they lead to is written under the lock of `memory`
  // before it is published through one of the two atomics, and never changed afterwards.
  private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
  private let published = Atomic<Int>(0)
  private let index: Atomic<UnsafeMutablePointer<Slot>>
  // Names, chunks and indexes. Indexes that were outgrown stay too (together they are no larger
  // than the last), because somebody may be reading them.
  private let memory: Locked<Arena>
  // Drawn per process: had it been known, clients could have made names that all collide.
  private let seed = UInt64.random(in: 0 ... .max)

  private static let chunkCapacity = 4096

  public init(limit: Int = NameTable.namesMax) {
    precondition(limit > 0 && limit <= NameTable.namesMax, "no such number of names")
    self.limit = limit
    let chunkCount = (limit + Self.chunkCapacity - 1) / Self.chunkCapacity
    unsafe chunks = .allocate(capacity: chunkCount)
    unsafe chunks.initialize(repeating: nil, count: chunkCount)
    var arena = Arena()
    unsafe index = Atomic(Self.makeIndex(slots: 64, in: &arena))
    memory = Locked(arena)
  }

  deinit { unsafe chunks.deallocate() }

  /// How many names there are.
  public var count: Int { published.load(ordering: .acquiring) }

  /// The number of a name, which is given one if it has none. Nil when the table is full.
  public func intern(_ bytes: Span<UInt8>) -> UInt32? {
    let hash = hash(of: bytes)
    return unsafe find(bytes, hash, in: index.load(ordering: .acquiring)) ?? insert(bytes, hash)
  }

  /// The number of a name, nil where it has none.
  public func find(_ bytes: Span<UInt8>) -> UInt32? {
    unsafe find(bytes, hash(of: bytes), in: index.load(ordering: .acquiring))
  }

  /// The name of a number that `intern` or `find` gave out.
  @_lifetime(borrow self)
  public func bytes(of id: UInt32) -> Span<UInt8> {
    precondition(Int(id) < published.load(ordering: .acquiring), "a number that names nothing")
    let entry = unsafe entry(id)
    let bytes = unsafe UnsafeBufferPointer(start: entry.bytes, count: Int(entry.count))
    return unsafe _overrideLifetime(bytes.span, borrowing: self)
  }

  // MARK: Parts

  /// A name: its bytes, which never move, and their hash.
  @unsafe private struct Entry {
    let bytes: UnsafePointer<UInt8>
    let count: UInt32
    let hash: UInt32
  }

  /// A number plus one; 0 where the slot is free. The first slot of an index holds its mask, the
  /// others follow. Names are placed by linear probing, at most three quarters full.
  private typealias Slot = Atomic<UInt32>

  private func hash(of bytes: Span<UInt8>) -> UInt32 {
    UInt32(truncatingIfNeeded: StableHash.bytes(bytes, seed: seed))
  }

  @unsafe private func entry(_ id: UInt32) -> Entry {
    unsafe chunks[Int(id) / Self.chunkCapacity]![Int(id) % Self.chunkCapacity]
  }

  @unsafe private func find(
    _ bytes: Span<UInt8>, _ hash: UInt32, in index: UnsafeMutablePointer<Slot>
  ) -> UInt32? {
    let mask = unsafe index[0].load(ordering: .relaxed)
    var position = hash & mask
    while true {
      let slot = unsafe index[Int(position) + 1].load(ordering: .acquiring)
      if slot == 0 { return nil }
      let entry = unsafe entry(slot - 1)
      if unsafe entry.hash == hash && Int(entry.count) == bytes.count
        && bytes.withUnsafeBytes({
          unsafe $0.isEmpty || memcmp($0.baseAddress!, entry.bytes, $0.count) == 0
        })
      {
        return slot - 1
      }
      position = (position + 1) & mask
    }
  }

  private func insert(_ bytes: Span<UInt8>, _ hash: UInt32) -> UInt32? {
    memory.withLock { arena in
      var index = unsafe index.load(ordering: .relaxed)
      // Somebody may have been faster, or the index may have grown since it was searched.
      if let found = unsafe find(bytes, hash, in: index) { return found }
      let names = published.load(ordering: .relaxed)
      guard names < limit else { return nil }

      let id = UInt32(names)
      unsafe write(bytes, hash, as: id, &arena)
      let slots = Int(unsafe index[0].load(ordering: .relaxed)) + 1
      if (names + 1) * 4 > slots * 3 {
        unsafe index = grow(slots: slots * 2, names: id, &arena)
      }
      published.store(names + 1, ordering: .releasing)
      unsafe Self.place(id, hash, in: index)
      return id
    }
  }

  @unsafe private func write(
    _ bytes: Span<UInt8>, _ hash: UInt32, as id: UInt32, _ arena: inout Arena
  ) {
    let chunk = Int(id) / Self.chunkCapacity
    if unsafe chunks[chunk] == nil {
      unsafe chunks[chunk] = arena.allocate(Self.chunkCapacity)
    }
    unsafe (chunks[chunk]! + Int(id) % Self.chunkCapacity).initialize(
      to: Entry(bytes: arena.copy(bytes), count: UInt32(bytes.count), hash: hash))
  }

  /// Publishes an index of more slots that holds the first `names` names.
  @unsafe private func grow(
    slots: Int, names: UInt32, _ arena: inout Arena
  ) -> UnsafeMutablePointer<Slot> {
    let larger = unsafe Self.makeIndex(slots: slots, in: &arena)
    for id in 0..<names { unsafe Self.place(id, entry(id).hash, in: larger) }
    unsafe index.store(larger, ordering: .releasing)
    return unsafe larger
  }

  @unsafe private static func place(
    _ id: UInt32, _ hash: UInt32, in index: UnsafeMutablePointer<Slot>
  ) {
    let mask = unsafe index[0].load(ordering: .relaxed)
    var position = hash & mask
    while unsafe index[Int(position) + 1].load(ordering: .relaxed) != 0 {
      position = (position + 1) & mask
    }
    unsafe index[Int(position) + 1].store(id + 1, ordering: .releasing)
  }

  @unsafe private static func makeIndex(
    slots: Int, in arena: inout Arena
  ) -> UnsafeMutablePointer<Slot> {
    let index: UnsafeMutablePointer<Slot> = unsafe arena.allocate(slots + 1)
    unsafe (index + 0).initialize(to: Slot(UInt32(slots - 1)))
    for position in 1...slots { unsafe (index + position).initialize(to: Slot(0)) }
    return unsafe index
  }
}
