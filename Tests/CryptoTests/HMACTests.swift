import Bytes
import Crypto
import Testing

@Suite("HMAC")
struct HMACTests {
  static let examples: [(key: [UInt8], message: [UInt8], code: [UInt8])] = [
    (
      [UInt8](repeating: 0x0b, count: 20), ascii("Hi There"),
      hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    ),
    (
      ascii("Jefe"), ascii("what do ya want for nothing?"),
      hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    ),
    (
      [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
      hex("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe")
    ),
    (
      Array(1...25), [UInt8](repeating: 0xcd, count: 50),
      hex("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b")
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      ascii("Test Using Larger Than Block-Size Key - Hash Key First"),
      hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      ascii(
        "This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm."),
      hex("9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2")
    ),
  ]

  @Test("the examples of RFC 4231 §4", arguments: 0..<6)
  func example(index: Int) {
    let (key, message, code) = Self.examples[index]
    #expect(HMAC.sha256(key: key.span, message: message.span) == code)
    var buffer = ByteBuffer()
    HMAC.sha256(key: key.span, message: message.span, into: &buffer)
    #expect(buffer.copied() == code)
  }

  @Test("one key serves many messages, whole and in pieces")
  func key() {
    let (key, message, code) = Self.examples[1]
    var ready = HMAC.Key(key.span)
    for _ in 0..<3 {
      let whole = ready.sha256(message.span)
      #expect([UInt8](copying: whole.span) == code)
    }
    ready.begin()
    for index in message.indices { ready.update(message.span.extracting(index..<index + 1)) }
    let pieces = ready.finish()
    #expect([UInt8](copying: pieces.span) == code)
  }

  @Test("an empty key and an empty message are allowed")
  func empty() {
    let nothing: [UInt8] = []
    let code = HMAC.sha256(key: nothing.span, message: nothing.span)
    #expect(code == hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
  }
}
