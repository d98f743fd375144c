/// The 64-bit hash that places a record: the same on every node of a cluster, in every process.
///
/// Two 64-bit lanes folded by a 64×64→128-bit multiplication (the construction of wyhash, Wang Yi,
/// public domain); the constants below are this project's own and part of the storage format.
/// `Swift.Hasher` is seeded per process and must never be used for placement.
///
/// What each block is mixed with depends on the seed: against a known constant a block could be
/// chosen that makes a factor zero, and keys of such blocks would collide under every seed.
public enum StableHash {
  /// The hash of a record's place: its table and its key, and neither can be taken for the other.
  ///
  /// - Parameter seed: the cluster's own number, so that nobody outside can make keys that collide.
  @inlinable public static func record(
    table: Span<UInt8>, key: Span<UInt8>, seed: UInt64
  ) -> UInt64 {
    bytes(key, seed: bytes(table, seed: seed))
  }

  @inlinable public static func bytes(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64 {
    let count = bytes.count
    let raw = unsafe bytes.bytes
    let secret = fold(seed ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db)
    let blockSecret = secret ^ 0x8ebc_6af0_9c88_c6e3
    var state = seed ^ secret
    var offset = 0
    while count - offset > 16 {
      // In range: more than 16 bytes are left.
      let low = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let high = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
      state = fold(
        UInt64(littleEndian: low) ^ blockSecret, UInt64(littleEndian: high) ^ state)
      offset += 16
    }
    var low: UInt64 = 0
    var high: UInt64 = 0
    let rest = count - offset
    if rest >= 8 {
      // In range: the first and the last eight of at least eight bytes (they may overlap).
      low = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
      high = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
    } else if rest >= 4 {
      low = UInt64(
        UInt32(
          littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      high = UInt64(
        UInt32(
          littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: count - 4, as: UInt32.self)))
    } else if rest > 0 {
      low =
        UInt64(bytes[offset]) << 16 | UInt64(bytes[offset + rest / 2]) << 8
        | UInt64(bytes[count - 1])
    }
    state = fold(low ^ secret ^ 0x5899_65cc_7537_4cc3, high ^ state)
    return fold(state ^ UInt64(truncatingIfNeeded: count), 0x1d8e_4e27_c47d_124f)
  }

  @inlinable static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    // The factors are mixed in again: a block that makes one of them zero must not forget the rest.
    let product = left.multipliedFullWidth(by: right)
    return (left ^ product.low) ^ (right ^ product.high)
  }
}
