/// An event as its reader sees it.
public struct ServerSentEvent: Sendable, Equatable {
  /// `message` where the stream names none.
  public var type: [UInt8]
  /// The data lines, joined with LF.
  public var data: [UInt8]
  /// The last `id` seen so far, by this event or an earlier one.
  public var lastEventID: [UInt8]
}

/// Reads `text/event-stream` by the algorithm of WHATWG HTML §9.2.6, in pieces of any size.
///
/// For clients: it makes arrays. Lines end with LF, CR or CR LF, a byte order mark at the very
/// beginning is dropped, an event without data is none, and what the stream breaks off is dropped.
public struct EventStreamParser: Sendable {
  /// The reconnection time that the stream asked for, in milliseconds.
  public private(set) var retryMilliseconds: UInt64?
  /// What to send as `Last-Event-ID` when connecting again.
  public private(set) var lastEventID: [UInt8] = []
  /// A line or an event grew beyond `eventBytesMax`: the stream is not worth reading on.
  public private(set) var isOverLimit = false

  private let eventBytesMax: Int
  private var line: [UInt8] = []
  private var type: [UInt8] = []
  private var data: [UInt8] = []
  private var pendingID: [UInt8] = []
  private var hasData = false
  private var endedWithReturn = false
  /// Bytes of a byte order mark that were seen, 3 when that question is settled.
  private var markBytes = 0

  /// 16 MiB hold the largest event of a node with room to spare.
  public init(eventBytesMax: Int = 16 * 1024 * 1024) { self.eventBytesMax = eventBytesMax }

  /// Reads on and appends the events that are complete.
  public mutating func parse(_ bytes: Span<UInt8>, into events: inout [ServerSentEvent]) {
    for index in bytes.indices where !isOverLimit {
      take(bytes[index], &events)
    }
  }

  private mutating func take(_ byte: UInt8, _ events: inout [ServerSentEvent]) {
    if markBytes < 3 {
      let mark: [3 of UInt8] = [0xef, 0xbb, 0xbf]
      if byte == mark[markBytes] {
        markBytes += 1
        return
      }
      for seen in 0..<markBytes { line.append(mark[seen]) }
      markBytes = 3
    }
    let followsReturn = endedWithReturn
    endedWithReturn = byte == 0x0d
    switch byte {
    case 0x0a where followsReturn: break
    case 0x0a, 0x0d:
      takeLine(&events)
      line.removeAll(keepingCapacity: true)
    default:
      line.append(byte)
      if line.count + data.count > eventBytesMax { isOverLimit = true }
    }
  }

  private mutating func takeLine(_ events: inout [ServerSentEvent]) {
    guard !line.isEmpty else { return dispatch(&events) }
    guard let colon = line.firstIndex(of: 0x3a) else { return takeField(line.count, line.count) }
    guard colon > 0 else { return }
    let hasSpace = colon + 1 < line.count && line[colon + 1] == 0x20
    takeField(colon, colon + (hasSpace ? 2 : 1))
  }

  private mutating func takeField(_ nameEnd: Int, _ valueStart: Int) {
    let line = self.line
    let bytes = line.span
    if matchesExactly(bytes, nameEnd, "data") {
      if hasData { data.append(0x0a) }
      hasData = true
      data.append(contentsOf: line[valueStart...])
    } else if matchesExactly(bytes, nameEnd, "event") {
      type = Array(line[valueStart...])
    } else if matchesExactly(bytes, nameEnd, "id") {
      if !line[valueStart...].contains(0) { pendingID = Array(line[valueStart...]) }
    } else if matchesExactly(bytes, nameEnd, "retry") {
      let digits = ByteRange(valueStart, line.count)
      if let number = QueryReader.number(digits, bytes) { retryMilliseconds = UInt64(number) }
    }
  }

  private func matchesExactly(
    _ bytes: Span<UInt8>, _ nameEnd: Int, _ literal: StaticString
  ) -> Bool {
    nameEnd == literal.utf8CodeUnitCount && spells(bytes, 0, literal)
  }

  private mutating func dispatch(_ events: inout [ServerSentEvent]) {
    lastEventID = pendingID
    if hasData {
      events.append(
        ServerSentEvent(
          type: type.isEmpty ? Array("message".utf8) : type, data: data, lastEventID: lastEventID))
    }
    data.removeAll(keepingCapacity: true)
    type.removeAll(keepingCapacity: true)
    hasData = false
  }
}
