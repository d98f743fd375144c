import Bytes
import Crypto

/// The bytes of a text.
func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The bytes of hexadecimal digits; spaces are for the reader.
func hex(_ digits: String) -> [UInt8] {
  Hex.decode(ascii(digits.filter { !$0.isWhitespace }).span)!
}

/// A nonce from its twelve bytes.
func nonce(_ digits: String) -> Nonce {
  let bytes = hex(digits)
  var reader = ByteReader(bytes.span)
  return Nonce(prefix: reader.readUInt32()!, counter: reader.readUInt64()!)
}
