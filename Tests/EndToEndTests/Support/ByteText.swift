/// Bytes that are mostly text: compared byte by byte, printed readably.
///
/// `String` takes canonically equivalent texts for equal (é as one scalar or as two), so it cannot
/// tell whether a server kept the bytes it was given; this can.
struct ByteText: Hashable, Sendable {
  var bytes: [UInt8]

  init(_ bytes: some Sequence<UInt8>) { self.bytes = [UInt8](bytes) }
  init(_ text: String) { bytes = [UInt8](text.utf8) }

  /// The bytes as text, invalid UTF-8 replaced: for searching and for messages, never for equality.
  var string: String { String(decoding: bytes, as: UTF8.self) }
  var isEmpty: Bool { bytes.isEmpty }
  var count: Int { bytes.count }

  /// Whether `part` occurs somewhere in these bytes.
  func contains(_ part: ByteText) -> Bool {
    guard let first = part.bytes.first else { return true }
    guard bytes.count >= part.count else { return false }
    for start in 0...(bytes.count - part.count) where bytes[start] == first {
      if bytes[start..<start + part.count].elementsEqual(part.bytes) { return true }
    }
    return false
  }
}

extension ByteText: ExpressibleByStringInterpolation {
  init(stringLiteral text: String) { self.init(text) }
}

extension ByteText: Comparable {
  /// The order of the bytes, a prefix before what it begins.
  static func < (left: ByteText, right: ByteText) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}

extension ByteText: CustomStringConvertible {
  /// At most 400 bytes, with everything but printable ASCII and valid UTF-8 text escaped.
  var description: String {
    let shown = bytes.prefix(400)
    var text = ""
    for scalar in String(decoding: shown, as: UTF8.self).unicodeScalars {
      text += scalar.value < 32 ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return bytes.count > 400 ? "\(text)… (\(bytes.count) bytes)" : text
  }
}

/// Puts the bytes of several texts one behind the other.
func + (left: ByteText, right: ByteText) -> ByteText { ByteText(left.bytes + right.bytes) }
