import Bytes
import Crypto
import JSON

/// Makes the tokens that `TokenVerifier` accepts: HS256, claims `sub`, `exp`, `iat` and, only for
/// the admin, `admin`.
public struct TokenSigner: Sendable {
  /// How long a token is meant to be good: 24 hours.
  public static let lifetimeSeconds: UInt64 = 24 * 60 * 60

  private let secret: [UInt8]

  /// `secret` is the key of the signatures, the same on each node; it must not be empty.
  public init(secret: [UInt8]) {
    precondition(!secret.isEmpty, "a signature needs a key")
    self.secret = secret
  }

  /// A token for `subject` (1 to 128 bytes of UTF-8) until `expiresSeconds` since 1970. It says
  /// that it was issued at `issuedSeconds`, or where that is nil one lifetime before its end.
  public func token(
    subject: Span<UInt8>, expiresSeconds: UInt64, isAdmin: Bool = false,
    issuedSeconds: UInt64? = nil
  ) -> [UInt8] {
    var claims = ByteBuffer(capacity: 128)
    claims.append("{\"sub\":")
    JSONWriter.appendString(subject, to: &claims)
    claims.append(",\"exp\":")
    claims.append(decimal: expiresSeconds)
    claims.append(",\"iat\":")
    claims.append(
      decimal: issuedSeconds ?? expiresSeconds - min(expiresSeconds, Self.lifetimeSeconds))
    if isAdmin { claims.append(",\"admin\":true") }
    claims.append(UInt8(ascii: "}"))

    var token = ByteBuffer(capacity: 256)
    token.append("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")  // {"alg":"HS256","typ":"JWT"}
    Base64URL.append(claims.span, to: &token)
    let signature = HMAC.sha256(key: secret.span, message: token.span)
    token.append(UInt8(ascii: "."))
    Base64URL.append(signature.span, to: &token)
    return token.copied()
  }
}
