import Crypto
import Testing

@Suite("ConstantTime")
struct ConstantTimeTests {
  func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { ConstantTime.equal(a.span, b.span) }

  @Test("the same bytes are equal, no bytes too")
  func same() {
    #expect(equal(Array(0..<100), Array(0..<100)))
    #expect(equal([], []))
  }

  @Test("every flipped bit makes a difference")
  func flippedBits() {
    let bytes: [UInt8] = Array(0..<32)
    for bit in 0..<256 {
      var other = bytes
      other[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!equal(bytes, other))
    }
  }

  @Test("bytes of another length are not equal, even where one begins the other")
  func lengths() {
    #expect(!equal([1, 2, 3], [1, 2]))
    #expect(!equal([1, 2], [1, 2, 3]))
    #expect(!equal([], [0]))
  }
}
