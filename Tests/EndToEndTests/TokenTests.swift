import Foundation
import Testing

/// Contract §3 and §7, Tokens: which are accepted. Every refusal is 401, never a 5xx.
@Suite("Tokens", .blocking)
struct TokenTests {
  static let node = SharedNode()

  private static let now = Int(Date().timeIntervalSince1970)
  private static let claims = #"{"sub":"alice","exp":\#(now + 3600)}"#

  /// The status of a PUT with this Authorization field.
  private func status(_ authorization: String, on node: Node? = nil) throws -> Int {
    let client = Client(try node ?? Self.node())
    let response = try client.send(
      "PUT", "/\(uniqueTable())/key/k", #"{"value":1}"#,
      fields: [("Authorization", authorization)])
    if response.status == 401 {
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
      #expect(response.error?.isEmpty == false)
    }
    return response.status
  }

  private static func claim(_ rest: String) -> String {
    Token.make(claims: #"{"sub":"alice","exp":\#(now + 3600)\#(rest)}"#)
  }

  private static func header(_ header: String) -> String {
    Token.make(header: header, claims: claims)
  }

  static let accepted: [Case<String>] = [
    Case("as the node makes them", "", "Bearer " + Token.user("alice")),
    Case("scheme in lower case", "", "bearer " + Token.user("alice")),
    Case("scheme in any case", "", "bEaReR " + Token.user("alice")),
    Case("no typ", "", "Bearer " + header(#"{"alg":"HS256"}"#)),
    Case(
      "other header members", "",
      "Bearer "
        + header(#"{"kid":"1","x":{"alg":"none"},"typ":"x","alg":"HS256","jku":"http://x"}"#)),
    Case("white space in the header", "", "Bearer " + header(" { \"alg\" :\n\"HS256\" } ")),
    Case("alg spelled with an escape", "", "Bearer " + header(#"{"alg":"\u0048S256"}"#)),
    Case(
      "a fraction in exp", "",
      "Bearer " + Token.make(claims: #"{"sub":"a","exp":\#(now + 3600).75}"#)
    ),
    Case("exp far ahead", "", "Bearer " + Token.make(claims: #"{"sub":"a","exp":253402300799}"#)),
    Case("exp with an exponent", "", "Bearer " + Token.make(claims: #"{"sub":"a","exp":2.5e11}"#)),
    Case("nbf in the past", "", "Bearer " + claim(#","nbf":\#(now - 60)"#)),
    Case("nbf with a fraction", "", "Bearer " + claim(#","nbf":\#(now - 60).5"#)),
    Case(
      "other claims", "", "Bearer " + claim(#","iat":1,"aud":["x"],"roles":{"a":[1]},"admin":1"#)),
    Case(
      "sub with an escape", "",
      "Bearer " + Token.make(claims: #"{"sub":"\u0061","exp":\#(now + 3600)}"#)),
    Case(
      "six kilobytes of claims", "",
      "Bearer " + claim(",\"x\":\"" + String(repeating: "x", count: 6000) + "\"")),
  ]

  @Test("accepted:", arguments: accepted)
  func isAccepted(row: Case<String>) throws {
    #expect(try status(row.expected) == 201)
  }

  static let refusedHeaders: [Case<String>] = [
    Case("alg none", "", header(#"{"alg":"none"}"#)),
    Case("alg None", "", header(#"{"alg":"None"}"#)),
    Case("alg HS384", "", header(#"{"alg":"HS384"}"#)),
    Case("alg HS512", "", header(#"{"alg":"HS512"}"#)),
    Case("alg RS256", "", header(#"{"alg":"RS256"}"#)),
    Case("alg in lower case", "", header(#"{"alg":"hs256"}"#)),
    Case("alg with a space", "", header(#"{"alg":"HS256 "}"#)),
    Case("alg with a NUL", "", header(#"{"alg":"HS256\u0000"}"#)),
    Case("alg empty", "", header(#"{"alg":""}"#)),
    Case("alg null", "", header(#"{"alg":null}"#)),
    Case("alg a list", "", header(#"{"alg":["HS256"]}"#)),
    Case("no alg", "", header(#"{"typ":"JWT"}"#)),
    Case("ALG instead", "", header(#"{"ALG":"HS256"}"#)),
    Case("last alg counts: none", "", header(#"{"alg":"HS256","alg":"none"}"#)),
    Case("crit", "", header(#"{"alg":"HS256","crit":["exp"]}"#)),
    Case("crit empty", "", header(#"{"alg":"HS256","crit":[]}"#)),
    Case("b64 false", "", header(#"{"alg":"HS256","b64":false}"#)),
    Case("b64 true", "", header(#"{"alg":"HS256","b64":true}"#)),
    Case("crit spelled with an escape", "", header(#"{"alg":"HS256","cri\u0074":["exp"]}"#)),
    Case("header a list", "", header(#"["HS256"]"#)),
    Case("header a string", "", header(#""HS256""#)),
    Case("header no JSON", "", header("alg=HS256")),
    Case("header with a comma too many", "", header(#"{"alg":"HS256",}"#)),
    Case("header twice", "", header(#"{"alg":"HS256"}{"alg":"HS256"}"#)),
    Case("header empty", "", header("")),
    Case("header deep", "", header(#"{"alg":"HS256","x":\#(deep(129))}"#)),
    Case(
      "header no UTF-8", "",
      Token.make(
        header: Array(#"{"alg":"HS256","x":""#.utf8) + [0xff] + Array("\"}".utf8),
        claims: Array(claims.utf8), secret: Node.jwtSecret)),
  ]

  static let refusedClaims: [Case<String>] = [
    Case("no exp", "", Token.make(claims: #"{"sub":"alice"}"#)),
    Case("exp past", "", Token.make(claims: #"{"sub":"alice","exp":\#(now - 1)}"#)),
    Case("exp long past", "", Token.make(claims: #"{"sub":"alice","exp":1}"#)),
    Case("exp zero", "", Token.make(claims: #"{"sub":"alice","exp":0}"#)),
    Case("exp negative", "", Token.make(claims: #"{"sub":"alice","exp":-99999999999}"#)),
    Case("exp minus huge", "", Token.make(claims: #"{"sub":"alice","exp":-1e300}"#)),
    Case("exp a string", "", Token.make(claims: #"{"sub":"alice","exp":"\#(now + 3600)"}"#)),
    Case("exp null", "", Token.make(claims: #"{"sub":"alice","exp":null}"#)),
    Case("exp true", "", Token.make(claims: #"{"sub":"alice","exp":true}"#)),
    Case("exp a list", "", Token.make(claims: #"{"sub":"alice","exp":[\#(now + 3600)]}"#)),
    Case(
      "exp twice: the last one counts", "",
      Token.make(claims: #"{"sub":"alice","exp":\#(now + 3600),"exp":1}"#)),
    Case("exp tiny", "", Token.make(claims: #"{"sub":"alice","exp":1e-400}"#)),
    Case("nbf ahead", "", claim(#","nbf":\#(now + 1800)"#)),
    Case("nbf far ahead", "", claim(#","nbf":1e300"#)),
    Case("nbf a string", "", claim(#","nbf":"0""#)),
    Case("no sub", "", Token.make(claims: #"{"exp":\#(now + 3600)}"#)),
    Case("sub empty", "", Token.make(claims: #"{"sub":"","exp":\#(now + 3600)}"#)),
    Case("sub a number", "", Token.make(claims: #"{"sub":1,"exp":\#(now + 3600)}"#)),
    Case("sub null", "", Token.make(claims: #"{"sub":null,"exp":\#(now + 3600)}"#)),
    Case("sub a list", "", Token.make(claims: #"{"sub":["alice"],"exp":\#(now + 3600)}"#)),
    Case("claims a list", "", Token.make(claims: #"["alice",\#(now + 3600)]"#)),
    Case("claims no JSON", "", Token.make(claims: "alice")),
    Case("claims with text behind", "", Token.make(claims: claims + "x")),
    Case("claims empty", "", Token.make(claims: "")),
    Case("claims deep", "", claim(#","x":\#(deep(129))"#)),
    Case("claims very deep", "", claim(",\"x\":" + String(repeating: "[", count: 5000))),
    Case(
      "claims no UTF-8", "",
      Token.make(
        header: Array(#"{"alg":"HS256"}"#.utf8),
        claims: Array(#"{"exp":\#(now + 3600),"sub":""#.utf8) + [0xc3, 0x28] + Array("\"}".utf8),
        secret: Node.jwtSecret)),
  ]

  static let refusedForms: [Case<String>] = {
    let token = Token.user("alice")
    let parts = token.split(separator: ".").map(String.init)
    let none = Token.base64URL(Array(#"{"alg":"none"}"#.utf8))
    return [
      Case("other secret", "", Token.user("alice", secret: "another")),
      Case("empty secret", "", Token.user("alice", secret: "")),
      Case("secret with a NUL behind", "", Token.user("alice", secret: Node.jwtSecret + "\u{0}x")),
      Case("no signature", "", "\(parts[0]).\(parts[1])."),
      Case("no third part", "", "\(parts[0]).\(parts[1])"),
      Case("alg none without signature", "", "\(none).\(parts[1])."),
      Case("four parts", "", token + ".x"),
      Case("a dot behind", "", token + "."),
      Case("empty parts", "", ".."),
      Case("one part", "", parts[0]),
      Case("padded", "", token + "="),
      Case("header padded", "", "\(parts[0])=.\(parts[1]).\(parts[2])"),
      Case("signature cut", "", String(token.dropLast())),
      Case("signature longer", "", token + "A"),
      Case(
        "signature of other claims", "",
        "\(parts[0]).\(Token.base64URL(Array("{}".utf8))).\(parts[2])"),
      Case("signature not canonical", "", nonCanonical(token)),
      Case("standard alphabet", "", standardAlphabet()),
      Case("a space inside", "", "\(parts[0]). \(parts[1]).\(parts[2])"),
      Case("percent-encoded", "", token.replacingOccurrences(of: ".", with: "%2E")),
      Case("quoted", "", "\"\(token)\""),
      Case("a comma behind", "", token + ","),
      Case("nonsense", "", "nonsense"),
      Case("not ASCII", "", "\u{e9}.\u{e9}.\u{e9}"),
      Case(
        "hexadecimal signature", "", "\(parts[0]).\(parts[1])." + String(repeating: "ab", count: 32)
      ),
    ]
  }()

  @Test("refused for its header:", arguments: refusedHeaders)
  func refusesHeader(row: Case<String>) throws {
    #expect(try status("Bearer " + row.expected) == 401)
  }

  @Test("refused for its claims:", arguments: refusedClaims)
  func refusesClaims(row: Case<String>) throws {
    #expect(try status("Bearer " + row.expected) == 401)
  }

  @Test("refused for its form:", arguments: refusedForms)
  func refusesForm(row: Case<String>) throws {
    #expect(try status("Bearer " + row.expected) == 401)
  }

  @Test("only the scheme Bearer counts")
  func schemes() throws {
    let token = Token.user("alice")
    for field in [
      "Basic " + token, token, "Bearer", "Bearer ", "Token " + token, "Bearer=" + token,
      "BearerX " + token, "Basic Bearer " + token, "",
    ] {
      #expect(try status(field) == 401, "\(field)")
    }
  }

  @Test("two Authorization fields are refused, even equal ones")
  func twoFields() throws {
    let client = Client(try Self.node())
    let right = "Bearer " + Token.user("alice")
    for pair in [(right, right), (right, "Bearer x"), ("Bearer x", right), (right, "Basic x")] {
      let table = uniqueTable()
      let response = try client.send(
        "PUT", "/\(table)/key/k", "{}",
        fields: [("Authorization", pair.0), ("authorization", pair.1)])
      #expect([400, 401].contains(response.status))
      #expect(try client.get(table, "k").status == 404)
    }
  }

  @Test("a token in the query or in a cookie is none")
  func elsewhere() throws {
    let client = Client(try Self.node())
    let token = Token.user("alice")
    let target = "/\(uniqueTable())/key/k?access_token=\(token)&token=\(token)"
    let cookie = [("Cookie", "token=\(token)"), ("X-Authorization", "Bearer \(token)")]
    #expect(try client.send("PUT", target, "{}", fields: cookie).status == 401)
  }

  @Test("odd numbers and names in claims end in 201 or 401, never in a 5xx")
  func odd() throws {
    for claims in [
      #"{"sub":"a","exp":1e400}"#, #"{"sub":"a","exp":99999999999999999999}"#,
      #"{"sub":"a","exp":9223372036854775808}"#, #"{"sub":"a","exp":1e18,"nbf":-1e400}"#,
      #"{"sub":"\u0000","exp":9e9}"#, #"{"sub":"\ud800","exp":9e9}"#, #"{"sub":"a\nb","exp":9e9}"#,
      #"{"sub":"\#(String(repeating: "u", count: 129))","exp":9e9}"#,
      #"{"sub":"\#(String(repeating: "u", count: 9000))","exp":9e9}"#,
      #"{"sub":"a","exp":\#(String(repeating: "9", count: 4000))}"#,
    ] {
      #expect(
        [201, 400, 401].contains(try status("Bearer " + Token.make(claims: claims))), "\(claims)")
    }
    #expect(try status("Bearer " + Token.user("alice")) == 201)
  }

  @Test("the key is the UTF-8 of JWT_SECRET, also long and beyond ASCII")
  func keyBytes() throws {
    let secret = String(repeating: "ключ-\u{e9}-🔑 ", count: 10)
    let node = try Node(["JWT_SECRET": secret])
    let right = try status("Bearer " + Token.user("alice", secret: secret), on: node)
    #expect(right == 201)
    let other = String(repeating: "ключ-e\u{301}-🔑 ", count: 10)
    #expect(try status("Bearer " + Token.user("alice", secret: other), on: node) == 401)
    #expect(try status("Bearer " + Token.user("alice"), on: node) == 401)
    try node.stop()
  }

  @Test("a token that was accepted is refused from its exp on", .waiting)
  func expires() throws {
    let expiry = wallMilliseconds() / 1000 + 3
    let token = Token.make(claims: #"{"sub":"alice","exp":\#(expiry)}"#)
    let client = Client(try Self.node(), token: token)
    let table = uniqueTable()
    var refusedAt: Int64 = 0
    #expect(try client.put(table, "k", "{}").status == 201)
    let ended = try eventually(within: 10) {
      let status = try client.put(table, "k", "{}").status
      refusedAt = wallMilliseconds()
      #expect([201, 401].contains(status))
      return status == 401
    }
    #expect(ended)
    #expect(refusedAt >= expiry * 1000 - 50 && refusedAt < expiry * 1000 + 2000)
  }

  @Test("a token is accepted from its nbf on", .waiting)
  func notBefore() throws {
    let start = wallMilliseconds() / 1000 + 3
    let token = Token.make(claims: #"{"sub":"alice","exp":\#(start + 3600),"nbf":\#(start)}"#)
    let client = Client(try Self.node(), token: token)
    let table = uniqueTable()
    #expect(try client.put(table, "k", "{}").status == 401)
    #expect(try eventually(within: 10) { try client.put(table, "k", "{}").status == 201 })
    #expect(wallMilliseconds() >= start * 1000 - 50)
  }

  // MARK: Making wrong ones

  private static func deep(_ levels: Int) -> String {
    String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
  }

  /// The same signature with an unused bit of its last character set.
  private static func nonCanonical(_ token: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let last = alphabet.firstIndex(of: token.last!)!
    return String(token.dropLast()) + String(alphabet[last ^ 1])
  }

  /// A right token whose signature holds `-` or `_`, written with `+` and `/`.
  private static func standardAlphabet() -> String {
    var number = 0
    while true {
      let token = Token.user("alice\(number)")
      let signature = token.split(separator: ".")[2]
      if signature.contains("-") || signature.contains("_") {
        return token.replacingOccurrences(of: "-", with: "+").replacingOccurrences(
          of: "_", with: "/")
      }
      number += 1
    }
  }
}
