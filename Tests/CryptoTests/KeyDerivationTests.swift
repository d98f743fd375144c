import Bytes
import Crypto
import Testing

@Suite("KeyDerivation")
struct KeyDerivationTests {
  struct Expansion: Sendable {
    let secret, salt, info: [UInt8]
    let output: String
  }

  @Test(
    "the SHA-256 examples of RFC 5869 §A",
    arguments: [
      Expansion(
        secret: [UInt8](repeating: 0x0b, count: 22), salt: Array(0x00...0x0c),
        info: Array(0xf0...0xf9),
        output: """
          3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
          34007208d5b887185865
          """),
      Expansion(
        secret: Array(0x00...0x4f), salt: Array(0x60...0xaf), info: Array(0xb0...0xff),
        output: """
          b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
          59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
          cc30c58179ec3e87c14c01d5c1f3434f1d87
          """),
      Expansion(
        secret: [UInt8](repeating: 0x0b, count: 22), salt: [], info: [],
        output: """
          8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
          9d201395faa4b61a96c8
          """),
    ])
  func hkdf(example: Expansion) {
    let expected = hex(example.output)
    let output = KeyDerivation.hkdf(
      secret: example.secret.span, salt: example.salt.span, info: example.info.span,
      count: expected.count)
    #expect(output == expected)
  }

  @Test("HKDF gives the most that it may, and fewer bytes are the beginning of more")
  func lengths() {
    let secret = ascii("secret")
    let empty: [UInt8] = []
    let most = KeyDerivation.hkdf(
      secret: secret.span, salt: empty.span, info: empty.span, count: 255 * 32)
    #expect(most.count == 255 * 32)
    for count in [0, 1, 31, 32, 33, 64] {
      let fewer = KeyDerivation.hkdf(
        secret: secret.span, salt: empty.span, info: empty.span, count: count)
      #expect(fewer == Array(most.prefix(count)))
    }
  }

  struct Password: Sendable {
    let secret, salt: String
    let logN, r, p: Int
    let output: String
  }

  @Test(
    "the examples of RFC 7914 §12",
    arguments: [
      Password(
        secret: "", salt: "", logN: 4, r: 1, p: 1,
        output: """
          77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442
          fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
          """),
      Password(
        secret: "password", salt: "NaCl", logN: 10, r: 8, p: 16,
        output: """
          fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162
          2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
          """),
      Password(
        secret: "pleaseletmein", salt: "SodiumChloride", logN: 14, r: 8, p: 1,
        output: """
          7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2
          d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
          """),
    ])
  func scrypt(example: Password) {
    let output = KeyDerivation.scrypt(
      secret: ascii(example.secret).span, salt: ascii(example.salt).span,
      logN: example.logN, r: example.r, p: example.p, count: 64)
    #expect(output == hex(example.output))
  }

  @Test("scrypt may use more than the 32 MiB that OpenSSL allows by itself")
  func memory() {
    let output = KeyDerivation.scrypt(
      secret: ascii("password").span, salt: ascii("NaCl").span, logN: 15, r: 8, p: 1, count: 32)
    #expect(output.count == 32)
  }
}
