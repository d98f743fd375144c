import Bytes
import Crypto
import Testing

@testable import Auth

@Suite("TokenVerifier")
struct TokenVerifierTests {
  @Test("an ordinary token is accepted")
  func ordinary() {
    #expect(
      verify(signed(plainHeader, plainClaims))
        == Claims(subject: ascii("alice"), expires: 1_700_000_060, isAdmin: false))
  }

  // MARK: Signature

  @Test("the signature of RFC 7515 §A.1 is found right, and the token lacks only its subject")
  func example() {
    let key = Base64URL.decode(
      ascii(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
      ).span)!
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"
    let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true"
    #expect(
      signed(header, claims + "}", secret: key) == """
        eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
        """)
    let now: UInt64 = 1_300_000_000_000
    #expect(verify(signed(header, claims + "}", secret: key), at: now, secret: key) == nil)
    let complete = signed(header, claims + ",\"sub\":\"joe\"}", secret: key)
    #expect(verify(complete, at: now, secret: key)?.subject == ascii("joe"))
  }

  @Test("a user's name may be as long as the verifier is told, and no longer")
  func longSubject() {
    for limit in [1, 128, 300] {
      var verifier = TokenVerifier(secret: tokenSecret, subjectBytesMax: limit)
      for (count, isAccepted) in [(limit, true), (limit + 1, false)] {
        let name = String(repeating: "u", count: count)
        let token = signed(plainHeader, #"{"sub":"\#(name)","exp":1700000060}"#)
        let claims = verifier.verify(ascii(token).span, nowMilliseconds: tokenNow)
        #expect((claims != nil) == isAccepted, "\(count) of \(limit)")
      }
    }
  }

  @Test("a token signed with another key is refused")
  func otherKey() {
    #expect(verify(signed(plainHeader, plainClaims, secret: ascii("top secreT"))) == nil)
  }

  @Test("whichever character of a token is replaced by whichever other, it is refused")
  func mutations() {
    let token = ascii(signed(plainHeader, plainClaims))
    var verifier = TokenVerifier(secret: tokenSecret)
    #expect(verifier.verify(token.span, nowMilliseconds: tokenNow) != nil)
    for index in token.indices {
      var accepted = 0
      var mutant = token
      for byte in 0...255 where UInt8(byte) != token[index] {
        mutant[index] = UInt8(byte)
        if verifier.verify(mutant.span, nowMilliseconds: tokenNow) != nil { accepted += 1 }
      }
      #expect(accepted == 0, "character \(index)")
    }
  }

  @Test("a token cut short at any place, or with a character put in or left out, is refused")
  func cuts() {
    let token = ascii(signed(plainHeader, plainClaims))
    var verifier = TokenVerifier(secret: tokenSecret)
    #expect(verifier.verify(token.span, nowMilliseconds: tokenNow) != nil)
    for index in token.indices {
      var without = token
      without.remove(at: index)
      var with = token
      with.insert(UInt8(ascii: "A"), at: index)
      for mutant in [Array(token[..<index]), Array(token[index...].dropFirst()), without, with] {
        let claims = verifier.verify(mutant.span, nowMilliseconds: tokenNow)
        #expect(claims == nil, "at \(index)")
      }
    }
  }

  @Test("the form of a token is exact")
  func forms() {
    let token = signed(plainHeader, plainClaims)
    let parts = token.split(separator: ".").map(String.init)
    let (header, claims, signature) = (parts[0], parts[1], parts[2])
    for wrong in [
      "", ".", "..", "...", "a.b.c", "\(header).\(claims)", "\(header).\(claims).",
      "\(header)..\(signature)", ".\(claims).\(signature)", "\(token).", ".\(token)",
      "\(token).\(signature)", "\(header).\(claims)..\(signature)", "\(token)=", "\(token) ",
      " \(token)", "\(token)\n", "\(header)=.\(claims).\(signature)", "\(token)A",
      "\(header).\(claims).\(signature)\(signature)", "\(claims).\(header).\(signature)",
    ] {
      #expect(verify(wrong) == nil, "accepted \(wrong)")
    }
  }

  @Test("parts that are padded or not canonical are refused, although they are rightly signed")
  func notCanonical() {
    func sign(_ input: String) -> String { input + "." + signature(of: input) }
    let header = base64(ascii(plainHeader))
    // 32 bytes of claims: the last of the three characters left over has unused bits.
    let claims = base64(ascii(plainClaims))
    #expect(verify(sign("\(header).\(claims)")) != nil)
    #expect(verify(sign("\(header).\(claims)=")) == nil)
    #expect(verify(sign("\(header)=.\(claims)")) == nil)
    #expect(claims.hasSuffix("0"))
    #expect(verify(sign("\(header).\(claims.dropLast())1")) == nil)
    #expect(verify(sign("\(header).\(claims)\n")) == nil)
    #expect(verify(sign("\(header).")) == nil)
    #expect(verify(sign(".\(claims)")) == nil)
    let slash = base64(ascii(#"{"sub":"???","exp":1700000060}"#))
    #expect(slash.contains("_"))
    #expect(verify(sign("\(header).\(slash)")) != nil)
    let standard = slash.replacing("_", with: "/")
    #expect(verify(sign("\(header).\(standard)")) == nil)
  }

  // MARK: Header

  @Test(
    "a header that does not say HS256, exactly, is refused",
    arguments: [
      #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"NONE"}"#, #"{"alg":""}"#, #"{}"#,
      #"{"alg":"HS512"}"#, #"{"alg":"HS384"}"#, #"{"alg":"RS256"}"#, #"{"alg":"ES256"}"#,
      #"{"alg":"hs256"}"#, #"{"alg":"HS256 "}"#, #"{"alg":"HS2567"}"#, #"{"alg":["HS256"]}"#,
      #"{"alg":null}"#, #"{"alg":256}"#, #"{"alg":true}"#, #"{"Alg":"HS256"}"#,
      #"{"alg":"HS256","alg":"none"}"#, #"{"alg":{"alg":"HS256"}}"#, #"{"x":{"alg":"HS256"}}"#,
    ])
  func algorithms(header: String) { #expect(verify(signed(header, plainClaims)) == nil) }

  @Test("an unsigned token is refused, whatever algorithm it names", arguments: ["none", "HS256"])
  func unsigned(algorithm: String) {
    let input = base64(ascii("{\"alg\":\"\(algorithm)\"}")) + "." + base64(ascii(plainClaims))
    #expect(verify(input + ".") == nil)
    #expect(verify(input) == nil)
  }

  @Test(
    "a header that is no JSON object is refused",
    arguments: [
      #"["HS256"]"#, #""HS256""#, "", " ", "null", #"{"alg":"HS256"}}"#, #"{"alg":"HS256""#,
      #"{"alg":"HS256",}"#, #"{'alg':'HS256'}"#, #"{"alg":"HS256"} x"#,
      "\u{feff}{\"alg\":\"HS256\"}",
    ])
  func notAnObject(header: String) { #expect(verify(signed(header, plainClaims)) == nil) }

  @Test(
    "`crit` and `b64` are refused, whatever they hold",
    arguments: [
      #"{"alg":"HS256","crit":["exp"]}"#, #"{"alg":"HS256","crit":[]}"#,
      #"{"alg":"HS256","crit":null}"#, #"{"alg":"HS256","b64":true}"#,
      #"{"alg":"HS256","b64":false,"crit":["b64"]}"#, #"{"alg":"HS256","\u0063rit":["x"]}"#,
    ])
  func critical(header: String) { #expect(verify(signed(header, plainClaims)) == nil) }

  @Test(
    "other members of a header are ignored, and of a repeated one the last counts",
    arguments: [
      #"{"alg":"HS256"}"#, #"{"typ":"nonsense","alg":"HS256"}"#, #"{"typ":7,"alg":"HS256"}"#,
      #"{"alg":"HS256","kid":"../../etc/passwd","jku":"http://example.com","x5c":[]}"#,
      #"{"alg":"none","alg":"HS256"}"#, #"{"alg":"\u0048S256"}"#, #"{"\u0061lg":"HS256"}"#,
      " {\r\n \"alg\" : \"HS256\" } ",
    ])
  func ignored(header: String) { #expect(verify(signed(header, plainClaims)) != nil) }

  // MARK: Claims

  @Test(
    "an `exp` that is a number in the future is accepted, however it is written",
    arguments: [
      "1700000001", "1e12", "17000000010e-1", "1700000000.5",
      "1700000000.001", "1.8E+9", "9007199254740993", "1e300",
    ])
  func future(expiry: String) {
    #expect(verify(signed(plainHeader, #"{"sub":"alice","exp":\#(expiry)}"#)) != nil)
  }

  @Test(
    "an `exp` that is missing, no number or not in the future is refused",
    arguments: [
      #"{"sub":"alice"}"#, #"{"sub":"alice","exp":"1800000000"}"#, #"{"sub":"alice","exp":null}"#,
      #"{"sub":"alice","exp":true}"#, #"{"sub":"alice","exp":[1800000000]}"#,
      #"{"sub":"alice","exp":1700000000}"#, #"{"sub":"alice","exp":1699999999.999}"#,
      #"{"sub":"alice","exp":0.5}"#, #"{"sub":"alice","exp":0}"#, #"{"sub":"alice","exp":-1e12}"#,
      #"{"sub":"alice","exp":1800000000,"exp":1}"#, #"{"sub":"alice","exp":1e999999}"#,
      #"{"sub":"alice","exp":01800000000}"#, #"{"sub":"alice","exp":NaN}"#,
      #"{"sub":"alice","Exp":1800000000}"#, #"{"sub":"alice","exp":0x7fffffffff}"#,
    ])
  func expired(claims: String) { #expect(verify(signed(plainHeader, claims)) == nil) }

  @Test("`exp` ends a token to the millisecond")
  func expiry() {
    let token = signed(plainHeader, #"{"sub":"alice","exp":1700000000.5}"#)
    #expect(verify(token, at: 1_700_000_000_499) != nil)
    #expect(verify(token, at: 1_700_000_000_500) == nil)
  }

  @Test("`nbf` begins a token to the millisecond, and must be a number")
  func notBefore() {
    let token = signed(plainHeader, #"{"sub":"alice","exp":1800000000,"nbf":1700000000.5}"#)
    #expect(verify(token, at: 1_700_000_000_499) == nil)
    #expect(verify(token, at: 1_700_000_000_500) != nil)
    for nbf in ["\"0\"", "null", "false", "[]", "1e999999"] {
      let claims = #"{"sub":"alice","exp":1800000000,"nbf":\#(nbf)}"#
      #expect(verify(signed(plainHeader, claims)) == nil, "accepted \(nbf)")
    }
  }

  @Test(
    "a `sub` that is no text of 1 to 128 bytes is refused",
    arguments: [
      "7", "\"\"", "null", "true", "[\"alice\"]", "{}", #""\ud800""#, #""a\udfff""#,
      "\"" + String(repeating: "x", count: 129) + "\"",
      "\"" + String(repeating: "é", count: 64) + "x\"",
    ])
  func noSubject(subject: String) {
    #expect(verify(signed(plainHeader, #"{"sub":\#(subject),"exp":1800000000}"#)) == nil)
  }

  @Test("a `sub` comes out decoded")
  func subject() {
    let claims = #"{"sub":"al\u0069ce \ud83d\ude00","exp":1800000000}"#
    #expect(verify(signed(plainHeader, claims))?.subject == ascii("alice 😀"))
    let longest = String(repeating: "é", count: 64)
    #expect(
      verify(signed(plainHeader, #"{"sub":"\#(longest)","exp":1800000000}"#))?.subject
        == ascii(longest))
  }

  @Test(
    "claims without `sub`, or that are no object, are refused",
    arguments: [
      #"{"exp":1800000000}"#, "{}", "[]", "", "null", #"[{"sub":"alice","exp":1800000000}]"#,
      #"{"claims":{"sub":"alice","exp":1800000000}}"#, #"{"sub":"alice","exp":1800000000"#,
    ])
  func noClaims(claims: String) { #expect(verify(signed(plainHeader, claims)) == nil) }

  @Test("claims that are not UTF-8 are refused")
  func notUTF8() {
    let input =
      base64(ascii(plainHeader)) + "."
      + base64(ascii(#"{"sub":"alice"#) + [0xff] + ascii(#"","exp":1800000000}"#))
    #expect(verify(input + "." + signature(of: input)) == nil)
  }

  @Test(
    "admin rights need the claim to be exactly `true`",
    arguments: zip(
      ["true", "false", "1", "\"true\"", "null", "[true]", "{}", "\"\""],
      [true, false, false, false, false, false, false, false]))
  func admin(claim: String, expected: Bool) {
    let claims = #"{"sub":"alice","exp":1800000000,"admin":\#(claim)}"#
    #expect(verify(signed(plainHeader, claims))?.isAdmin == expected)
  }

  @Test("of repeated claims the last one counts")
  func repeated() {
    let claims =
      #"{"admin":true,"sub":"alice","exp":1,"sub":"bob","exp":1800000000,"admin":false}"#
    #expect(
      verify(signed(plainHeader, claims))
        == Claims(subject: ascii("bob"), expires: 1_800_000_000, isAdmin: false))
    let empty = #"{"sub":"alice","exp":1800000000,"sub":""}"#
    #expect(verify(signed(plainHeader, empty)) == nil)
  }

  @Test("deeply nested claims are refused and harm nothing")
  func deep() {
    let nested = String(repeating: "[", count: 3_000) + String(repeating: "]", count: 3_000)
    #expect(verify(signed(plainHeader, #"{"sub":"a","exp":1800000000,"x":\#(nested)}"#)) == nil)
  }
}
