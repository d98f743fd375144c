import Bytes
import Crypto

/// Feeds arbitrary bytes to everything that reads tokens and password hashes and traps where a
/// promise is broken.
public func fuzzToken(_ bytes: Span<UInt8>) {
  var key = HMAC.Key(([7] as [UInt8]).span)
  // Nobody finds a signature by chance.
  precondition(
    AccessToken.read(bytes, key: &key, subjectBytesMax: 128) == nil, "a forged token was accepted")
  if let decoded = Base64URL.decode(bytes) {
    precondition(
      encoded(decoded.span) == [UInt8](copying: bytes), "base64url that is not canonical")
  }
  _ = PasswordHash.Parameters([UInt8](copying: bytes))
  verifySigned(bytes)
}

/// Takes the bytes up to the first line feed as header and the rest as claims, signed rightly.
private func verifySigned(_ bytes: Span<UInt8>) {
  var end = 0
  while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
  let secret: [UInt8] = [7]
  var token = ByteBuffer()
  Base64URL.append(bytes.extracting(0..<end), to: &token)
  token.append(UInt8(ascii: "."))
  Base64URL.append(bytes.extracting(min(end + 1, bytes.count)..<bytes.count), to: &token)
  let signature = HMAC.sha256(key: secret.span, message: token.span)
  token.append(UInt8(ascii: "."))
  Base64URL.append(signature.span, to: &token)

  var verifier = TokenVerifier(secret: secret)
  let now: UInt64 = 1_000_000
  let claims = verifier.verify(token.span, nowMilliseconds: now)
  precondition(
    verifier.verify(token.span, nowMilliseconds: now) == claims, "a remembered token says another")
  guard let claims else { return }
  precondition(
    (1...128).contains(claims.subject.count) && claims.expires > 1000,
    "a token was accepted that is not in force")
  let expiry = claims.expires * 1000
  if expiry < 1e15 {
    precondition(
      verifier.verify(token.span, nowMilliseconds: UInt64(expiry) + 1) == nil, "a token without end"
    )
  }
}

private func encoded(_ bytes: Span<UInt8>) -> [UInt8] {
  var text = ByteBuffer()
  Base64URL.append(bytes, to: &text)
  return text.copied()
}
