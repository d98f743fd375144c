/// `uri-host [ ":" port ]` of RFC 9110 §7.2 and RFC 3986 §3.2: what may stand in `Host` and in
/// the authority of a target.
///
/// An empty host is refused: the grammar allows it, but the URI that it would make (`http:///x`)
/// is invalid (RFC 9110 §4.2.1).
enum HostGrammar {
  static func accepts(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard start < end else { return false }
    var index = start
    if bytes[start] == 0x5b {
      while index < end, bytes[index] != 0x5d { index += 1 }
      guard index < end, acceptsLiteral(bytes, start + 1, index) else { return false }
      index += 1
    } else {
      guard let nameEnd = registeredNameEnd(bytes, start, end), nameEnd > start else {
        return false
      }
      index = nameEnd
    }
    if index == end { return true }
    return bytes[index] == 0x3a && acceptsPort(bytes, index + 1, end)
  }

  /// As `accepts`, with a port that is there (RFC 9112 §3.2.3).
  static func acceptsAuthority(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    accepts(bytes, start, end) && isDigit(bytes[end - 1])
      && (start..<end).contains { index in bytes[index] == 0x3a }
  }

  /// Behind the registered name (IPv4 addresses are such names, too); nil if an escape is broken.
  private static func registeredNameEnd(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> Int? {
    var index = start
    while true {
      index = scan(bytes, from: index, to: end, while: .registeredName)
      guard index < end, bytes[index] == 0x25 else { return index }
      guard end - index > 2, hexValue(bytes[index + 1]) != nil, hexValue(bytes[index + 2]) != nil
      else { return nil }
      index += 3
    }
  }

  /// Digits up to 65535, or none at all (RFC 3986 §3.2.3).
  private static func acceptsPort(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var port = 0
    for index in start..<end {
      guard isDigit(bytes[index]) else { return false }
      port = port * 10 + Int(bytes[index] - 0x30)
      guard port <= 65_535 else { return false }
    }
    return true
  }

  /// What stands between the brackets: an IPv6 address or the form kept for later versions.
  private static func acceptsLiteral(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    if start < end, lowercased(bytes[start]) == 0x76 {
      return acceptsFutureAddress(bytes, start + 1, end)
    }
    return acceptsIPv6(bytes, start, end)
  }

  /// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`, from behind the `v`.
  private static func acceptsFutureAddress(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> Bool {
    var index = start
    while index < end, hexValue(bytes[index]) != nil { index += 1 }
    guard index > start, index < end, bytes[index] == 0x2e, index + 1 < end else { return false }
    for rest in index + 1..<end {
      guard ByteClass.registeredName.contains(bytes[rest]) || bytes[rest] == 0x3a else {
        return false
      }
    }
    return true
  }

  /// Eight groups of one to four hex digits; `::` once for one or more groups of zeros; the last
  /// two groups may be an IPv4 address (RFC 3986 §3.2.2). Zones are not part of a URI host.
  private static func acceptsIPv6(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var groups = 0
    var hasGap = false
    var index = start
    if end - start >= 2, bytes[start] == 0x3a, bytes[start + 1] == 0x3a {
      hasGap = true
      index += 2
    }
    while index < end {
      let groupStart = index
      while index < end, hexValue(bytes[index]) != nil { index += 1 }
      if index < end, bytes[index] == 0x2e {
        guard acceptsIPv4(bytes, groupStart, end) else { return false }
        groups += 2
        index = end
        break
      }
      guard index > groupStart, index - groupStart <= 4 else { return false }
      groups += 1
      guard index < end else { break }
      guard bytes[index] == 0x3a else { return false }
      index += 1
      guard index < end else { return false }
      if bytes[index] == 0x3a {
        guard !hasGap else { return false }
        hasGap = true
        index += 1
      }
    }
    return hasGap ? groups <= 7 : groups == 8
  }

  /// Four numbers up to 255, without leading zeros.
  private static func acceptsIPv4(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var numbers = 0
    var index = start
    while true {
      let numberStart = index
      var number = 0
      while index < end, isDigit(bytes[index]), index - numberStart < 3 {
        number = number * 10 + Int(bytes[index] - 0x30)
        index += 1
      }
      guard index > numberStart, number <= 255 else { return false }
      guard index - numberStart == 1 || bytes[numberStart] != 0x30 else { return false }
      numbers += 1
      if index == end { return numbers == 4 }
      guard numbers < 4, bytes[index] == 0x2e else { return false }
      index += 1
    }
  }
}
