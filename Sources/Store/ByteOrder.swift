// Comparing runs of bytes eight at a time. The order is that of unsigned bytes, a prefix first:
// the order of keys in listings.

/// The first eight bytes (fewer: filled up with zeros) as a number that orders as the bytes do.
///
/// Loads all eight: the caller vouches that they may be read, whatever `count` says.
@unsafe @inlinable
func leadingWord(_ bytes: UnsafeRawPointer, count: Int) -> UInt64 {
  let word = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
  return count >= 8 ? word : word & ~(UInt64.max >> UInt64(truncatingIfNeeded: 8 * count))
}

/// Whether two runs of `count` bytes are the same.
@unsafe @inlinable
func equalBytes(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
  var offset = 0
  while offset + 8 <= count {
    // In range: at least eight bytes are left.
    let same =
      unsafe left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      == right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    if !same { return false }
    offset += 8
  }
  if offset == count { return true }
  if count >= 8 {
    // The last eight bytes, some of them for the second time.
    return unsafe left.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      == right.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
  }
  while offset < count {
    let same =
      unsafe left.load(fromByteOffset: offset, as: UInt8.self)
      == right.load(fromByteOffset: offset, as: UInt8.self)
    if !same { return false }
    offset += 1
  }
  return true
}

/// How many bytes two runs have in common at their start, at most `limit`.
@unsafe
func sharedPrefix(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, limit: Int) -> Int {
  var offset = 0
  while offset + 8 <= limit {
    // In range: at least eight bytes are left. The lowest byte that differs comes first.
    let difference =
      unsafe UInt64(littleEndian: left.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      ^ UInt64(littleEndian: right.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    if difference != 0 { return offset + difference.trailingZeroBitCount / 8 }
    offset += 8
  }
  while offset < limit {
    let same =
      unsafe left.load(fromByteOffset: offset, as: UInt8.self)
      == right.load(fromByteOffset: offset, as: UInt8.self)
    if !same { return offset }
    offset += 1
  }
  return limit
}

/// Negative, zero or positive as `left` comes before, equals or comes after `right`.
@unsafe
func compareBytes(
  _ left: UnsafeRawPointer, count leftCount: Int, _ right: UnsafeRawPointer, count rightCount: Int
) -> Int {
  let limit = min(leftCount, rightCount)
  let shared = unsafe sharedPrefix(left, right, limit: limit)
  if shared == limit { return leftCount - rightCount }
  return unsafe Int(left.load(fromByteOffset: shared, as: UInt8.self))
    - Int(right.load(fromByteOffset: shared, as: UInt8.self))
}
