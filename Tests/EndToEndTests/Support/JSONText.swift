import Glibc

/// Takes JSON text apart without changing a byte of it: members and elements come out raw.
///
/// Foundation's parser would turn 1e400 into an error and 1.0 into 1; these tests are about such
/// bytes. Strict (RFC 8259): what does not parse throws.
struct JSONText {
  private let bytes: [UInt8]
  private var at = 0

  private init(_ text: ByteText) { bytes = text.bytes }

  /// The members of an object, in order; names decoded, values raw without white space around.
  static func members(of text: ByteText) throws -> [(name: ByteText, raw: ByteText)] {
    var reader = JSONText(text)
    let members = try reader.object()
    try reader.end()
    return members
  }

  /// The elements of an array, raw.
  static func elements(of text: ByteText) throws -> [ByteText] {
    var reader = JSONText(text)
    let elements = try reader.array()
    try reader.end()
    return elements
  }

  /// The UTF-8 of a string, escapes resolved; a lone surrogate becomes U+FFFD.
  static func string(_ text: ByteText) throws -> ByteText {
    var reader = JSONText(text)
    reader.skipSpace()
    let string = try reader.string()
    try reader.end()
    return string
  }

  /// Throws when the text is not exactly one JSON value.
  static func check(_ text: ByteText) throws {
    var reader = JSONText(text)
    try reader.skipValue()
    try reader.end()
  }

  /// A member's raw value, nil without it; the last one of several.
  static func member(_ name: ByteText, of text: ByteText) throws -> ByteText? {
    try members(of: text).last { $0.name == name }?.raw
  }

  static func integer(_ name: ByteText, of text: ByteText) throws -> Int64 {
    guard let raw = try member(name, of: text), let number = Int64(raw.string) else {
      throw Trouble("no integer \(name) in \(text)")
    }
    return number
  }

  /// The text as a JSON string literal, only the necessary escapes.
  static func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where scalar.value < 32:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  // MARK: Reading

  private func fail(_ what: String) -> Trouble {
    Trouble("JSON: \(what) at \(at) of \(ByteText(bytes))")
  }

  private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 32 || byte == 9 || byte == 10 || byte == 13 { at += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func end() throws {
    skipSpace()
    guard at == bytes.count else { throw fail("more than one value") }
  }

  private mutating func object() throws -> [(name: ByteText, raw: ByteText)] {
    skipSpace()
    guard take("{") else { throw fail("no object") }
    var members: [(name: ByteText, raw: ByteText)] = []
    skipSpace()
    if take("}") { return members }
    repeat {
      skipSpace()
      let name = try string()
      skipSpace()
      guard take(":") else { throw fail("no colon") }
      members.append((name, try rawValue()))
      skipSpace()
    } while take(",")
    guard take("}") else { throw fail("object not closed") }
    return members
  }

  private mutating func array() throws -> [ByteText] {
    skipSpace()
    guard take("[") else { throw fail("no array") }
    var elements: [ByteText] = []
    skipSpace()
    if take("]") { return elements }
    repeat {
      elements.append(try rawValue())
      skipSpace()
    } while take(",")
    guard take("]") else { throw fail("array not closed") }
    return elements
  }

  private mutating func rawValue() throws -> ByteText {
    skipSpace()
    let start = at
    try skipValue()
    return ByteText(bytes[start..<at])
  }

  private mutating func skipValue() throws {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): _ = try object()
    case UInt8(ascii: "["): _ = try array()
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    default: try number()
    }
  }

  private mutating func word(_ word: String) throws {
    guard bytes[at...].starts(with: word.utf8) else { throw fail("no \(word)") }
    at += word.utf8.count
  }

  private mutating func number() throws {
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
  }

  private mutating func digits() throws {
    let start = at
    while let byte = next, (48...57).contains(byte) { at += 1 }
    guard at > start else { throw fail("no digit") }
  }

  private mutating func string() throws -> ByteText {
    guard take("\"") else { throw fail("no string") }
    if let plain = try plainString() { return plain }
    var decoded: [UInt8] = []
    while let byte = next {
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard String(validating: decoded, as: UTF8.self) != nil else { throw fail("not UTF-8") }
        return ByteText(decoded)
      case UInt8(ascii: "\\"): decoded += try escape()
      case 0..<32: throw fail("control character")
      default: decoded.append(byte)
      }
    }
    throw fail("string not closed")
  }

  /// The rest of a string without escapes, by the C library's searches: large values are read a
  /// thousand times over, by a test that is not optimised. Nil where there is an escape.
  private mutating func plainString() throws -> ByteText? {
    let start = at
    let length = bytes.withUnsafeBufferPointer { all -> Int? in
      let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(all)[start...])
      guard let base = rest.baseAddress, let quote = memchr(base, 0x22, rest.count) else {
        return nil
      }
      let length = UnsafeRawPointer(quote) - base
      return memchr(base, 0x5c, length) == nil ? length : nil
    }
    guard let length else { return nil }
    let text = bytes[start..<start + length]
    let isPlain = text.withUnsafeBufferPointer { part in
      guard let base = part.baseAddress else { return true }
      return (0..<32).allSatisfy { memchr(base, $0, length) == nil }
    }
    guard isPlain else { throw fail("control character") }
    guard String(validating: text, as: UTF8.self) != nil else { throw fail("not UTF-8") }
    at = start + length + 1
    return ByteText(text)
  }

  private mutating func escape() throws -> [UInt8] {
    guard let byte = next else { throw fail("escape cut off") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      if (0xd800..<0xdc00).contains(unit), bytes[at...].starts(with: "\\u".utf8) {
        let before = at
        at += 2
        let low = try hexadecimal()
        if (0xdc00..<0xe000).contains(low) {
          let scalar = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
          return Array(String(Unicode.Scalar(scalar)!).utf8)
        }
        at = before
      }
      return Array(String(Unicode.Scalar(unit) ?? "\u{fffd}").utf8)
    default: throw fail("unknown escape")
    }
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard at + 4 <= bytes.count,
      let unit = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
    else { throw fail("bad \\u") }
    at += 4
    return unit
  }
}
