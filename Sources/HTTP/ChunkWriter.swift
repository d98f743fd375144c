public import Bytes

// The frames of a chunked body (RFC 9112 §7.1), built in place in the output buffer.

extension ResponseWriter {
  /// Leaves room for the size line of a chunk. Append the data, then call `endChunk` with the
  /// result. Nothing may be consumed from the buffer in between.
  public static func beginChunk(in buffer: inout ByteBuffer) -> Int {
    let mark = buffer.count
    buffer.append(literal: "00000000\r\n")
    return mark
  }

  /// Writes the size of what was appended since `beginChunk`, with leading zeros, and the CR LF
  /// behind it. A chunk without data is taken back: it would end the body.
  public static func endChunk(_ mark: Int, in buffer: inout ByteBuffer) {
    var size = buffer.count - mark - sizeLineBytes
    precondition(size >= 0 && size <= UInt32.max, "a chunk ends behind its beginning")
    guard size > 0 else {
      buffer.truncate(to: mark)
      return
    }
    var index = mark + 7
    while size > 0 {
      let digit = UInt8(truncatingIfNeeded: size & 15)
      buffer[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
      size >>= 4
      index -= 1
    }
    buffer.append(literal: "\r\n")
  }

  /// One whole chunk; nothing for no data.
  public static func appendChunk(_ data: Span<UInt8>, to buffer: inout ByteBuffer) {
    let mark = beginChunk(in: &buffer)
    buffer.append(data)
    endChunk(mark, in: &buffer)
  }

  /// The chunk that ends the body, without trailer fields.
  public static func appendLastChunk(to buffer: inout ByteBuffer) {
    buffer.append(literal: "0\r\n\r\n")
  }

  /// Eight hex digits and CR LF.
  private static let sizeLineBytes = 10
}
