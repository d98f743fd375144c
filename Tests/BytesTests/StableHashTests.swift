import Bytes
import Testing

@Suite("StableHash")
struct StableHashTests {
  func record(_ table: String, _ key: String) -> UInt64 {
    StableHash.record(table: ascii(table).span, key: ascii(key).span, seed: 1)
  }

  /// These decide where records lie: a change of any of them loses data that is on disk.
  @Test(
    "the hash of 0, 1, 2 … n-1 is the placement format",
    arguments: [
      (0, 0xcd6d_770e_503a_e517), (1, 0xeeff_84f6_15b7_97c4), (2, 0x44cf_ea4f_1ad1_dc13),
      (3, 0xc586_1e09_0ec4_7338), (4, 0x189f_193a_b073_b0ef), (7, 0x7727_87c6_00eb_4d63),
      (8, 0xf5bf_17e9_8414_4595), (9, 0x6170_957b_9300_5e49), (15, 0x5490_696b_7a69_0538),
      (16, 0x1845_7ba8_64aa_210a), (17, 0xbf87_8960_2afc_d373), (31, 0x179e_9004_773a_5923),
      (32, 0xfbe3_f816_55d6_18f7), (33, 0xa43a_3c30_4ad8_0a8f), (48, 0x81a8_15b4_bc3d_fe33),
      (64, 0x8010_c608_ec8d_8193), (100, 0x6233_b41e_86e0_f824), (1024, 0x5a9c_afa1_e5b6_f882),
    ] as [(Int, UInt64)])
  func golden(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    #expect(StableHash.bytes(bytes.span, seed: 0) == expected)
  }

  @Test(
    "the hash of a record's place is the placement format",
    arguments: [
      ("default", "greeting", 0x533f_4d6a_c09d_6ccd), ("default", "", 0x6539_161d_b743_274e),
      ("users", "alice", 0x7eb0_1f3c_e496_14f6), ("", "usersalice", 0xbaa2_5ef2_5cd9_061b),
      ("größe", "schlüssel/eins", 0x562c_15e4_2a51_cc1c),
    ] as [(String, String, UInt64)])
  func goldenRecords(table: String, key: String, expected: UInt64) {
    #expect(record(table, key) == expected)
  }

  @Test("where the table ends and the key begins matters, wherever a text is cut")
  func boundary() {
    var random = SeededRandom(seed: 10)
    for _ in 0..<200 {
      let bytes = randomBytes(Int(random.next(below: 40)) + 1, &random)
      var seen: Set<UInt64> = []
      for cut in 0...bytes.count {
        seen.insert(
          StableHash.record(
            table: bytes.span.extracting(0..<cut),
            key: bytes.span.extracting(cut..<bytes.count), seed: 1))
      }
      #expect(seen.count == bytes.count + 1)
    }
  }

  @Test("table and key cannot change places")
  func order() { #expect(record("a", "b") != record("b", "a")) }

  @Test("zeros at the end count")
  func zeros() {
    let hashes = (0..<100).map { StableHash.bytes([UInt8](repeating: 0, count: $0).span, seed: 0) }
    #expect(Set(hashes).count == 100)
  }

  @Test(
    "a flipped bit of the input flips each bit of the hash about half the time",
    arguments: [3, 8, 16, 17, 40])
  func avalanche(count: Int) {
    var random = SeededRandom(seed: 11)
    let rounds = 200
    var flips = [Int](repeating: 0, count: 64)
    for _ in 0..<rounds {
      var bytes = randomBytes(count, &random)
      let before = StableHash.bytes(bytes.span, seed: 0)
      for bit in 0..<count * 8 {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let changed = StableHash.bytes(bytes.span, seed: 0) ^ before
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        for output in 0..<64 where changed >> UInt64(output) & 1 == 1 { flips[output] += 1 }
      }
    }
    let tries = Double(rounds * count * 8)
    for output in 0..<64 {
      let share = Double(flips[output]) / tries
      #expect(share > 0.46 && share < 0.54, "bit \(output) flips \(share) of the time")
    }
  }

  @Test("similar keys spread evenly over the 1024 shards")
  func spread() {
    var counts = [Int](repeating: 0, count: 1024)
    for number in 0..<102_400 { counts[Int(record("default", "key\(number)") >> 54)] += 1 }
    // 100 each on average, deviation 10: six deviations either way.
    #expect(counts.min()! > 40 && counts.max()! < 160)
  }
}
