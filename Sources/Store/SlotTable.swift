/// The records of a shard by hash: an open-addressing table that stays sorted.
///
/// A slot is 8 bytes: the hash's top 20 bits (its *place*) above the record's address, of which
/// malloc's alignment of 16 and a 48-bit address space leave 44 bits. Twenty bits are enough to
/// grow, to probe and to divide the table into blocks without touching a record: of a million
/// records in one shard (a thousand million in the store) each still has about one place to itself.
/// Storing 32 bits beside an 8-byte pointer would cost half as much memory again for nothing.
///
/// Linear probing with one more rule: occupied slots ascend by place. So a search for what is not
/// there ends at the first greater place, records of a hash range lie side by side, and growing is
/// one pass from front to back. Nothing wraps around: behind the last home there is a tail for what
/// the probes push over, and a last slot that is always empty, where every probe ends.
///
/// The homes are not a power of two: place × homes / 2^20 keeps the order for any number, which
/// lets the table grow by half. Source: Amble and Knuth, "Ordered hash tables" (1974).
@safe @usableFromInline
struct SlotTable: ~Copyable {
  /// Bits of a hash that a slot keeps.
  @usableFromInline static var placeBits: UInt64 { 20 }
  @usableFromInline static var addressBits: UInt64 { 44 }
  private static let homesMin = 8
  private static let tailMin = 8

  // Raw memory, because an array checks bounds and uniqueness at each probe. Invariants:
  // `slots` is nil exactly where homes is 0; homes < slotCount; the last slot is 0; a record at
  // index i has home ≤ i and no empty slot between; every slot but 0 owns a record's memory.
  @usableFromInline var slots: UnsafeMutablePointer<UInt64>?
  @usableFromInline var homes: UInt64 = 0
  @usableFromInline var slotCount = 0
  private(set) var count = 0

  init() { unsafe slots = nil }

  // Inlinable, because the table's setter in Shard is, and the compiler (6.3.1) crashes where that
  // cannot see through to here.
  @inlinable deinit {
    guard let slots = unsafe slots else { return }
    for index in 0..<slotCount where unsafe slots[index] != 0 {
      unsafe Self.record(in: slots[index]).deallocate()
    }
    unsafe slots.deallocate()
  }

  // MARK: Finding

  @inlinable static func place(of hash: UInt64) -> UInt64 { hash >> addressBits }

  @inlinable func home(ofPlace place: UInt64) -> Int {
    Int(truncatingIfNeeded: (place &* homes) >> Self.placeBits)
  }

  @unsafe @inlinable
  static func record(in slot: UInt64) -> UnsafeMutableRawPointer {
    let address = UInt(truncatingIfNeeded: (slot << placeBits) >> (placeBits - 4))
    // Every slot but 0 was made of a record's address.
    return unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
  }

  /// Where a record is, or where it would have to be inserted.
  @usableFromInline struct Position {
    @usableFromInline let index: Int
    @usableFromInline let isFound: Bool
    @inlinable init(index: Int, isFound: Bool) {
      self.index = index
      self.isFound = isFound
    }
  }

  @inlinable
  func position(table: TableID, key: Span<UInt8>, hash: UInt64) -> Position {
    guard let slots = unsafe slots else { return Position(index: 0, isFound: false) }
    let place = Self.place(of: hash)
    var index = home(ofPlace: place)
    while true {
      // In range: a home is, and the last slot ends the loop.
      let slot = unsafe slots[index]
      let other = slot >> Self.addressBits
      if slot == 0 || other > place { return Position(index: index, isFound: false) }
      if other == place, unsafe RecordView(at: Self.record(in: slot)).isOf(table, key) {
        return Position(index: index, isFound: true)
      }
      index += 1
    }
  }

  @unsafe @inlinable func slotAddress(of hash: UInt64) -> UnsafeRawPointer? {
    guard let slots = unsafe slots else { return nil }
    return unsafe UnsafeRawPointer(slots + home(ofPlace: Self.place(of: hash)))
  }

  @unsafe @inlinable func recordAddress(of hash: UInt64) -> UnsafeRawPointer? {
    guard let slots = unsafe slots else { return nil }
    let place = Self.place(of: hash)
    var index = home(ofPlace: place)
    while true {
      // In range: a home is, and the last slot ends the loop.
      let slot = unsafe slots[index]
      let other = slot >> Self.addressBits
      if slot == 0 || other > place { return nil }
      if other == place { return unsafe UnsafeRawPointer(Self.record(in: slot)) }
      index += 1
    }
  }

  @unsafe @inlinable
  func record(at index: Int) -> UnsafeMutableRawPointer {
    unsafe Self.record(in: slots.unsafelyUnwrapped[index])
  }

  /// The place of an occupied slot.
  func place(at index: Int) -> UInt64 {
    unsafe slots.unsafelyUnwrapped[index] >> Self.addressBits
  }

  // MARK: Changing

