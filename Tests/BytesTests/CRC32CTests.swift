import Testing

@testable import Bytes

@Suite("CRC32C")
struct CRC32CTests {
  /// The definition, one bit at a time.
  func bitwise(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var remainder = UInt32.max
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1 == 0 ? 0 : 0x82f6_3b78) }
    }
    return ~remainder
  }

  static let readCommand: [UInt8] = [
    0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
    0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  ]

  @Test(
    "the examples of RFC 3720 §B.4",
    arguments: zip(
      [
        [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32), Array(0...31),
        Array((0...31).reversed()), readCommand, Array("123456789".utf8), [],
      ],
      [0x8a91_36aa, 0x62a8_ab43, 0x46dd_794e, 0x113f_db5c, 0xd996_3a56, 0xe306_9283, 0]))
  func examples(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.checksum(bytes.span) == expected)
  }

  @Test("every length and alignment agrees with the definition")
  func lengthsAndAlignments() {
    var random = SeededRandom(seed: 3720)
    let bytes = randomBytes(160, &random)
    for start in 0..<16 {
      for end in start..<bytes.count {
        #expect(
          CRC32C.checksum(bytes.span.extracting(start..<end)) == bitwise(bytes[start..<end]))
        #expect(
          CRC32C.checksumByTables(bytes.span.extracting(start..<end)) == bitwise(bytes[start..<end])
        )
      }
    }
  }

  @Test("in two pieces, cut anywhere, it is the same as whole")
  func chained() {
    var random = SeededRandom(seed: 1)
    let bytes = randomBytes(100, &random)
    let whole = CRC32C.checksum(bytes.span)
    for cut in 0...bytes.count {
      let first = CRC32C.checksum(bytes.span.extracting(0..<cut))
      #expect(CRC32C.checksum(bytes.span.extracting(cut..<100), seed: first) == whole)
    }
  }

  @Test("every flipped bit of a frame is noticed")
  func flippedBits() {
    var random = SeededRandom(seed: 2)
    var bytes = randomBytes(64, &random)
    let whole = CRC32C.checksum(bytes.span)
    for bit in 0..<512 {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(CRC32C.checksum(bytes.span) != whole)
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }
}
