import Crypto
import Testing

@Suite("SecureRandom")
struct SecureRandomTests {
  @Test("as many bytes as asked for, no two runs of them the same")
  func bytes() {
    #expect(SecureRandom.bytes(0) == [])
    #expect(Set((0..<1_000).map { _ in SecureRandom.bytes(16) }).count == 1_000)
    #expect(SecureRandom.bytes(33).count == 33)
  }

  @Test("every bit of a number is set about half the time")
  func numbers() {
    var ones = [Int](repeating: 0, count: 64)
    for _ in 0..<4_000 {
      let number = SecureRandom.uint64()
      for bit in 0..<64 where number >> UInt64(bit) & 1 == 1 { ones[bit] += 1 }
    }
    // 2,000 on average, deviation 32: seven deviations either way.
    #expect(ones.allSatisfy { $0 > 1_776 && $0 < 2_224 })
  }
}