  /// Puts a new record where `position` said, and grows before it gets full.
  mutating func insert(_ record: consuming Record, hash: UInt64, at position: Position) {
    let place = Self.place(of: hash)
    var index = position.index
    if (count + 1) * 8 > Int(homes) * 7 {
      rebuild(homes: Self.more(than: Int(homes)))
      index = end(ofPlace: place)
    }
    var empty = firstEmpty(from: index)
    if empty == slotCount - 1 {
      // The tail is used up: the same homes and a longer one.
      rebuild(homes: Int(homes))
      index = end(ofPlace: place)
      empty = firstEmpty(from: index)
    }
    let slots = unsafe slots.unsafelyUnwrapped
    // In range: index ≤ empty < slotCount − 1.
    unsafe (slots + index + 1).update(from: slots + index, count: empty - index)
    unsafe slots[index] = Self.slot(place: place, record: record.relinquish())
    count += 1
  }

  /// Frees the record at an occupied index and puts another of the same key in its place.
  mutating func replace(at index: Int, with record: consuming Record) {
    let slots = unsafe slots.unsafelyUnwrapped
    let old = unsafe slots[index]
    unsafe Self.record(in: old).deallocate()
    unsafe slots[index] = Self.slot(place: old >> Self.addressBits, record: record.relinquish())
  }

  /// Frees the record at an occupied index and moves those that it displaced one slot back.
  mutating func remove(at index: Int) {
    let slots = unsafe slots.unsafelyUnwrapped
    unsafe Self.record(in: slots[index]).deallocate()
    var hole = index
    while true {
      // In range: an occupied slot is not the last one.
      let next = unsafe slots[hole + 1]
      if next == 0 || home(ofPlace: next >> Self.addressBits) > hole { break }
      unsafe slots[hole] = next
      hole += 1
    }
    unsafe slots[hole] = 0
    count -= 1
  }

  /// Gives memory back after many removals: none is held for no records.
  mutating func shrink() {
    if count == 0 {
      unsafe slots?.deallocate()
      unsafe slots = nil
      homes = 0
      slotCount = 0
    } else if count * 4 < Int(homes), Int(homes) > Self.homesMin {
      rebuild(homes: max(Self.homesMin, count * 2))
    }
  }

  // MARK: Visiting

  /// The indices of occupied slots whose place lies in `places` (not empty), in order. The cost is
  /// that of the slots between, and of the run that reaches into them from the front.
  @inlinable
  func forEachIndex<Failure: Error>(
    places: Range<UInt64>, _ body: (Int) throws(Failure) -> Void
  ) throws(Failure) {
    guard let slots = unsafe slots else { return }
    let lastHome = home(ofPlace: places.upperBound - 1)
    var index = home(ofPlace: places.lowerBound)
    while true {
      // In range: the last slot is empty and lies behind every home.
      let slot = unsafe slots[index]
      if slot == 0 {
        if index >= lastHome { return }
      } else {
        let place = slot >> Self.addressBits
        if place >= places.upperBound { return }
        if place >= places.lowerBound { try body(index) }
      }
      index += 1
    }
  }

  // MARK: Growing

  private static func slot(place: UInt64, record: UnsafeMutableRawPointer) -> UInt64 {
    let address = UInt64(UInt(bitPattern: record))
    precondition(
      address & 15 == 0 && address >> 48 == 0, "malloc gave an address that a slot cannot hold")
    return place << addressBits | address >> 4
  }

  private static func more(than homes: Int) -> Int {
    homes < 64 ? max(homesMin, homes * 2) : homes + homes / 2
  }

  /// The first index behind all records of smaller and equal place.
  private func end(ofPlace place: UInt64) -> Int {
    let slots = unsafe slots.unsafelyUnwrapped
    var index = home(ofPlace: place)
    while unsafe slots[index] != 0 && slots[index] >> Self.addressBits <= place { index += 1 }
    return index
  }

  private func firstEmpty(from index: Int) -> Int {
    let slots = unsafe slots.unsafelyUnwrapped
    var index = index
    while unsafe slots[index] != 0 { index += 1 }
    return index
  }

  /// Spreads the slots over `newHomes` homes, with at least `tailMin` unused slots at the end.
  private mutating func rebuild(homes newHomes: Int) {
    let old = unsafe slots
    let oldCount = slotCount
    homes = UInt64(newHomes)
    var needed = 0
    if let old = unsafe old { needed = unsafe layOut(old, oldCount, into: nil) }
    // A tail that adversarial keys made long grows by half, so that its cost stays amortised.
    slotCount = max(newHomes, needed + max(0, needed - newHomes) / 2) + Self.tailMin + 1
    let fresh = UnsafeMutablePointer<UInt64>.allocate(capacity: slotCount)
    unsafe fresh.initialize(repeating: 0, count: slotCount)
    if let old = unsafe old {
      _ = unsafe layOut(old, oldCount, into: fresh)
      unsafe old.deallocate()
    }
    unsafe slots = fresh
  }

  /// Writes each slot to its home or to the first free index behind the one before it. Returns how
  /// many slots that takes; without a target it only counts.
  private func layOut(
    _ source: UnsafeMutablePointer<UInt64>, _ sourceCount: Int,
    into target: UnsafeMutablePointer<UInt64>?
  ) -> Int {
    var next = 0
    for index in 0..<sourceCount {
      let slot = unsafe source[index]
      if slot == 0 { continue }
      next = max(next, home(ofPlace: slot >> Self.addressBits))
      if let target = unsafe target { unsafe target[next] = slot }
      next += 1
    }
    return next
  }
}
