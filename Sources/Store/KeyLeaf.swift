/// A run of neighbouring keys in one block of memory: each a length of two bytes and the key's
/// bytes, ascending and distinct.
///
/// A value without ownership: `KeyIndex` frees the memory of the leaves it holds.
@safe struct KeyLeaf {
  /// 2 KiB: what is searched and moved at an insertion. Only a single key may be longer.
  static let bytesMax = 2 * 1024
  /// Memory grows and shrinks by 256 bytes, so that little of it is unused and freed blocks fit
  /// the next leaf.
  private static let granule = 256
  /// Comparing loads eight bytes at once, up to seven of them behind the last key.
  private static let padding = 8
  static let lengthBytes = 2

  // Raw memory, because entries have no fixed size and an array would count references.
  // Invariants: `capacity + padding` initialised bytes; `used` ≤ capacity; the first `used` bytes
  // are exactly `count` entries; `last` is the offset of the last entry, 0 where there is none.
  private var base: UnsafeMutableRawPointer
  private var capacity16: UInt16
  private var used16: UInt16
  private var last16: UInt16
  private var count16: UInt16

  /// Bytes of entries.
  var used: Int { Int(used16) }
  var count: Int { Int(count16) }
  var isEmpty: Bool { count16 == 0 }
  private var capacity: Int { Int(capacity16) }
  private var last: Int { Int(last16) }

  init(room: Int) {
    let rounded = Self.rounded(room)
    unsafe base = Self.allocate(rounded)
    capacity16 = UInt16(rounded)
    used16 = 0
    last16 = 0
    count16 = 0
  }

  func free() { unsafe base.deallocate() }

  /// Whether `bytes` of another entry can be added.
  func hasRoom(for bytes: Int) -> Bool { isEmpty || used + bytes <= Self.bytesMax }

  // MARK: Reading

