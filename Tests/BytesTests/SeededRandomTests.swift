import Testing

@testable import Bytes

@Suite("SeededRandom")
struct SeededRandomTests {
  @Test("xoshiro256** from the state 1, 2, 3, 4 gives the numbers of its authors' program")
  func reference() {
    var random = SeededRandom(state: (1, 2, 3, 4))
    let expected: [UInt64] = [
      11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360,
      607_988_272_756_665_600, 16_172_922_978_634_559_625, 8_476_171_486_693_032_832,
      10_595_114_339_597_558_777, 2_904_607_092_377_533_576,
    ]
    #expect(expected.map { _ in random.next() } == expected)
  }

  @Test("splitmix64 gives the numbers of its authors' program")
  func filler() {
    var filler = SplitMix64(state: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in filler.next() } == expected)
  }

  @Test(
    "a seed gives the same numbers for ever",
    arguments: zip(
      [0, 1, 42] as [UInt64],
      [
        [11_091_344_671_253_066_420, 13_793_997_310_169_335_082, 1_900_383_378_846_508_768],
        [12_966_619_160_104_079_557, 9_600_361_134_598_540_522, 10_590_380_919_521_690_900],
        [1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009],
      ] as [[UInt64]]))
  func golden(seed: UInt64, expected: [UInt64]) {
    var random = SeededRandom(seed: seed)
    #expect(expected.map { _ in random.next() } == expected)
  }

  @Test("numbers below a bound stay below it and reach all of it, about equally often")
  func below() {
    var random = SeededRandom(seed: 7)
    var counts = [Int](repeating: 0, count: 10)
    for _ in 0..<10_000 { counts[Int(random.next(below: 10))] += 1 }
    #expect(counts.allSatisfy { $0 > 850 && $0 < 1150 })
    #expect(random.next(below: 1) == 0)
  }

  @Test("a bound that does not divide 2⁶⁴ favours no half")
  func fair() {
    var random = SeededRandom(seed: 8)
    // Without rejection, every third number would be twice as likely.
    let bound: UInt64 = 0xc000_0000_0000_0000
    let thirds = (0..<9_000).reduce(into: [0, 0, 0]) { counts, _ in
      counts[Int(random.next(below: bound) % 3)] += 1
    }
    #expect(thirds.allSatisfy { $0 > 2_800 && $0 < 3_200 })
  }
}
