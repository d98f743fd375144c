import Bytes
import Crypto
import Testing

@testable import Auth

@Suite("TokenCache")
struct TokenCacheTests {
  static let content = AccessToken.Content(
    claims: Claims(subject: ascii("alice"), expires: 5, isAdmin: false), notBefore: 1)

  @Test("a token that was kept is found with what it said, another is not")
  func finds() {
    var cache = TokenCache()
    let token = ascii("header.claims.signature")
    let place = cache.place(of: token.span)
    let before = cache.content(of: token.span, at: place)
    cache.keep(Self.content, of: token.span, at: place)
    let after = cache.content(of: token.span, at: place)
    #expect(before == nil)
    #expect(after?.claims == Self.content.claims)
    #expect(after?.notBefore == 1)
  }

  @Test("another token with the same hash is not taken for it, of the same length or not")
  func collisions() {
    var cache = TokenCache()
    let token = ascii("header.claims.signature")
    cache.keep(Self.content, of: token.span, at: 77)
    for other in [
      "header.claims.signaturf", "Header.claims.signature", "header.claims.signatur", "",
    ] {
      let content = cache.content(of: ascii(other).span, at: 77)
      #expect(content == nil)
    }
  }

  @Test("a newer token takes the place of an older one")
  func displaces() {
    var cache = TokenCache()
    cache.keep(Self.content, of: ascii("one").span, at: 5)
    cache.keep(Self.content, of: ascii("two").span, at: 5 + 1024)
    let one = cache.content(of: ascii("one").span, at: 5)
    let two = cache.content(of: ascii("two").span, at: 5 + 1024)
    #expect(one == nil)
    #expect(two != nil)
  }

  @Test("a token of 4 KiB is kept, a longer one is not")
  func tooLong() {
    for (count, isKept) in [(4096, true), (4097, false)] {
      var cache = TokenCache()
      let token = [UInt8](repeating: 0x61, count: count)
      let place = cache.place(of: token.span)
      cache.keep(Self.content, of: token.span, at: place)
      let content = cache.content(of: token.span, at: place)
      #expect((content != nil) == isKept)
    }
  }

  @Test("two caches place tokens differently")
  func seeds() {
    let token = ascii("token")
    let places = Set((0..<8).map { _ in TokenCache().place(of: token.span) })
    #expect(places.count == 8)
  }

  @Test("a remembered token expires on time, begins on time and is accepted in between")
  func times() {
    let token = ascii(signed(plainHeader, #"{"sub":"alice","exp":1700000060,"nbf":1699999990}"#))
    var verifier = TokenVerifier(secret: tokenSecret)
    var accepted: [Bool] = []
    for offset in [0, 59_999, 60_000, 0, -10_000, -10_001, 0] as [Int64] {
      let now = UInt64(Int64(tokenNow) + offset)
      accepted.append(verifier.verify(token.span, nowMilliseconds: now) != nil)
    }
    #expect(accepted == [true, true, false, true, true, false, true])
  }

  @Test("many users at one verifier never get each other's claims")
  func manyUsers() {
    let signer = TokenSigner(secret: tokenSecret)
    let tokens = (0..<3_000).map {
      signer.token(subject: ascii("user\($0)").span, expiresSeconds: 1_800_000_000)
    }
    var verifier = TokenVerifier(secret: tokenSecret)
    var random = SeededRandom(seed: 7519)
    var wrong = 0
    for _ in 0..<20_000 {
      let user = Int(random.next(below: 3_000))
      let token = tokens[user]
      let claims = verifier.verify(token.span, nowMilliseconds: tokenNow)
      if claims?.subject != ascii("user\(user)") { wrong += 1 }
    }
    #expect(wrong == 0)
  }
}
