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
