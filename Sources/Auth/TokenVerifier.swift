import Crypto

/// Decides which tokens are accepted, and remembers those it accepted. Each event loop has its own.
///
/// Accepted is a token in the compact form of RFC 7515 with canonical unpadded base64url parts,
/// signed with HS256 and this node's key, whose header names no other algorithm and neither `crit`
/// nor `b64`, with a number `exp` in the future, no `nbf` in the future, and a non-empty `sub` that
/// is no longer than a user's name may be.
public struct TokenVerifier: ~Copyable, Sendable {
  private var key: HMAC.Key
  private let subjectBytesMax: Int
  private var cache = TokenCache()

  /// - Parameters:
  ///   - secret: the key of the signatures; it must not be empty.
  ///   - subjectBytesMax: how long a user's name may be, in bytes of UTF-8.
  public init(secret: [UInt8], subjectBytesMax: Int = 128) {
    precondition(!secret.isEmpty, "a signature needs a key")
    self.subjectBytesMax = subjectBytesMax
    key = HMAC.Key(secret.span)
  }

  /// What the token says; nil where it is not accepted, for whatever reason. A token that was
  /// accepted before costs a hash and a comparison and allocates nothing.
  public mutating func verify(_ token: Span<UInt8>, nowMilliseconds: UInt64) -> Claims? {
    let place = cache.place(of: token)
    if let content = cache.content(of: token, at: place) {
      return content.isInForce(atMilliseconds: nowMilliseconds) ? content.claims : nil
    }
    guard let content = AccessToken.read(token, key: &key, subjectBytesMax: subjectBytesMax),
      content.isInForce(atMilliseconds: nowMilliseconds)
    else { return nil }
    cache.keep(content, of: token, at: place)
    return content.claims
  }
}
