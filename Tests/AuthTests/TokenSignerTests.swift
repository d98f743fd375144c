import Auth
import Testing

@Suite("TokenSigner")
struct TokenSignerTests {
  func token(_ subject: String, expires: UInt64, isAdmin: Bool = false) -> [UInt8] {
    TokenSigner(secret: tokenSecret).token(
      subject: ascii(subject).span, expiresSeconds: expires, isAdmin: isAdmin)
  }

  @Test("a token is the one that other implementations make of the same claims")
  func golden() {
    let expected = """
      eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
      eyJzdWIiOiJhXCJsw69jZVxuIiwiZXhwIjoxNzAwMDg2NDAwLCJpYXQiOjE3MDAwMDAwMDB9.\
      MusodMKpVkLxgti9-Fq-fLNOgn0I9-8IfPm6XB-ARA8
      """
    #expect(token("a\"lïce\n", expires: 1_700_086_400) == ascii(expected))
  }

  @Test(
    "what is signed is accepted, whatever the user is called",
    arguments: [
      "alice", "größe", "a b", "\"", "\\", "\u{1}\t\n", "😀", "{}",
      String(repeating: "x", count: 128),
    ])
  func roundTrip(user: String) {
    let claims = verify(String(decoding: token(user, expires: 1_700_000_001), as: UTF8.self))
    #expect(
      claims == Claims(subject: ascii(user), expires: 1_700_000_001, isAdmin: false))
  }

  @Test("only a token made for the admin has admin rights")
  func admin() {
    let plain = token("alice", expires: 1_800_000_000)
    let admin = token("alice", expires: 1_800_000_000, isAdmin: true)
    #expect(verify(String(decoding: plain, as: UTF8.self))?.isAdmin == false)
    #expect(verify(String(decoding: admin, as: UTF8.self))?.isAdmin == true)
  }

  @Test("the time of issue can be given, and an early end gives none before 1970")
  func issued() {
    let signer = TokenSigner(secret: tokenSecret)
    let given = signer.token(
      subject: ascii("a").span, expiresSeconds: 1_700_000_060, issuedSeconds: 1_699_999_999)
    #expect(
      String(decoding: given, as: UTF8.self)
        == signed(plainHeader, #"{"sub":"a","exp":1700000060,"iat":1699999999}"#))
    let early = signer.token(subject: ascii("a").span, expiresSeconds: 5)
    #expect(
      String(decoding: early, as: UTF8.self)
        == signed(plainHeader, #"{"sub":"a","exp":5,"iat":0}"#))
  }
}
