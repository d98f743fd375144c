// The four forms of a request target (RFC 9112 §3.2).

extension Request {
  /// Splits the target, which is in `path` as a whole, into host, path and query.
  @inline(__always)
  mutating func resolveTarget(_ bytes: Span<UInt8>) throws(Refusal) {
    if bytes[Int(path.start)] == 0x2f, method != .other || !isConnect(bytes) {
      splitQuery(bytes)
    } else {
      try resolveOtherForm(bytes)
    }
  }

  /// The query begins behind the first question mark.
  @inline(__always)
  private mutating func splitQuery(_ bytes: Span<UInt8>) {
    let end = Int(path.end)
    var index = Int(path.start)
    while index < end, bytes[index] != 0x3f { index += 1 }
    guard index < end else { return }
    query = ByteRange(index + 1, end)
    path.end = UInt32(truncatingIfNeeded: index)
  }

  @inline(never)
  private mutating func resolveOtherForm(_ bytes: Span<UInt8>) throws(Refusal) {
    let start = Int(path.start)
    let end = Int(path.end)
    if end - start == 1, bytes[start] == 0x2a {
      guard method == .options else { throw .invalidTarget }
      isAsterisk = true
      return
    }
    if method == .other, isConnect(bytes) {
      guard HostGrammar.acceptsAuthority(bytes, start, end) else { throw .invalidTarget }
      throw .connectUnsupported
    }
    guard let authority = Self.authorityStart(bytes, start, end) else { throw .invalidTarget }
    var authorityEnd = authority
    while authorityEnd < end, bytes[authorityEnd] != 0x2f, bytes[authorityEnd] != 0x3f {
      authorityEnd += 1
    }
    // No user information (RFC 9110 §4.2.4): the grammar has no '@'.
    guard HostGrammar.accepts(bytes, authority, authorityEnd) else { throw .invalidHost }
    for index in authorityEnd..<end where bytes[index] == 0x5b || bytes[index] == 0x5d {
      throw .invalidTargetByte
    }
    host = ByteRange(authority, authorityEnd)
    hasTargetHost = true
    path = ByteRange(authorityEnd, end)
    if authorityEnd == end || bytes[authorityEnd] == 0x3f {
      // An empty path is '/' (RFC 9110 §4.2.3); the slash before the authority lends itself.
      if authorityEnd < end { query = ByteRange(authorityEnd + 1, end) }
      path = ByteRange(authority - 1, authority)
    } else {
      splitQuery(bytes)
    }
  }

  private func isConnect(_ bytes: Span<UInt8>) -> Bool {
    let start = Int(path.start) - 8
    return start >= 0 && spells(bytes, start, "CONNECT ")
  }

  /// The place behind `http://` or `https://`.
  private static func authorityStart(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    for scheme: StaticString in ["http://", "https://"] {
      let behind = start + scheme.utf8CodeUnitCount
      if behind <= end, matches(bytes, start, behind, scheme) { return behind }
    }
    return nil
  }
}
