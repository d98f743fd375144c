public import Bytes

/// Writes the frames of `text/event-stream` (WHATWG HTML §9.2).
public enum EventStream {
  public static var contentType: StaticString { "text/event-stream" }

  /// One event. Data with line breaks becomes several `data` lines, which the reader joins with LF.
  ///
  /// No `id` line for an empty `id`, no `event` line for an empty `type`. An `id` must not have CR,
  /// LF or NUL, which would end its line or be ignored by the reader.
  public static func appendEvent(
    id: Span<UInt8>, type: StaticString = "", data: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    beginEvent(id: id, type: type, to: &buffer)
    appendData(data, to: &buffer)
    endEvent(&buffer)
  }

  /// An event whose data the caller builds in place: `beginEvent`, then `data: `, the bytes without
  /// line breaks and LF (or `appendData`), then `endEvent`.
  public static func beginEvent(
    id: Span<UInt8>, type: StaticString = "", to buffer: inout ByteBuffer
  ) {
    if !id.isEmpty {
      precondition(isOneLine(id), "the id of an event is one line")
      buffer.append(literal: "id: ")
      buffer.append(id)
      buffer.append(0x0a)
    }
    if type.utf8CodeUnitCount > 0 {
      buffer.append(literal: "event: ")
      buffer.append(type)
      buffer.append(0x0a)
    }
  }

  /// The data lines: one for each line of `data`, and one for no data.
  public static func appendData(_ data: Span<UInt8>, to buffer: inout ByteBuffer) {
    var start = 0
    while true {
      var stop = start
      while stop < data.count, data[stop] != 0x0a, data[stop] != 0x0d { stop += 1 }
      buffer.append(literal: "data: ")
      buffer.append(data.extracting(start..<stop))
      buffer.append(0x0a)
      guard stop < data.count else { return }
      let isPair = data[stop] == 0x0d && stop + 1 < data.count && data[stop + 1] == 0x0a
      start = stop + (isPair ? 2 : 1)
    }
  }

  /// The empty line that sends the event off.
  public static func endEvent(_ buffer: inout ByteBuffer) { buffer.append(0x0a) }

  /// A line that readers pass over, and an empty line. `text` has no line break.
  public static func appendComment(_ text: StaticString, to buffer: inout ByteBuffer) {
    buffer.append(literal: ": ")
    buffer.append(text)
    buffer.append(literal: "\n\n")
  }

  /// How long a reader waits before it connects again.
  public static func appendRetry(milliseconds: UInt64, to buffer: inout ByteBuffer) {
    buffer.append(literal: "retry: ")
    buffer.append(decimal: milliseconds)
    buffer.append(literal: "\n\n")
  }

  private static func isOneLine(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices {
      let byte = bytes[index]
      if byte == 0x0a || byte == 0x0d || byte == 0 { return false }
    }
    return true
  }
}
