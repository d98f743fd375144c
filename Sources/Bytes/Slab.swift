/// Storage for many values under small numbers, which stay at the same address for ever.
///
/// Grows by chunks, so that growing moves nothing, and reuses freed slots, the last one first. A
/// slot is only valid between `insert` and `remove`; using another is a broken invariant and traps.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
  // Raw memory, because arrays cannot hold values that cannot be copied, and because a slot is
  // looked up some twenty times for each request: two loads and a comparison, nothing counted.
  // Invariant: slot s lives in chunks[s / 256].elements[s % 256], is initialised iff its mark is 1,
  // and `chunks` has room for chunkLimit pointers, of which the first slotLimit / 256 (rounded up)
  // are chunks.
  @unsafe @usableFromInline struct Chunk {
    @usableFromInline let elements: UnsafeMutablePointer<Element>
    @usableFromInline let marks: UnsafeMutablePointer<UInt8>
  }

  @usableFromInline var chunks: UnsafeMutablePointer<Chunk>
  private var chunkLimit: Int
  private var free: [Int] = []

  /// The number of values held.
  public private(set) var count = 0
  /// One past the highest slot ever used.
  public private(set) var slotLimit = 0

  @usableFromInline static var chunkSize: Int { 256 }

  public init() {
    chunkLimit = 16
    unsafe chunks = .allocate(capacity: chunkLimit)
  }

  deinit {
    for slot in 0..<slotLimit where contains(slot) {
      unsafe address(slot).deinitialize(count: 1)
    }
    for index in 0..<(slotLimit + Self.chunkSize - 1) / Self.chunkSize {
      unsafe chunks[index].elements.deallocate()
      unsafe chunks[index].marks.deallocate()
    }
    unsafe chunks.deallocate()
  }

  @inlinable public func contains(_ slot: Int) -> Bool {
    guard slot >= 0, slot < slotLimit else { return false }
    return unsafe chunks[slot / Self.chunkSize].marks[slot % Self.chunkSize] == 1
  }

  public mutating func insert(_ element: consuming Element) -> Int {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
    } else {
      slot = slotLimit
      if slot % Self.chunkSize == 0 { addChunk(slot / Self.chunkSize) }
      slotLimit += 1
    }
    unsafe address(slot).initialize(to: element)
    unsafe chunks[slot / Self.chunkSize].marks[slot % Self.chunkSize] = 1
    count += 1
    return slot
  }

  public mutating func remove(_ slot: Int) -> Element {
    precondition(contains(slot), "removed an empty slot")
    unsafe chunks[slot / Self.chunkSize].marks[slot % Self.chunkSize] = 0
    free.append(slot)
    count -= 1
    return unsafe address(slot).move()
  }

  @inlinable public subscript(slot: Int) -> Element {
    unsafeAddress {
      precondition(contains(slot), "read an empty slot")
      return unsafe UnsafePointer(address(slot))
    }
    unsafeMutableAddress {
      precondition(contains(slot), "changed an empty slot")
      return unsafe address(slot)
    }
  }

  @unsafe @inlinable func address(_ slot: Int) -> UnsafeMutablePointer<Element> {
    unsafe chunks[slot / Self.chunkSize].elements + slot % Self.chunkSize
  }

  private mutating func addChunk(_ index: Int) {
    if index == chunkLimit {
      let larger = UnsafeMutablePointer<Chunk>.allocate(capacity: chunkLimit * 2)
      unsafe larger.update(from: chunks, count: chunkLimit)
      unsafe chunks.deallocate()
      unsafe chunks = larger
      chunkLimit *= 2
    }
    let marks = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.chunkSize)
    unsafe marks.initialize(repeating: 0, count: Self.chunkSize)
    unsafe (chunks + index).initialize(
      to: Chunk(elements: .allocate(capacity: Self.chunkSize), marks: marks))
  }
}
