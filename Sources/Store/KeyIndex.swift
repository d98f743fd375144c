/// The live keys of one table in byte order, for listing and counting.
///
/// Two levels: an array of leaves in order, each a block of up to 2 KiB with a hundred keys or two.
/// A key costs its bytes, two for the length and its part of the leaf's unused end; an insertion
/// is a binary search over the leaves, one scan of a leaf and one move of half of it. Keys that
/// come in ascending order fill leaves to the end.
///
/// A listing copies a batch, lets go of the index, and comes back with the last key that it saw: a
/// key that was there all the time is seen exactly once, whatever else is inserted or removed
/// between.
public struct KeyIndex: ~Copyable {
  // Invariants: no leaf is empty; the keys of a leaf come before those of the next one.
  private var leaves: [KeyLeaf] = []
  /// How many keys there are.
  public private(set) var count = 0

  /// An empty index owns no memory.
  public init() {}

  deinit {
    for leaf in leaves { leaf.free() }
  }

  /// Whether a key is in the index.
  public func contains(_ key: Span<UInt8>) -> Bool {
    unsafe key.withUnsafeBytes { key in
      guard let index = unsafe leaf(for: key) else { return false }
      return unsafe leaves[index].search(key).isFound
    }
  }

  /// Adds a key of at most `Record.keyBytesMax` bytes. False where it was there already.
  @discardableResult
  public mutating func insert(_ key: Span<UInt8>) -> Bool {
    precondition(key.count <= Record.keyBytesMax, "a key longer than a record can hold")
    let isNew = unsafe key.withUnsafeBytes { unsafe insert($0) }
    if isNew { count += 1 }
    return isNew
  }

  /// Removes a key. False where it was not there.
  @discardableResult
  public mutating func remove(_ key: Span<UInt8>) -> Bool {
    let wasThere = unsafe key.withUnsafeBytes { unsafe remove($0) }
    if wasThere { count -= 1 }
    return wasThere
  }

  /// Replaces what is in `batch` by the keys that follow `after` (nil: by the first ones), as many
  /// as the limits allow but one at least. Returns whether more follow.
  ///
  /// - Parameters:
  ///   - after: any bytes; a key equal to it is not copied. It need not be in the index.
  ///   - bytesMax: of keys, two bytes more for each.
  public func copyKeys(
    after: Span<UInt8>?, bytesMax: Int, countMax: Int, into batch: inout KeyBatch
  ) -> Bool {
    batch.clear()
    var (index, offset) = start(after: after)
    while index < leaves.count {
      let leaf = leaves[index]
      if offset == leaf.used {
        index += 1
        offset = 0
        continue
      }
      let isFirst = batch.isEmpty
      let reached = leaf.copy(
        from: offset, bytesMax: bytesMax - batch.byteCount, countMax: countMax - batch.count,
        into: &batch)
      if reached == offset {
        guard isFirst else { return true }
        // One key at least, or a listing would not get past a long one.
        offset = leaf.copy(from: offset, bytesMax: .max, countMax: 1, into: &batch)
      } else {
        offset = reached
      }
    }
    return false
  }

  // MARK: Finding

  /// The leaf that holds a key if any does: the last one whose first key is not greater, or the
  /// first leaf. Nil where there is none.
  @unsafe private func leaf(for key: UnsafeRawBufferPointer) -> Int? {
    if leaves.isEmpty { return nil }
    // Ascending keys all go to the last leaf.
    if unsafe leaves[leaves.count - 1].compareFirst(key) <= 0 { return leaves.count - 1 }
    var low = 0
    var high = leaves.count - 1
    // The leaf lies in low..<high, where low counts as not greater.
    while high - low > 1 {
      let middle = (low + high) / 2
      if unsafe leaves[middle].compareFirst(key) <= 0 { low = middle } else { high = middle }
    }
    return low
  }

  private func start(after: Span<UInt8>?) -> (index: Int, offset: Int) {
    guard let after else { return (0, 0) }
    return unsafe after.withUnsafeBytes { key in
      guard let index = unsafe leaf(for: key) else { return (0, 0) }
      let (offset, isFound) = unsafe leaves[index].search(key)
      return (index, isFound ? leaves[index].next(after: offset) : offset)
    }
  }

  // MARK: Changing

  @unsafe private mutating func insert(_ key: UnsafeRawBufferPointer) -> Bool {
    let bytes = KeyLeaf.lengthBytes + key.count
    guard let index = unsafe leaf(for: key) else {
      unsafe insertLeaf(with: key, at: 0)
      return true
    }
    let (offset, isFound) =
      unsafe leaves[index].compareLast(key) < 0
      ? (leaves[index].used, false) : leaves[index].search(key)
    if isFound { return false }
    if leaves[index].hasRoom(for: bytes) {
      unsafe leaves[index].insert(key, at: offset)
    } else if offset == leaves[index].used {
      // At the end of a full leaf. Dividing it would leave two half-full ones behind keys that
      // come in ascending order.
      if index + 1 < leaves.count && leaves[index + 1].hasRoom(for: bytes) {
        unsafe leaves[index + 1].insert(key, at: 0)
      } else {
        unsafe insertLeaf(with: key, at: index + 1)
      }
    } else if offset == 0 {
      unsafe insertLeaf(with: key, at: index)
    } else {
      let right = leaves[index].split()
      leaves.insert(right, at: index + 1)
      // Each division leaves fewer keys, and a key at either end needs none.
      return unsafe insert(key)
    }
    return true
  }

  @unsafe private mutating func insertLeaf(with key: UnsafeRawBufferPointer, at index: Int) {
    var leaf = KeyLeaf(room: KeyLeaf.lengthBytes + key.count)
    unsafe leaf.insert(key, at: 0)
    leaves.insert(leaf, at: index)
  }

  @unsafe private mutating func remove(_ key: UnsafeRawBufferPointer) -> Bool {
    guard let index = unsafe leaf(for: key) else { return false }
    let (offset, isFound) = unsafe leaves[index].search(key)
    guard isFound else { return false }
    leaves[index].remove(at: offset)
    if leaves[index].isEmpty {
      leaves.remove(at: index).free()
      if leaves.isEmpty { leaves = [] }
    } else if leaves[index].used < KeyLeaf.bytesMax / 4 {
      if !mergeWithNext(index) && index > 0 { _ = mergeWithNext(index - 1) }
    }
    return true
  }

  /// Makes one leaf of two neighbours where they fill no more than half of it, so that the next
  /// insertions do not divide it again.
  private mutating func mergeWithNext(_ index: Int) -> Bool {
    guard index + 1 < leaves.count,
      leaves[index].used + leaves[index + 1].used <= KeyLeaf.bytesMax / 2
    else { return false }
    leaves[index].append(leaves[index + 1])
    leaves.remove(at: index + 1).free()
    return true
  }
}

// An index is the only owner of its leaves.
extension KeyIndex: @unchecked Sendable {}
