import Bytes
import Testing

@Suite("Base64URL")
struct Base64URLTests {
  func encode(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer()
    Base64URL.append(bytes.span, to: &buffer)
    return text(buffer.copied())
  }

  func decode(_ text: String) -> [UInt8]? { Base64URL.decode(ascii(text).span) }

  @Test(
    "the examples of RFC 4648 §10 come out without padding and go back",
    arguments: zip(
      ["", "f", "fo", "foo", "foob", "fooba", "foobar"],
      ["", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"]))
  func examples(plain: String, encoded: String) {
    #expect(encode(ascii(plain)) == encoded)
    #expect(decode(encoded) == ascii(plain))
  }

  @Test("the last two characters of the alphabet are - and _")
  func alphabet() {
    #expect(encode([0xfb, 0xef, 0xff]) == "--__")
    #expect(decode("--__") == [0xfb, 0xef, 0xff])
  }

  @Test("random bytes of every short length go back and forth")
  func roundTrip() {
    var random = SeededRandom(seed: 4648)
    for count in 0..<200 {
      let bytes = randomBytes(count, &random)
      #expect(decode(encode(bytes)) == bytes)
    }
  }

  @Test(
    "what is not in the alphabet is refused",
    arguments: ["Zg==", "Zm8=", "Zm9v ", " Zm9v", "Zm\n9v", "ab+d", "ab/d", "ab.d", "=", "Zm9vZ="])
  func foreign(text: String) { #expect(decode(text) == nil) }

  @Test("only 64 of the 256 characters are accepted")
  func everyCharacter() {
    let accepted = (0...255).filter { Base64URL.decode([UInt8($0), 0x41, 0x41, 0x41].span) != nil }
    #expect(accepted.count == 64)
  }

  @Test("a length that no bytes have is refused", arguments: ["A", "AAAAA", "AAAAAAAAA"])
  func impossibleLength(text: String) { #expect(decode(text) == nil) }

  @Test("unused bits that are not zero are refused, for each last character")
  func canonical() {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let afterOne = alphabet.filter { decode("A\($0)") != nil }
    let afterTwo = alphabet.filter { decode("AA\($0)") != nil }
    #expect(afterOne == ["A", "Q", "g", "w"])
    #expect(String(afterTwo) == "AEIMQUYcgkosw048")
  }
}
