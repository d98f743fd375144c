/// How much of a message is read before it is refused. One value serves a whole server.
public struct HTTPLimits: Sendable {
  /// 16 KiB a connection: ten thousand half-sent requests hold at most 164 MB. Longer: `431`.
  public var headBytesMax = 16 * 1024
  /// The request line with its CRLF. RFC 9112 §3 asks for 8,000 octets at least. Longer: `414`.
  public var requestLineBytesMax = 8 * 1024 + 256
  /// More fields than any client sends that is not an attack. More: `431`.
  public var headerFieldsMax = 100
  /// 8 MiB: a batch of eight of the largest values. Longer: `413`.
  public var bodyBytesMax = 8 * 1024 * 1024

  public init() {}

  /// Empty lines before a request line that are forgiven (RFC 9112 §2.2 asks for one).
  static let emptyLinesMax = 4
}
