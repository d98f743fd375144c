import Bytes
import Crypto
import Testing

@Suite("SHA256")
struct SHA256Tests {
  @Test(
    "the examples of FIPS 180",
    arguments: zip(
      [
        "", "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        String(repeating: "a", count: 1_000_000),
      ],
      [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      ]))
  func examples(message: String, expected: String) {
    #expect(SHA256.hash(of: ascii(message).span) == hex(expected))
  }

  @Test("in pieces of any size it is the same as whole")
  func pieces() {
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
    let whole = SHA256.hash(of: message.span)
    for size in [1, 3, 63, 64, 65, 299, 300] {
      var hash = SHA256()
      for start in stride(from: 0, to: 300, by: size) {
        hash.update(message.span.extracting(start..<min(start + size, 300)))
      }
      #expect(hash.finish() == whole)
    }
  }

  @Test("after the end of a message the next one begins")
  func again() {
    var hash = SHA256()
    hash.update(ascii("something else").span)
    _ = hash.finish()
    hash.update(ascii("abc").span)
    let digest = hash.finishInline()
    #expect([UInt8](copying: digest.span) == SHA256.hash(of: ascii("abc").span))
  }
}
