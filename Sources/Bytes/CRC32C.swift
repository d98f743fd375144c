internal import CProcessor

/// The Castagnoli checksum (RFC 3720 §12.1), which guards every frame of the log against damage
/// by chance. Against damage on purpose there is `AEAD`.
///
/// Processors have an instruction for it. For those that lack it, sixteen tables let one step take sixteen bytes, of which only four depend on the step before
/// ("slicing", Kounavis and Berry, "A Systematic Approach to Building High Performance
/// Software-based CRC Generators", 2005).
public enum CRC32C {
  /// The checksum of `bytes`. Bytes in pieces: give the checksum of what came before as `seed`.
  public static func checksum(_ bytes: Span<UInt8>, seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return seed }
      if hasInstruction { return unsafe ~cprocessor_crc32c(~seed, start, bytes.count) }
      return checksumByTables(unsafe bytes.span, seed: seed)
    }
  }

  private static let hasInstruction = cprocessor_has_crc32c()

  /// As `checksum`, by tables.
  static func checksumByTables(_ bytes: Span<UInt8>, seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return seed }
      return unsafe ~extend(~seed, over: UnsafeRawPointer(start), count: bytes.count)
    }
  }

  /// Table k, at 256·k, advances the remainder of one byte over k zero bytes. Made once, 16 KiB.
  nonisolated(unsafe) private static let tables: UnsafePointer<UInt32> = {
    let polynomial: UInt32 = 0x82f6_3b78  // 0x1EDC6F41 with its bits reversed
    let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 16 * 256)
    for byte in 0..<256 {
      var remainder = UInt32(byte)
      for _ in 0..<8 {
        remainder = remainder & 1 == 0 ? remainder >> 1 : remainder >> 1 ^ polynomial
      }
      unsafe tables[byte] = remainder
    }
    for index in 256..<16 * 256 {
      let before = unsafe tables[index - 256]
      unsafe tables[index] = unsafe before >> 8 ^ tables[Int(before & 255)]
    }
    return unsafe UnsafePointer(tables)
  }()

  private static func extend(_ seed: UInt32, over start: UnsafeRawPointer, count: Int) -> UInt32 {
    let tables = unsafe tables
    var remainder = seed
    var offset = 0
    while count - offset >= 16 {
      let low = unsafe UInt64(
        littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let high = unsafe UInt64(
        littleEndian: start.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
      let first = low ^ UInt64(remainder)
      remainder = unsafe slice(first, of: tables + 8 * 256) ^ slice(high, of: tables)
      offset += 16
    }
    while offset < count {
      let byte = unsafe start.load(fromByteOffset: offset, as: UInt8.self)
      remainder = unsafe remainder >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
      offset += 1
    }
    return remainder
  }

  /// Eight bytes, the first of which is followed by seven others: its table is the last of eight.
  @inline(__always)
  private static func slice(_ bytes: UInt64, of tables: UnsafePointer<UInt32>) -> UInt32 {
    let first = unsafe tables[Int(7 * 256 + bytes & 255)] ^ tables[Int(6 * 256 + bytes >> 8 & 255)]
    let second =
      unsafe tables[Int(5 * 256 + bytes >> 16 & 255)] ^ tables[Int(4 * 256 + bytes >> 24 & 255)]
    let third =
      unsafe tables[Int(3 * 256 + bytes >> 32 & 255)] ^ tables[Int(2 * 256 + bytes >> 40 & 255)]
    let fourth = unsafe tables[Int(256 + bytes >> 48 & 255)] ^ tables[Int(bytes >> 56)]
    return first ^ second ^ third ^ fourth
  }
}
