public import Bytes

/// Writes request heads into an output buffer. For our own client.
public enum RequestWriter {
  /// A whole head, up to and with the empty line.
  ///
  /// - Parameters:
  ///   - target: path and query, percent-encoded; see `isTarget`.
  ///   - host: what the `Host` field says.
  ///   - fields: whole field lines, each with its CR LF, as they are to be sent. The caller vouches
  ///     for them: they are not looked at.
  ///   - contentLength: nil writes no `Content-Length`: the request has no body.
  public static func appendHead(
    _ method: Method, target: Span<UInt8>, host: Span<UInt8>, fields: Span<UInt8>,
    contentLength: Int?, to buffer: inout ByteBuffer
  ) {
    buffer.append(name(of: method))
    buffer.append(UInt8(ascii: " "))
    buffer.append(target)
    buffer.append(" HTTP/1.1\r\nHost: " as StaticString)
    buffer.append(host)
    if let contentLength {
      buffer.append("\r\nContent-Length: " as StaticString)
      buffer.append(decimal: UInt64(contentLength))
    }
    buffer.append("\r\n" as StaticString)
    buffer.append(fields)
    buffer.append("\r\n" as StaticString)
  }

  /// Whether the bytes can stand as a target: a path from `/` on, of visible ASCII only. Anything
  /// else could end the line early, and what follows would be a field or a request of its own.
  public static func isTarget(_ bytes: Span<UInt8>) -> Bool {
    guard !bytes.isEmpty, bytes[0] == UInt8(ascii: "/") else { return false }
    for index in bytes.indices where bytes[index] <= 0x20 || bytes[index] >= 0x7f { return false }
    return true
  }

  private static func name(of method: Method) -> StaticString {
    switch method {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .other: preconditionFailure("a method without a name cannot be sent")
    }
  }
}
