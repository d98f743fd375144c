import Testing

@testable import Crypto

@Suite("Nonce")
struct NonceTests {
  @Test("it is four bytes of prefix and eight of counter, both little-endian")
  func layout() {
    let bytes = Nonce(prefix: 0x0403_0201, counter: 0x0c0b_0a09_0807_0605).bytes
    #expect((0..<12).map { bytes[$0] } == Array(1...12))
  }
}
