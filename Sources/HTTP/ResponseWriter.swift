public import Bytes

/// Writes response heads, and the frames of chunked bodies, into an output buffer.
public enum ResponseWriter {
  /// The field that announces a body made of `beginChunk` … `endChunk` and `appendLastChunk`.
  public static var chunkedField: StaticString { "Transfer-Encoding: chunked\r\n" }

  /// A whole head, up to and with the empty line.
  ///
  /// `contentLength` nil writes none, and so do 1xx and 204, which must not have one (RFC 9110
  /// §8.6). `date` is an IMF-fixdate. `minorVersion` is that of the request: it decides which
  /// `Connection` the wish to keep the connection needs. `extra` holds whole field lines, each with
  /// its CR LF. No allocation where the buffer has room.
  public static func appendHead(
    status: UInt16, contentType: StaticString? = nil, contentLength: Int?, date: Span<UInt8>,
    keepAlive: Bool, minorVersion: UInt8 = 1, extra: StaticString = "",
    to buffer: inout ByteBuffer
  ) {
    beginHead(
      status: status, contentType: contentType, contentLength: contentLength, date: date,
      keepAlive: keepAlive, minorVersion: minorVersion, to: &buffer)
    buffer.append(extra)
    endHead(of: &buffer)
  }

  /// A head without its end: the caller appends field lines, then calls `endHead`.
  public static func beginHead(
    status: UInt16, contentType: StaticString? = nil, contentLength: Int?, date: Span<UInt8>,
    keepAlive: Bool, minorVersion: UInt8 = 1, to buffer: inout ByteBuffer
  ) {
    buffer.reserve(headRoom)
    switch status {
    case 200: buffer.append(literal: "HTTP/1.1 200 OK\r\nDate: ")
    case 201: buffer.append(literal: "HTTP/1.1 201 Created\r\nDate: ")
    default:
      appendStatusLine(status, to: &buffer)
      buffer.append(literal: "Date: ")
    }
    buffer.append(date)
    if let contentType {
      buffer.append(literal: "\r\nContent-Type: ")
      buffer.append(contentType)
    }
    if let contentLength, status >= 200, status != 204 {
      buffer.append(literal: "\r\nContent-Length: ")
      buffer.append(decimal: UInt64(contentLength))
    }
    if !keepAlive {
      buffer.append(literal: "\r\nConnection: close\r\n")
    } else if minorVersion == 0 {
      buffer.append(literal: "\r\nConnection: keep-alive\r\n")
    } else {
      buffer.append(literal: "\r\n")
    }
  }

  /// The empty line behind the fields.
  public static func endHead(of buffer: inout ByteBuffer) { buffer.append(literal: "\r\n") }

  /// The interim response that lets a client send the body it holds back.
  public static func appendContinue(to buffer: inout ByteBuffer) {
    buffer.append(literal: "HTTP/1.1 100 Continue\r\n\r\n")
  }

  /// `HTTP/1.1 404 Not Found` and CR LF.
  public static func appendStatusLine(_ status: UInt16, to buffer: inout ByteBuffer) {
    precondition(status >= 100 && status <= 999, "a status has three digits")
    buffer.append(literal: "HTTP/1.1 ")
    buffer.append(decimal: UInt64(status))
    buffer.append(0x20)
    buffer.append(Status.reasonPhrase(status))
    buffer.append(literal: "\r\n")
  }

  /// Enough for every head without unusual fields, so that memory is made at most once.
  private static let headRoom = 256
}
