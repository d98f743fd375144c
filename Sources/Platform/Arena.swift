/// Memory that is given out piece by piece and freed all at once, with the arena.
@safe struct Arena: ~Copyable {
  private var blocks: [UnsafeMutableRawPointer]
  /// Where the next bytes go, and how much room is left there.
  private var free: UnsafeMutablePointer<UInt8>
  private var room: Int

  private static let blockBytes = 64 * 1024

  init() {
    unsafe free = .allocate(capacity: Arena.blockBytes)
    unsafe blocks = [UnsafeMutableRawPointer(free)]
    room = Arena.blockBytes
  }

  deinit {
    for index in unsafe blocks.indices { unsafe blocks[index].deallocate() }
  }

  /// A copy of the bytes, at an address that stays.
  @unsafe mutating func copy(_ bytes: Span<UInt8>) -> UnsafePointer<UInt8> {
    if room < bytes.count {
      room = max(Arena.blockBytes, bytes.count)
      unsafe free = .allocate(capacity: room)
      unsafe blocks.append(free)
    }
    let target = unsafe free
    unsafe bytes.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { unsafe target.update(from: start, count: source.count) }
    }
    unsafe free += bytes.count
    room -= bytes.count
    return unsafe UnsafePointer(target)
  }

  /// Room for elements that need no deinitialisation; the caller initialises it.
  @unsafe mutating func allocate<Element: ~Copyable>(
    _ count: Int
  ) -> UnsafeMutablePointer<Element> {
    let block = UnsafeMutablePointer<Element>.allocate(capacity: count)
    unsafe blocks.append(block)
    return unsafe block
  }
}
