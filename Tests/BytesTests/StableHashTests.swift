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
      (0, 0x63c5_193d_b218_1086), (1, 0x4157_48c5_f695_e6f4), (2, 0x805d_e21b_ec95_b649),
      (3, 0xf28b_c5f1_e4f9_a268), (4, 0xb8f7_dd85_5084_e84b), (7, 0x1d6b_26fd_0e76_1539),
      (8, 0x0281_3be4_b5b0_1253), (9, 0x89bb_a81e_1992_37fe), (15, 0xf258_8983_196f_9e6b),
      (16, 0xfd43_8dce_5ca5_65f4), (17, 0xbf27_39b6_b861_af60), (31, 0x1ff9_e6dc_223e_7681),
      (32, 0x6d5b_0701_7293_7f8d), (33, 0x8f47_eee7_b81f_74ad), (48, 0x92a6_2042_3b03_5355),
      (64, 0x92c5_61c9_47e0_d20a), (100, 0xedfe_926e_4cfa_0b37), (1024, 0x38e1_94a7_12f6_f4e6),
    ] as [(Int, UInt64)])
  func golden(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    #expect(StableHash.bytes(bytes.span, seed: 0) == expected)
  }

  @Test(
    "the hash of a record's place is the placement format",
    arguments: [
      ("default", "greeting", 0x9b09_7d1a_85db_e0b5), ("default", "", 0xe2a5_2f4e_976b_6f43),
      ("users", "alice", 0xe61d_d21b_d96e_322d), ("", "usersalice", 0x519c_865e_e4ca_5903),
      ("größe", "schlüssel/eins", 0x1bf1_7fed_916f_a46c),
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

  @Test("similar keys spread evenly over the low bits, which choose the shard, and the top ones")
  func spread() {
    var shards = [Int](repeating: 0, count: 1024)
    var places = shards
    for number in 0..<102_400 {
      let hash = record("default", "key\(number)")
      shards[Int(hash & 1023)] += 1
      places[Int(hash >> 54)] += 1
    }
    // 100 each on average, deviation 10: six deviations either way.
    for counts in [shards, places] { #expect(counts.min()! > 40 && counts.max()! < 160) }
  }

  @Test("the seed decides where everything lies")
  func seed() {
    let hashes = (0..<1000).map {
      StableHash.record(table: ascii("t").span, key: ascii("k").span, seed: UInt64($0))
    }
    #expect(Set(hashes).count == 1000)
    #expect(Set(hashes.map { $0 & 1023 }).count > 500)
  }

  /// A block whose first half is this makes a factor of the multiplication zero.
  private static let cancelling: UInt64 = 0x8ebc_6af0_9c88_c6e3

  @Test("a block that cancels a constant does not make the hash forget what came before it")
  func flood() {
    var random = SeededRandom(seed: 12)
    let block = withUnsafeBytes(of: Self.cancelling.littleEndian) { Array($0) } + ascii("12345678")
    for seed in [0, 1, random.next()] {
      var seen: Set<UInt64> = []
      for _ in 0..<1000 {
        let key = randomBytes(16, &random) + block + ascii("tail")
        seen.insert(StableHash.record(table: ascii("t").span, key: key.span, seed: seed))
      }
      #expect(seen.count == 1000)
    }
  }
}
