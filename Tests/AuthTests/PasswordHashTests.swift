import Bytes
import Crypto
import Testing

@testable import Auth

@Suite("PasswordHash")
struct PasswordHashTests {
  static let salt: [UInt8] = Array(0..<16)
  static let made = String(
    decoding: PasswordHash.make(secret: ascii("correct horse").span, salt: salt.span),
    as: UTF8.self)

  func verify(_ secret: String, _ hash: String) -> Bool {
    PasswordHash.verify(secret: ascii(secret).span, hash: ascii(hash).span)
  }

  /// A hash with small parameters, so that a test costs little.
  static func cheap(_ parameters: String, logN: Int, r: Int, p: Int, count: Int = 32) -> String {
    let hash = KeyDerivation.scrypt(
      secret: SHA256.hash(of: ascii("s").span).span, salt: salt.span, logN: logN, r: r, p: p,
      count: count)
    return "$scrypt$\(parameters)$\(base64(salt))$\(base64(hash))"
  }

  /// What lies on disk, so it must stay readable. Another implementation of scrypt agrees.
  @Test("the text has its parameters, salt and hash")
  func golden() {
    #expect(
      Self.made
        == "$scrypt$ln=15,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$LVaBfPShTD61rpy6oiBA6rbSxV3jv3seguNrIkzFKLE"
    )
  }

  @Test("the right password verifies and another does not")
  func verifies() {
    #expect(verify("correct horse", Self.made))
    #expect(!verify("correct horsf", Self.made))
    #expect(!verify("", Self.made))
  }

  @Test("other parameters within bounds are read back from the text")
  func parameters() {
    #expect(verify("s", Self.cheap("ln=4,r=1,p=1", logN: 4, r: 1, p: 1)))
    #expect(verify("s", Self.cheap("ln=5,r=2,p=4", logN: 5, r: 2, p: 4)))
    #expect(!verify("s", Self.cheap("ln=5,r=2,p=3", logN: 5, r: 2, p: 4)))
  }

  @Test(
    "a text that asks for too much, or for what scrypt does not know, is refused before it costs anything",
    arguments: [
      "ln=20,r=8,p=1", "ln=24,r=1,p=1", "ln=15,r=999,p=1", "ln=17,r=8,p=1", "ln=4,r=1,p=5",
      "ln=0,r=8,p=1", "ln=4,r=0,p=1", "ln=4,r=1,p=0", "ln=999,r=999,p=999", "ln=16,r=1,p=1",
    ])
  func tooMuch(parameters: String) {
    #expect(PasswordHash.Parameters(ascii(parameters)) == nil)
    let hash = "$scrypt$\(parameters)$\(base64(Self.salt))$\(base64(Self.salt + Self.salt))"
    #expect(!verify("s", hash))
  }

  @Test("another form of a right text is refused")
  func forms() {
    let right = Self.cheap("ln=4,r=1,p=1", logN: 4, r: 1, p: 1)
    #expect(verify("s", right))
    let parts = right.split(separator: "$").map(String.init)
    let salt = parts[2]
    let hash = parts[3]
    for wrong in [
      "", "$", "$$$$", "$scrypt", String(right.dropFirst()), right + "$", right + "$x", "$" + right,
      right + "=", right + " ", "$Scrypt$ln=4,r=1,p=1$\(salt)$\(hash)",
      "$scrypt$ln=04,r=1,p=1$\(salt)$\(hash)", "$scrypt$ln=4,r=1$\(salt)$\(hash)",
      "$scrypt$r=1,ln=4,p=1$\(salt)$\(hash)", "$scrypt$ln=4,r=1,p=1,x=1$\(salt)$\(hash)",
      "$scrypt$ln=+4,r=1,p=1$\(salt)$\(hash)", "$scrypt$ln=,r=1,p=1$\(salt)$\(hash)",
      "$scrypt$ln=4,r=1,p=1$$\(hash)", "$scrypt$ln=4,r=1,p=1$\(salt)$",
      "$scrypt$ln=4,r=1,p=1$\(hash)$\(salt)",
    ] {
      #expect(!verify("s", wrong), "accepted \(wrong)")
    }
  }

  @Test("a hash cut to a few bytes is refused, although they are right")
  func shortHash() {
    #expect(!verify("s", Self.cheap("ln=4,r=1,p=1", logN: 4, r: 1, p: 1, count: 15)))
    #expect(verify("s", Self.cheap("ln=4,r=1,p=1", logN: 4, r: 1, p: 1, count: 16)))
  }

  @Test("the decoy costs as much as a real hash, and nothing verifies against it")
  func decoy() {
    let decoy = String(decoding: PasswordHash.decoy, as: UTF8.self)
    let parts = decoy.split(separator: "$")
    #expect(PasswordHash.Parameters(ascii(String(parts[1]))) == PasswordHash.current)
    #expect(parts.map(\.count) == Self.made.split(separator: "$").map(\.count))
    #expect(!verify("wrong", decoy))
    #expect(!verify("", decoy))
  }
}
