/// One HTTP response, its fields as received.
struct Response: Sendable {
  var version: String
  var status: Int
  var reason: String
  var fields: [(name: String, value: String)]
  var body = ByteText([])

  /// The value of the one field of that name; nil without one.
  subscript(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  func values(of name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// The comma list of all fields of that name, trimmed.
  func list(_ name: String) -> [String] {
    values(of: name).flatMap { $0.split(separator: ",") }.map {
      String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
  }

  var text: String { body.string }

  /// Whether the server says that it closes the connection behind this response.
  var announcesClose: Bool {
    let options = list("Connection").map { $0.lowercased() }
    return options.contains("close") || (version == "HTTP/1.0" && !options.contains("keep-alive"))
  }

  /// The `error` member of the body.
  var error: String? {
    guard let members = try? JSONText.members(of: body) else { return nil }
    guard let raw = members.last(where: { $0.name == "error" })?.raw else { return nil }
    return try? JSONText.string(raw).string
  }

  func record() throws -> Record { try Record(body) }
}

/// Reads a response head, refusing what a strict client would refuse.
enum ResponseHead {
  /// Parses `bytes`, which end with the empty line.
  static func parse(_ bytes: ArraySlice<UInt8>) throws -> Response {
    var lines = try split(bytes)
    let first = lines.removeFirst()
    let parts = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0",
      parts[1].count == 3, let status = Int(parts[1]), (100...599).contains(status)
    else { throw Trouble("bad status line: \(first)") }
    var response = Response(
      version: String(parts[0]), status: status, reason: String(parts[2]), fields: [])
    for line in lines {
      guard let colon = line.firstIndex(of: ":"), colon > line.startIndex,
        line[..<colon].utf8.allSatisfy(isTokenByte)
      else { throw Trouble("bad field line: \(line)") }
      let value = line[line.index(after: colon)...]
      response.fields.append((String(line[..<colon]), trim(value)))
    }
    for once in ["Content-Length", "Transfer-Encoding", "Date", "Content-Type", "Retry-After"]
    where response.values(of: once).count > 1 {
      throw Trouble("\(once) appears more than once")
    }
    if response["Content-Length"] != nil && response["Transfer-Encoding"] != nil {
      throw Trouble("Content-Length together with Transfer-Encoding")
    }
    return response
  }

  private static func split(_ bytes: ArraySlice<UInt8>) throws -> [String] {
    var lines: [String] = []
    var start = bytes.startIndex
    var at = bytes.startIndex
    while at < bytes.endIndex {
      if bytes[at] == 10 || bytes[at] == 0 { throw Trouble("bare LF or NUL in a head") }
      guard bytes[at] == 13 else {
        at += 1
        continue
      }
      guard at + 1 < bytes.endIndex, bytes[at + 1] == 10 else { throw Trouble("bare CR in a head") }
      if at > start { lines.append(String(decoding: bytes[start..<at], as: UTF8.self)) }
      at += 2
      start = at
    }
    guard !lines.isEmpty else { throw Trouble("empty head") }
    return lines
  }

  private static func trim(_ text: Substring) -> String {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
