// What the header fields of a request say about its framing and its meaning.

extension Request {
  /// Takes one field line in.
  @inline(__always)
  mutating func take(
    _ bytes: Span<UInt8>, _ name: ByteRange, _ value: ByteRange
  ) throws(Refusal) {
    let field = FieldName(bytes, Int(name.start), Int(name.end))
    switch field {
    case .unknown: break
    case .host: try takeHost(bytes, value)
    default: try take(field, bytes, value)
    }
  }

  @inline(never)
  private mutating func take(
    _ field: FieldName, _ bytes: Span<UInt8>, _ value: ByteRange
  ) throws(Refusal) {
    switch field {
    case .connection: connection.take(bytes, value)
    case .contentLength: try takeContentLength(bytes, value)
    case .transferEncoding: try takeTransferEncoding(bytes, value)
    case .expect: try takeExpect(bytes, value)
    case .accept: takeAccept(bytes, value)
    case .authorization:
      if authorizationCount == 0 { authorization = value }
      if authorizationCount < .max { authorizationCount += 1 }
    case .contentType: Self.keepFirst(&contentType, value)
    case .origin: Self.keepFirst(&origin, value)
    case .apiKey: Self.keepFirst(&apiKey, value)
    case .lastEventID: Self.keepFirst(&lastEventID, value)
    case .ifMatch: Self.keepFirst(&ifMatch, value)
    case .ifNoneMatch: Self.keepFirst(&ifNoneMatch, value)
    case .internalRequest: Self.keepFirst(&internalRequest, value)
    case .accessControlRequestMethod: Self.keepFirst(&accessControlRequestMethod, value)
    case .host, .retryAfter, .entityTag, .unknown: break
    }
  }

  /// What can only be told when all fields are known.
  @inline(__always)
  mutating func finish() throws(Refusal) {
    // RFC 9112 §3.2: exactly one Host from HTTP/1.1 on, also beside a target in absolute form.
    guard hasHost || minorVersion == 0 else { throw .missingHost }
    keepAlive = connection.keepsAlive(minorVersion: minorVersion)
    // RFC 9110 §10.1.1: meant for a body that is still to come, and unknown to HTTP/1.0.
    expectContinue = expectContinue && minorVersion == 1 && hasBody
  }

  /// A field that was there keeps a place, also where its value is empty: places in a head are
  /// never 0, so that "was there" is a start other than 0.
  @inline(__always)
  private static func keepFirst(_ place: inout ByteRange, _ value: ByteRange) {
    if place.start == 0 { place = value }
  }

  @inline(__always)
  private mutating func takeHost(_ bytes: Span<UInt8>, _ value: ByteRange) throws(Refusal) {
    guard !hasHost else { throw .repeatedHost }
    guard HostGrammar.accepts(bytes, Int(value.start), Int(value.end)) else { throw .invalidHost }
    hasHost = true
    // RFC 9112 §3.2.2: the host of a target in absolute form stands over that of the field.
    if !hasTargetHost { host = value }
  }

  /// RFC 9110 §8.6: decimal digits; a list of equal numbers counts as one.
  private mutating func takeContentLength(
    _ bytes: Span<UInt8>, _ value: ByteRange
  ) throws(Refusal) {
    guard !isChunked else { throw .lengthAndCoding }
    contentLength = try ContentLength.parse(bytes, value, known: contentLength)
  }

  /// RFC 9112 §6.1, with `chunked` alone as the only coding.
  private mutating func takeTransferEncoding(
    _ bytes: Span<UInt8>, _ value: ByteRange
  ) throws(Refusal) {
    guard minorVersion == 1 else { throw .codingInOldVersion }
    guard contentLength == nil else { throw .lengthAndCoding }
    guard !isChunked else { throw .invalidTransferEncoding }
    try TransferEncoding.requireChunked(bytes, value)
    isChunked = true
  }

  /// RFC 9110 §10.1.1.
  private mutating func takeExpect(_ bytes: Span<UInt8>, _ value: ByteRange) throws(Refusal) {
    var list = ListElements(value)
    while let element = list.next(bytes) {
      guard matches(bytes, Int(element.start), Int(element.end), "100-continue") else {
        throw .unknownExpectation
      }
      expectContinue = true
    }
  }

  /// RFC 9110 §12.5.1.
  private mutating func takeAccept(_ bytes: Span<UInt8>, _ value: ByteRange) {
    var list = ListElements(value)
    while let element = list.next(bytes) {
      if MediaRange.lists(bytes, element, "application/problem+json") {
        acceptsProblemJSON = true
      }
    }
  }
}