  /// The length of the key of the entry at an offset.
  func length(at offset: Int) -> Int {
    // In range: entries are whole.
    Int(unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The offset behind the entry at an offset.
  func next(after offset: Int) -> Int { offset + Self.lengthBytes + length(at: offset) }

  /// How the key at an offset compares with another: negative where it comes before.
  @unsafe private func compare(at offset: Int, _ key: UnsafeRawBufferPointer) -> Int {
    guard let other = key.baseAddress else { return length(at: offset) }
    return unsafe compareBytes(
      base + offset + Self.lengthBytes, count: length(at: offset), other, count: key.count)
  }

  @unsafe func compareFirst(_ key: UnsafeRawBufferPointer) -> Int { unsafe compare(at: 0, key) }
  @unsafe func compareLast(_ key: UnsafeRawBufferPointer) -> Int { unsafe compare(at: last, key) }

  /// The offset of a key, or where it would have to be inserted.
  ///
  /// All keys of a leaf start with what its first and last have in common. Behind that, eight
  /// bytes a key decide nearly always.
  @unsafe func search(_ key: UnsafeRawBufferPointer) -> (offset: Int, isFound: Bool) {
    guard !isEmpty else { return (0, false) }
    guard let sought = key.baseAddress else { return (0, length(at: 0) == 0) }
    let firstKey = unsafe base + Self.lengthBytes
    let common = unsafe sharedPrefix(
      firstKey, base + last + Self.lengthBytes, limit: min(length(at: 0), length(at: last)))
    let shared = unsafe sharedPrefix(firstKey, sought, limit: min(common, key.count))
    if shared < common {
      let isBefore =
        unsafe shared == key.count
        || sought.load(fromByteOffset: shared, as: UInt8.self)
          < firstKey.load(fromByteOffset: shared, as: UInt8.self)
      return (isBefore ? 0 : used, false)
    }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: key[common...])
    let word = unsafe Self.leadingWord(rest)
    var offset = 0
    while offset < used {
      let length = length(at: offset)
      let start = unsafe base + offset + Self.lengthBytes + common
      // In range: the padding is initialised too.
      let other = unsafe Store.leadingWord(start, count: length - common)
      if other >= word {
        if other > word { return (offset, false) }
        let order = unsafe Self.compareTails(start, length - common, rest)
        if order >= 0 { return (offset, order == 0) }
      }
      offset += Self.lengthBytes + length
    }
    return (offset, false)
  }

  /// Compares what is known to have the same leading word: zeros filled up a shorter one, so that
  /// of two of which one is no longer than the word, the shorter one is the other's prefix.
  @unsafe private static func compareTails(
    _ left: UnsafeRawPointer, _ leftCount: Int, _ right: UnsafeRawBufferPointer
  ) -> Int {
    guard leftCount > 8, right.count > 8, let other = right.baseAddress else {
      return leftCount - right.count
    }
    return unsafe compareBytes(
      left + 8, count: leftCount - 8, other + 8, count: right.count - 8)
  }

  /// As the free function, for bytes that nothing may be read behind.
  @unsafe private static func leadingWord(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    if bytes.count >= 8, let start = bytes.baseAddress {
      return unsafe Store.leadingWord(start, count: 8)
    }
    var word: UInt64 = 0
    for index in 0..<bytes.count {
      word |= unsafe UInt64(bytes[index]) << UInt64(56 - 8 * index)
    }
    return word
  }

  /// Appends as many entries from an offset on as the limits allow. Returns the offset behind them.
  func copy(
    from start: Int, bytesMax: Int, countMax: Int, into batch: inout KeyBatch
  ) -> Int {
    var offset = start
    var count = 0
    var lastCopied = start
    while offset < used && count < countMax {
      let following = next(after: offset)
      if following - start > bytesMax { break }
      lastCopied = offset
      offset = following
      count += 1
    }
    if count > 0 {
      let entries = unsafe UnsafeBufferPointer(
        start: (base + start).assumingMemoryBound(to: UInt8.self), count: offset - start)
      unsafe batch.append(entries: entries, count: count, last: lastCopied - start)
    }
    return offset
  }

  // MARK: Changing

  /// Inserts a key at the offset that `search` gave; there must be room.
  @unsafe mutating func insert(_ key: UnsafeRawBufferPointer, at offset: Int) {
    let bytes = Self.lengthBytes + key.count
    precondition(hasRoom(for: bytes) && offset <= used, "a leaf has no room for this key")
    if used + bytes > capacity { reallocate(room: used + bytes) }
    let entry = unsafe base + offset
    unsafe (entry + bytes).copyMemory(from: entry, byteCount: used - offset)
    unsafe entry.storeBytes(of: UInt16(key.count), as: UInt16.self)
    if let source = key.baseAddress {
      unsafe (entry + Self.lengthBytes).copyMemory(from: source, byteCount: key.count)
    }
    last16 = UInt16(offset == used ? offset : last + bytes)
    used16 += UInt16(bytes)
    count16 += 1
  }

  /// Removes the entry at an offset.
  mutating func remove(at offset: Int) {
    let end = next(after: offset)
    precondition(end <= used, "no entry at this offset")
    unsafe (base + offset).copyMemory(from: base + end, byteCount: used - end)
    let wasLast = offset == last
    used16 -= UInt16(end - offset)
    count16 -= 1
    last16 = wasLast ? lastEntry(before: used) : UInt16(last - (end - offset))
    if capacity - used >= 2 * Self.granule { reallocate(room: used) }
  }

  /// Moves the entries of the second half to a new leaf. There must be two at least.
  mutating func split() -> KeyLeaf {
    precondition(count >= 2, "a leaf of one key cannot be divided")
    var boundary = next(after: 0)
    var left = 1
    var lastLeft = 0
    while boundary < used / 2 && next(after: boundary) < used {
      lastLeft = boundary
      boundary = next(after: boundary)
      left += 1
    }
    var right = KeyLeaf(room: used - boundary)
    unsafe right.base.copyMemory(from: base + boundary, byteCount: used - boundary)
    right.used16 = UInt16(used - boundary)
    right.last16 = UInt16(last - boundary)
    right.count16 = UInt16(count - left)
    used16 = UInt16(boundary)
    last16 = UInt16(lastLeft)
    count16 = UInt16(left)
    reallocate(room: used)
    return right
  }

  /// Appends the entries of the next leaf; there must be room.
  mutating func append(_ other: KeyLeaf) {
    precondition(hasRoom(for: other.used), "two leaves do not fit into one")
    if used + other.used > capacity { reallocate(room: used + other.used) }
    unsafe (base + used).copyMemory(from: other.base, byteCount: other.used)
    last16 = UInt16(used + other.last)
    used16 += other.used16
    count16 += other.count16
  }

  // MARK: Memory

  private func lastEntry(before end: Int) -> UInt16 {
    var offset = 0
    var previous = 0
    while offset < end {
      previous = offset
      offset = next(after: offset)
    }
    return UInt16(previous)
  }

  private static func rounded(_ room: Int) -> Int {
    max(1, (room + granule - 1) / granule) * granule
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    let base = UnsafeMutableRawPointer.allocate(
      byteCount: capacity + padding, alignment: 16)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: capacity + padding)
    return unsafe base
  }

  private mutating func reallocate(room: Int) {
    let fresh = Self.rounded(room)
    guard fresh != capacity else { return }
    let target = unsafe Self.allocate(fresh)
    unsafe target.copyMemory(from: base, byteCount: used)
    unsafe base.deallocate()
    unsafe base = target
    capacity16 = UInt16(fresh)
  }
}
