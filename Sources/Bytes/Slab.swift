/// Storage for many values under small numbers, which stay at the same address for ever.
///
/// Grows by chunks, so that growing moves nothing, and reuses freed slots, lowest memory first. A
/// slot is only valid between `insert` and `remove`; using another is a broken invariant and traps.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
  // Raw memory, because arrays cannot hold values that cannot be copied, and move when they grow.
  // Invariant: slot s lives in chunks[s / 256][s % 256] and is initialised iff occupied[s].
  @usableFromInline var chunks: [UnsafeMutablePointer<Element>]
  @usableFromInline var occupied: [Bool] = []
  private var free: [Int] = []

  /// The number of values held.
  public private(set) var count = 0

  @usableFromInline static var chunkSize: Int { 256 }

  public init() { unsafe chunks = [] }

  deinit {
    for slot in 0..<occupied.count where occupied[slot] {
      unsafe (chunks[slot / Self.chunkSize] + slot % Self.chunkSize).deinitialize(count: 1)
    }
    for index in unsafe 0..<chunks.count { unsafe chunks[index].deallocate() }
  }

  /// One past the highest slot ever used.
  public var slotLimit: Int { occupied.count }

  @inlinable public func contains(_ slot: Int) -> Bool {
    slot >= 0 && slot < occupied.count && occupied[slot]
  }

  public mutating func insert(_ element: consuming Element) -> Int {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
    } else {
      slot = occupied.count
      if unsafe slot == chunks.count * Self.chunkSize {
        unsafe chunks.append(.allocate(capacity: Self.chunkSize))
      }
      occupied.append(false)
    }
    unsafe (chunks[slot / Self.chunkSize] + slot % Self.chunkSize).initialize(to: element)
    occupied[slot] = true
    count += 1
    return slot
  }

  public mutating func remove(_ slot: Int) -> Element {
    precondition(contains(slot), "removed an empty slot")
    occupied[slot] = false
    free.append(slot)
    count -= 1
    return unsafe (chunks[slot / Self.chunkSize] + slot % Self.chunkSize).move()
  }

  @inlinable public subscript(slot: Int) -> Element {
    unsafeAddress {
      precondition(contains(slot), "read an empty slot")
      return unsafe UnsafePointer(chunks[slot / Self.chunkSize] + slot % Self.chunkSize)
    }
    unsafeMutableAddress {
      precondition(contains(slot), "changed an empty slot")
      return unsafe chunks[slot / Self.chunkSize] + slot % Self.chunkSize
    }
  }
}
