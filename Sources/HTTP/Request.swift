/// The head of one request, as places in the buffer that it was parsed from.
///
/// It holds nothing but integers: it is made without allocation and is valid as long as the bytes
/// of the head stay where they are. Field values are without the white space around them. A place
/// is empty where the field is missing or empty; of a repeated field the first one counts.
public struct Request: Sendable, Equatable {
  public internal(set) var method = Method.other
  /// 0 or 1. HTTP/1.2 and later read as 1 (RFC 9110 §2.5).
  public internal(set) var minorVersion: UInt8 = 1
  /// The target is the whole server (`OPTIONS *`); `path` is then the asterisk.
  public internal(set) var isAsterisk = false
  /// The body comes in chunks and `contentLength` is nil.
  public internal(set) var isChunked = false
  /// The client wants the connection to stay open, by version and `Connection`.
  public internal(set) var keepAlive = false
  /// The client waits for `100 Continue` before it sends its body.
  public internal(set) var expectContinue = false
  /// `Accept` lists `application/problem+json` with a weight that is not zero.
  public internal(set) var acceptsProblemJSON = false
  /// How many `Authorization` fields there are. More than one must be refused by who reads them.
  public internal(set) var authorizationCount: UInt8 = 0

  /// The path as sent: begins with `/`, every escape is well-formed, nothing is decoded.
  public internal(set) var path = ByteRange()
  /// What follows the `?`, without it; as sent.
  public internal(set) var query = ByteRange()
  /// Bytes from the first of the message up to and with the empty line that ends the head.
  public internal(set) var headBytes = 0
  /// What `Content-Length` says; may exceed `bodyBytesMax`, so that the server can answer `413`.
  public internal(set) var contentLength: Int?

  /// The host that is asked: of the target if that is in absolute form, else of `Host`.
  public internal(set) var host = ByteRange()
  public internal(set) var authorization = ByteRange()
  public internal(set) var origin = ByteRange()
  public internal(set) var apiKey = ByteRange()
  public internal(set) var lastEventID = ByteRange()
  public internal(set) var contentType = ByteRange()
  public internal(set) var ifMatch = ByteRange()
  public internal(set) var ifNoneMatch = ByteRange()
  public internal(set) var internalRequest = ByteRange()
  public internal(set) var accessControlRequestMethod = ByteRange()

  // What must be remembered from one line to the next.
  var fieldsStart: UInt32 = 0
  var connection = ConnectionOptions()
  var hasHost = false
  var hasTargetHost = false

  public init() {}

  /// Whether a body follows the head (RFC 9112 §6.3).
  public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}
