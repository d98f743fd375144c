/// One event of a stream, as the SSE standard decodes it.
struct Event: Hashable, Sendable {
  /// The `id:` field of this very frame; nil without one.
  var id: ByteText?
  /// The `data:` lines, joined by LF.
  var data: ByteText

  /// The record of an `Updated` event.
  func record() throws -> Record {
    let members = try JSONText.members(of: data)
    guard members.map(\.name) == ["event", "value"], members[0].raw == "\"Updated\"" else {
      throw Trouble("not an Updated event: \(data)")
    }
    return try Record(members[1].raw)
  }

  var isDeleted: Bool { data == #"{"event":"Deleted"}"# }
}

/// Subscribes to a key and reads its frames, waiting no longer than told.
final class EventStream: @unchecked Sendable {
  let connection: RawConnection
  let head: Response
  private let body: BodyReader
  private var text: [UInt8] = []
  private var start = 0
  /// Comments and `retry:` fields seen so far, in order.
  private(set) var comments: [ByteText] = []
  private(set) var retry: ByteText?

  init(
    _ node: Node, _ target: String, lastEventID: ByteText? = ByteText?.none, fields: String = "",
    version: String = "HTTP/1.1", receiveBufferBytes: Int32? = nil
  ) throws {
    connection = try node.connect(receiveBufferBytes: receiveBufferBytes)
    var request = "GET \(target) \(version)\r\nHost: localhost\r\n\(fields)"
    if let lastEventID { request += "Last-Event-ID: \(lastEventID.string)\r\n" }
    try connection.send(ByteText(request + "\r\n"))
    guard let head = try connection.readHead() else { throw Trouble("no head of a stream") }
    self.head = head
    body = BodyReader(connection, of: head, to: "GET")
    if head.status != 200 { throw Trouble("subscribe answered \(head.status)") }
  }

  /// The next event. Throws when none comes before the deadline; nil at the end of the stream.
  func next(_ deadline: Deadline = .patient) throws -> Event? {
    var event = Event(id: nil, data: "")
    var dataLines: [ByteText] = []
    while let line = try nextLine(deadline) {
      if line.isEmpty {
        guard !dataLines.isEmpty else { continue }
        event.data = dataLines.dropFirst().reduce(dataLines[0]) { $0 + "\n" + $1 }
        return event
      }
      let parts = line.bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1)
      guard line.bytes.first != UInt8(ascii: ":") else {
        comments.append(line)
        continue
      }
      let name = ByteText(parts.first ?? [])
      var value = ByteText(parts.count > 1 ? parts[1] : [])
      if value.bytes.first == 32 { value.bytes.removeFirst() }
      switch name {
      case "data": dataLines.append(value)
      case "id": event.id = value
      case "retry": retry = value
      default: throw Trouble("unknown field in a stream: \(line)")
      }
    }
    return nil
  }

  /// The next event, which must be there.
  func event(_ deadline: Deadline = .patient) throws -> Event {
    guard let event = try next(deadline) else { throw Trouble("the stream ended") }
    return event
  }

  /// Reads on until a comment line has come that was not there before; events are skipped.
  func waitForComment(_ deadline: Deadline) throws {
    let before = comments.count
    while comments.count == before {
      guard let line = try nextLine(deadline) else { throw Trouble("the stream ended") }
      if line.bytes.first == UInt8(ascii: ":") { comments.append(line) }
      if line.bytes.starts(with: "retry:".utf8) { retry = ByteText(line.bytes.dropFirst(6)) }
    }
  }

  /// A line without its ending (CRLF, LF or CR); nil at the end of the stream.
  private func nextLine(_ deadline: Deadline) throws -> ByteText? {
    var at = start
    while true {
      while at < text.count {
        if text[at] == 10 || (text[at] == 13 && at + 1 < text.count) {
          let line = ByteText(text[start..<at])
          start = at + (text[at] == 13 && text[at + 1] == 10 ? 2 : 1)
          return line
        }
        at += 1
      }
      if start > 0 {
        at -= start
        text.removeFirst(start)
        start = 0
      }
      guard let more = try body.next(deadline) else { return nil }
      text += more
    }
  }
}
