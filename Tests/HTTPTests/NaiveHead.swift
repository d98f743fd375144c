/// The grammar of RFC 9112 and RFC 3986 once more, as regular expressions over a whole head: slow,
/// short and written without a look at the parser. It knows valid from invalid and nothing else.
struct NaiveHead {
  let isValid: Bool

  private static let token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
  private static let pathByte = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"
  private static let queryByte = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})"
  private static let name = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
  private static let group = "[0-9A-Fa-f]{1,4}"
  private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
  private static let lastGroups = "(?:\(group):\(group)|(?:\(octet)\\.){3}\(octet))"
  /// The nine lines of `IPv6address`, as they stand in RFC 3986 §3.2.2.
  private static let address = [
    "(?:\(group):){6}\(lastGroups)",
    "::(?:\(group):){5}\(lastGroups)",
    "(?:\(group))?::(?:\(group):){4}\(lastGroups)",
    "(?:(?:\(group):){0,1}\(group))?::(?:\(group):){3}\(lastGroups)",
    "(?:(?:\(group):){0,2}\(group))?::(?:\(group):){2}\(lastGroups)",
    "(?:(?:\(group):){0,3}\(group))?::\(group):\(lastGroups)",
    "(?:(?:\(group):){0,4}\(group))?::\(lastGroups)",
    "(?:(?:\(group):){0,5}\(group))?::\(group)",
    "(?:(?:\(group):){0,6}\(group))?::",
  ].map { "(?:\($0))" }.joined(separator: "|")
  private static let literal =
    "\\[(?:\(address)|[vV][0-9A-Fa-f]+\\.[A-Za-z0-9\\-._~!$&'()*+,;=:]+)\\]"
  private static let port =
    "0*(?:[0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
  private static let authority = "(?:\(literal)|\(name))(?::\(port))?"
  private static let pathAndQuery = "/\(pathByte)*(?:\\?\(queryByte)*)?"
  private static let absolute =
    "[Hh][Tt][Tt][Pp][Ss]?://\(authority)(?:/\(pathByte)*)?(?:\\?\(queryByte)*)?"
  private static let field = "(\(token)):([\\x09\\x20-\\x7e\\x80-\\xff]*)\\r\\n"

  // Never changed, only not declared to be safe to share.
  nonisolated(unsafe) private static let requestLine =
    try! Regex(
      "(?:\\r\\n){0,4}(\(token)) (\(pathAndQuery)|\(absolute)|\\*) HTTP/1\\.([0-9])\\r\\n",
      as: (Substring, Substring, Substring, Substring).self
    ).matchingSemantics(.unicodeScalar).asciiOnlyCharacterClasses()
  nonisolated(unsafe) private static let fieldLine = try! Regex(
    field, as: (Substring, Substring, Substring).self
  )
  .matchingSemantics(.unicodeScalar)
  nonisolated(unsafe) private static let host = try! Regex(authority).matchingSemantics(
    .unicodeScalar)

  static func isHost(_ text: String) -> Bool { (try? host.wholeMatch(in: text)) != nil }

  /// Nil where the bytes hold no whole head to be judged.
  init?(_ bytes: [UInt8]) {
    // One scalar a byte, so that expressions can speak of bytes.
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    guard let line = try? Self.requestLine.prefixMatch(in: text) else { return nil }
    let (_, method, target, minor) = line.output
    guard (target == "*") <= (method == "OPTIONS"), method != "CONNECT", method.count <= 24 else {
      isValid = false
      return
    }
    var rest = text[line.range.upperBound...]
    var fields: [(name: String, value: String)] = []
    while let match = try? Self.fieldLine.prefixMatch(in: rest) {
      let value = match.output.2.unicodeScalars.drop { $0 == " " || $0 == "\t" }
      let trimmed = String(
        String.UnicodeScalarView(value.reversed().drop { $0 == " " || $0 == "\t" }.reversed()))
      fields.append((match.output.1.lowercased(), trimmed))
      rest = rest[match.range.upperBound...]
    }
    guard Array(rest.unicodeScalars.prefix(2)) == ["\r", "\n"] else {
      isValid = false
      return
    }
    isValid = Self.agree(fields, isOld: minor == "0")
  }

  private static func agree(_ fields: [(name: String, value: String)], isOld: Bool) -> Bool {
    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
    let hosts = values("host")
    guard hosts.count == 1 || isOld && hosts.isEmpty else { return false }
    guard hosts.allSatisfy(isHost) else { return false }
    let codings = values("transfer-encoding")
    guard codings.isEmpty || codings.count == 1 && codings[0].lowercased() == "chunked" && !isOld
    else { return false }
    let lengths = values("content-length").flatMap {
      $0.split(separator: ",", omittingEmptySubsequences: false)
        .map { String($0.drop { $0 == " " || $0 == "\t" }) }
        .map { String($0.reversed().drop { $0 == " " || $0 == "\t" }.reversed()) }
    }
    guard lengths.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } }) else {
      return false
    }
    guard Set(lengths.map { Int($0) }).count <= 1, lengths.allSatisfy({ Int($0) != nil }) else {
      return false
    }
    guard codings.isEmpty || lengths.isEmpty else { return false }
    return values("expect").allSatisfy { value in
      value.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
        .allSatisfy { $0.isEmpty || $0.lowercased() == "100-continue" }
    }
  }
}

/// Implication: what is left holds only where what is right holds.
private func <= (left: Bool, right: Bool) -> Bool { !left || right }
