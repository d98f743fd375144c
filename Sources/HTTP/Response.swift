/// The head of one response, as places in the buffer that it was parsed from. See `Request`.
public struct Response: Sendable, Equatable {
  public internal(set) var status: UInt16 = 0
  public internal(set) var minorVersion: UInt8 = 1
  public internal(set) var isChunked = false
  /// The connection can be used again, once the body was read. Never true where the body ends with
  /// the connection.
  public internal(set) var keepAlive = false
  /// Bytes of the head, up to and with the empty line.
  public internal(set) var headBytes = 0
  public internal(set) var contentLength: Int?
  public internal(set) var contentType = ByteRange()
  public internal(set) var retryAfter = ByteRange()
  public internal(set) var entityTag = ByteRange()

  var fieldsStart: UInt32 = 0
  var connection = ConnectionOptions()

  public init() {}

  /// A response that announces another one: read on behind it. `101` is not handled.
  public var isInterim: Bool { status < 200 }

  /// Where the body ends, given the method of the request (RFC 9112 §6.3).
  public func framing(toRequest method: Method) -> BodyFraming {
    if method == .head || status < 200 || status == 204 || status == 304 { return .length(0) }
    if isChunked { return .chunked }
    if let contentLength { return .length(contentLength) }
    return .untilClose
  }
}

extension Response {
  mutating func take(
    _ bytes: Span<UInt8>, _ name: ByteRange, _ value: ByteRange
  ) throws(Refusal) {
    switch FieldName(bytes, Int(name.start), Int(name.end)) {
    case .connection: connection.take(bytes, value)
    case .contentLength:
      do throws(Refusal) {
        contentLength = try ContentLength.parse(bytes, value, known: contentLength)
      } catch {
        throw .invalidResponseFraming
      }
    case .transferEncoding:
      guard !isChunked, matches(bytes, Int(value.start), Int(value.end), "chunked") else {
        throw .invalidResponseFraming
      }
      isChunked = true
    case .contentType: contentType = value
    case .retryAfter: retryAfter = value
    case .entityTag: entityTag = value
    default: break
    }
  }

  mutating func finish() throws(Refusal) {
    guard !isChunked || contentLength == nil else { throw .invalidResponseFraming }
    let endsWithConnection = framing(toRequest: .get) == .untilClose
    keepAlive = !endsWithConnection && connection.keepsAlive(minorVersion: minorVersion)
  }
}
