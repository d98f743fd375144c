import Bytes
import JSON

// Members of the small documents of this floor, read from their text.

extension Span where Element == UInt8 {
  func unsigned(_ name: StaticString, of object: JSONElement) -> UInt64? {
    guard let member = JSONReader.member(name, of: object, in: self) else { return nil }
    return JSONReader.unsigned(member, in: self)
  }

  func string(_ name: StaticString, of object: JSONElement) -> [UInt8]? {
    guard let member = JSONReader.member(name, of: object, in: self) else { return nil }
    return JSONReader.string(member, in: self)
  }

  /// A string of exactly `count` bytes in hexadecimal digits.
  func bytes(_ name: StaticString, of object: JSONElement, count: Int) -> [UInt8]? {
    guard let text = string(name, of: object), let bytes = Hex.decode(text.span),
      bytes.count == count
    else { return nil }
    return bytes
  }

  /// A string of 16 hexadecimal digits.
  func hexadecimal(_ name: StaticString, of object: JSONElement) -> UInt64? {
    guard let bytes = bytes(name, of: object, count: 8) else { return nil }
    var number: UInt64 = 0
    for byte in bytes { number = number << 8 | UInt64(byte) }
    return number
  }
}
