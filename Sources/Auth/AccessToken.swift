import Bytes
import Crypto
import JSON

/// What a token has to be to be accepted: a JSON Web Token (RFC 7519) in the compact form of
/// RFC 7515, signed with HS256. The text is decided upon, never the token's own wishes: whatever
/// the header says, the signature must be the one that this node's key gives.
enum AccessToken {
  /// What an accepted token says, its times still to be compared with the clock.
  struct Content: Sendable {
    let claims: Claims
    /// In seconds since 1970; far in the past where the token does not say.
    let notBefore: Double

    func isInForce(atMilliseconds now: UInt64) -> Bool {
      let now = Double(now) / 1000
      return now < claims.expires && now >= notBefore
    }
  }

  /// The content of a token with a right signature and well-formed parts; nil for all others, and
  /// where the user's name has more than `subjectBytesMax` bytes of UTF-8.
  static func read(
    _ token: Span<UInt8>, key: inout HMAC.Key, subjectBytesMax: Int
  ) -> Content? {
    guard let headerEnd = firstDot(in: token, from: 0),
      let claimsEnd = firstDot(in: token, from: headerEnd + 1)
    else { return nil }
    let signaturePart = token.extracting(claimsEnd + 1..<token.count)
    // First of all, so that nothing of a forged token is ever parsed. A third dot fails here too.
    guard let signature = Base64URL.decode(signaturePart) else { return nil }
    let expected = key.sha256(token.extracting(0..<claimsEnd))
    guard ConstantTime.equal(signature.span, expected.span) else { return nil }

    guard let header = Base64URL.decode(token.extracting(0..<headerEnd)),
      isAcceptable(header: header.span),
      let claims = Base64URL.decode(token.extracting(headerEnd + 1..<claimsEnd))
    else { return nil }
    return content(claims: claims.span, subjectBytesMax: subjectBytesMax)
  }

  private static func firstDot(in token: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index < token.count {
      if token[index] == UInt8(ascii: ".") { return index }
      index += 1
    }
    return nil
  }

  /// `crit` names extensions that must be understood (RFC 7515 §4.1.11), and `b64` changes what is
  /// signed (RFC 7797): none is, so none is ignored.
  private static func isAcceptable(header: Span<UInt8>) -> Bool {
    guard let object = object(in: header),
      let algorithm = JSONReader.member("alg", of: object, in: header),
      JSONReader.string(algorithm, in: header, equals: "HS256")
    else { return false }
    return JSONReader.member("crit", of: object, in: header) == nil
      && JSONReader.member("b64", of: object, in: header) == nil
  }

  private static func content(claims: Span<UInt8>, subjectBytesMax: Int) -> Content? {
    guard let object = object(in: claims),
      let expiry = JSONReader.member("exp", of: object, in: claims),
      let expires = JSONReader.number(expiry, in: claims),
      let subject = JSONReader.member("sub", of: object, in: claims),
      let user = JSONReader.string(subject, in: claims),
      !user.isEmpty, user.count <= subjectBytesMax
    else { return nil }
    var notBefore = -Double.infinity
    if let beginning = JSONReader.member("nbf", of: object, in: claims) {
      guard let time = JSONReader.number(beginning, in: claims) else { return nil }
      notBefore = time
    }
    let isAdmin = JSONReader.member("admin", of: object, in: claims)?.kind == .true
    return Content(
      claims: Claims(subject: user, expires: expires, isAdmin: isAdmin), notBefore: notBefore)
  }

  private static func object(in document: Span<UInt8>) -> JSONElement? {
    guard let root = try? JSONValidator.check(document), root.kind == .object else { return nil }
    return root
  }
}
