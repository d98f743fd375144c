import Testing

@testable import Crypto

@Suite("SecretBytes")
struct SecretBytesTests {
  @Test("a wiped array is empty")
  func empty() {
    var secret: [UInt8] = Array("secret".utf8)
    SecretBytes.wipe(&secret)
    #expect(secret == [])
    SecretBytes.wipe(&secret)
    #expect(secret == [])
  }

  @Test("a wiped digest is zeros")
  func digest() {
    var digest = [32 of UInt8](repeating: 7)
    SecretBytes.wipe(&digest)
    #expect(digest.indices.allSatisfy { digest[$0] == 0 })
  }
}
