/// The header fields that mean something here; all others are checked and passed over.
enum FieldName: UInt8 {
  case host, connection, contentLength, transferEncoding, expect
  case accept, authorization, contentType, origin, apiKey, lastEventID, ifMatch, ifNoneMatch
  case internalRequest, accessControlRequestMethod
  case retryAfter, entityTag
  case unknown

  /// The name spelt by the token at `start..<end`, in any case (RFC 9110 §5.1).
  @inline(__always)
  init(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    @inline(__always)
    func choose(_ name: FieldName, _ literal: StaticString) -> FieldName {
      matches(bytes, start, end, literal) ? name : .unknown
    }
    switch end - start {
    case 4:
      let first = choose(.host, "host")
      self = first == .unknown ? choose(.entityTag, "etag") : first
    case 6:
      switch lowercased(bytes[start]) {
      case 0x61: self = choose(.accept, "accept")
      case 0x65: self = choose(.expect, "expect")
      default: self = choose(.origin, "origin")
      }
    case 8: self = choose(.ifMatch, "if-match")
    case 9: self = choose(.apiKey, "x-api-key")
    case 10: self = choose(.connection, "connection")
    case 11: self = choose(.retryAfter, "retry-after")
    case 12: self = choose(.contentType, "content-type")
    case 13:
      switch lowercased(bytes[start]) {
      case 0x61: self = choose(.authorization, "authorization")
      case 0x69: self = choose(.ifNoneMatch, "if-none-match")
      default: self = choose(.lastEventID, "last-event-id")
      }
    case 14: self = choose(.contentLength, "content-length")
    case 17: self = choose(.transferEncoding, "transfer-encoding")
    case 18: self = choose(.internalRequest, "x-internal-request")
    case 29: self = choose(.accessControlRequestMethod, "access-control-request-method")
    default: self = .unknown
    }
  }
}
