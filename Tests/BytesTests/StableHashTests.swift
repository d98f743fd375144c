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
      (0, 0x491a_547e_dc1b_b825), (1, 0x6bec_a595_1798_abeb), (2, 0x218e_d350_01ff_1c00),
      (3, 0xa6e4_a354_e02e_866f), (4, 0x6503_b8d3_be60_683f), (7, 0x3af5_1261_9d9c_9659),
      (8, 0x9d06_2229_4161_0e04), (9, 0x148c_97c7_d9f3_7469), (15, 0xa26d_400a_6588_b567),
      (16, 0xed2f_9aa9_df57_f9f2), (17, 0x225a_4053_1b0d_8b49), (31, 0xaea2_e5ac_af51_bfc6),
      (32, 0xe6c9_bcd5_76d8_aa0c), (33, 0x3354_f779_6dce_2d1a), (48, 0x7b44_119a_5643_a9f7),
      (64, 0x2c51_4d29_ec66_831f), (100, 0x4dc0_f288_c2f7_fad4), (1024, 0x5dfe_8343_5c8f_d1ce),
    ] as [(Int, UInt64)])
  func golden(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    #expect(StableHash.bytes(bytes.span, seed: 0) == expected)
  }

  @Test(
    "the hash of a record's place is the placement format",
    arguments: [
      ("default", "greeting", 0xd54f_3295_63d5_87ff), ("default", "", 0xf0b7_767a_994b_2b17),
      ("users", "alice", 0xc715_1baf_014a_59b7), ("", "usersalice", 0x5503_19d2_5419_28eb),
      ("größe", "schlüssel/eins", 0x6cb2_3b8f_442b_a0fa),
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

  @Test("no constant of the algorithm makes blocks that cancel each other")
  func noCancellingConstant() {
    let constants: [UInt64] = [
      0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3,
      0x5899_65cc_7537_4cc3, 0x1d8e_4e27_c47d_124f, 0,
    ]
    var random = SeededRandom(seed: 12)
    for constant in constants {
      let seed = random.next()
      let hashes = keysOfEqualBlocks(beginningWith: constant, &random).map {
        StableHash.bytes($0.span, seed: seed)
      }
      #expect(Set(hashes).count == hashes.count, "\(constant)")
    }
  }

  @Test("keys constructed to collide under one seed do not collide under another")
  func flood() {
    var random = SeededRandom(seed: 13)
    for _ in 0..<20 {
      let (known, secret) = (random.next(), random.next())
      let keys = keysOfEqualBlocks(beginningWith: cancelling(underSeed: known), &random)
      // Who knows the seed can do it: this is what must stay unknown.
      #expect(Set(keys.map { StableHash.bytes($0.span, seed: known) }).count == 1)
      for seed in [secret, known ^ 1, known ^ 1 << 63, 0] {
        #expect(Set(keys.map { StableHash.bytes($0.span, seed: seed) }).count == keys.count)
      }
    }
  }

  @Test("a table's keys are safe from blocks that cancel under another table")
  func floodOfATable() {
    var random = SeededRandom(seed: 14)
    let seed = StableHash.bytes(ascii("a").span, seed: 1)
    let keys = keysOfEqualBlocks(beginningWith: cancelling(underSeed: seed), &random)
    func places(_ table: String) -> Set<UInt64> {
      Set(keys.map { StableHash.record(table: ascii(table).span, key: $0.span, seed: 1) })
    }
    #expect(places("a").count == 1)
    #expect(places("b").count == keys.count)
  }

  /// The first half of a block that makes a factor of the multiplication zero, and with that the
  /// block's effect a mere XOR of its second half: two such blocks undo each other.
  private func cancelling(underSeed seed: UInt64) -> UInt64 {
    let (left, right) = (seed ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db as UInt64)
    let product = left.multipliedFullWidth(by: right)
    return left ^ right ^ product.low ^ product.high ^ 0x8ebc_6af0_9c88_c6e3
  }

  /// A thousand keys of two equal blocks each, with another second half each, and an end.
  private func keysOfEqualBlocks(
    beginningWith half: UInt64, _ random: inout SeededRandom
  ) -> [[UInt8]] {
    (0..<1000).map { _ in
      let block = withUnsafeBytes(of: half.littleEndian) { Array($0) } + randomBytes(8, &random)
      return block + block + ascii("tail")
    }
  }
}
