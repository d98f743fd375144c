import Auth
import Bytes
import Crypto

/// The bytes of a text.
func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The base64url text of bytes.
func base64(_ bytes: [UInt8]) -> String {
  var buffer = ByteBuffer()
  Base64URL.append(bytes.span, to: &buffer)
  return String(decoding: buffer.copied(), as: UTF8.self)
}

/// The key of the tokens that these tests make.
let tokenSecret = ascii("top secret")

/// A moment at which they are in force: 1,700,000,000 seconds after 1970.
let tokenNow: UInt64 = 1_700_000_000_000

/// The header of an ordinary token.
let plainHeader = #"{"alg":"HS256","typ":"JWT"}"#

/// The claims of an ordinary token.
let plainClaims = #"{"sub":"alice","exp":1700000060}"#

/// The text of the HS256 signature of `input`.
func signature(of input: String, secret: [UInt8] = tokenSecret) -> String {
  base64(HMAC.sha256(key: secret.span, message: ascii(input).span))
}

/// A token of any header and claims, rightly signed with HS256 whatever they say.
func signed(_ header: String, _ claims: String, secret: [UInt8] = tokenSecret) -> String {
  let input = base64(ascii(header)) + "." + base64(ascii(claims))
  return input + "." + signature(of: input, secret: secret)
}

/// What a fresh verifier says about a token.
func verify(_ token: String, at now: UInt64 = tokenNow, secret: [UInt8] = tokenSecret) -> Claims? {
  var verifier = TokenVerifier(secret: secret)
  return verifier.verify(ascii(token).span, nowMilliseconds: now)
}
