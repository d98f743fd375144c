import Foundation

/// Talks to one node over one kept-alive connection, as one user.
final class Client: @unchecked Sendable {
  let node: Node
  let token: String?
  private let source: String?
  private var connection: RawConnection?

  /// - Parameter user: whose token is sent with every request; nil sends none.
  init(_ node: Node, as user: String? = nil, source: String? = nil) {
    self.node = node
    token = user.map { Token.user($0) }
    self.source = source
  }

  init(_ node: Node, token: String?) {
    self.node = node
    self.token = token
    source = nil
  }

  /// Sends a request and reads its response. Connects anew when the node closed the connection.
  func send(
    _ method: String, _ target: String, _ body: ByteText? = nil,
    fields: [(String, String)] = []
  ) throws -> Response {
    let link = try connection ?? node.connect(source: source)
    connection = nil
    try link.send(request(method, target, body, fields: fields))
    let response = try link.readResponse(to: method)
    if !response.announcesClose { connection = link }
    return response
  }

  /// The bytes of a request, with this client's token.
  func request(
    _ method: String, _ target: String, _ body: ByteText? = nil,
    fields: [(String, String)] = []
  ) -> ByteText {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
    if let token { head += "Authorization: Bearer \(token)\r\n" }
    for (name, value) in fields { head += "\(name): \(value)\r\n" }
    if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
    return ByteText(head + "\r\n") + (body ?? "")
  }

  // MARK: Records

  func get(_ table: String, _ key: String) throws -> Response {
    try send("GET", "/\(table)/key/\(key)")
  }

  func put(_ table: String, _ key: String, _ body: ByteText) throws -> Response {
    try send("PUT", "/\(table)/key/\(key)", body)
  }

  func patch(_ table: String, _ key: String, _ body: ByteText) throws -> Response {
    try send("PATCH", "/\(table)/key/\(key)", body)
  }

  func delete(_ table: String, _ key: String) throws -> Response {
    try send("DELETE", "/\(table)/key/\(key)")
  }

  /// Stores `{"value": value}` and returns the record; anything but 201 throws.
  @discardableResult
  func store(_ table: String, _ key: String, _ value: ByteText) throws -> Record {
    let response = try put(table, key, "{\"value\":" + value + "}")
    guard response.status == 201 else {
      throw Trouble("PUT \(table)/\(key): \(response.status) \(response.body)")
    }
    return try response.record()
  }

  /// Stores many records over one pipelined connection; all must be accepted.
  func storeAll(_ table: String, _ records: [(key: String, value: ByteText)]) throws {
    let link = try node.connect()
    for start in stride(from: 0, to: records.count, by: 100) {
      let part = records[start..<min(start + 100, records.count)]
      let requests = part.map {
        request("PUT", "/\(table)/key/\($0.key)", "{\"value\":" + $0.value + "}").bytes
      }
      try link.send(ByteText(requests.joined()))
      for record in part {
        let status = try link.readResponse(to: "PUT").status
        guard status == 201 else { throw Trouble("PUT \(record.key): \(status)") }
      }
    }
  }

  // MARK: Users

  func authenticate(_ user: String, _ body: ByteText) throws -> Response {
    try send("POST", "/auth/\(user)", body)
  }

  func login(_ user: String, _ secret: String) throws -> Response {
    try authenticate(user, ByteText("{\"secret\":\(JSONText.quote(secret))}"))
  }

  // MARK: Operations

  func stats() throws -> ByteText { try send("GET", "/stats").body }

  func activeStreams() throws -> Int64 {
    try JSONText.integer("active_sse_connections", of: try stats())
  }
}

/// A table name that no other test uses.
func uniqueTable(_ topic: String = "t") -> String { "\(topic)\(Serial.next())" }

/// Numbers each handed out once.
enum Serial {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var last = 0

  static func next() -> Int {
    lock.withLock {
      last += 1
      return last
    }
  }
}

/// Percent-encodes everything but unreserved characters.
func percentEncoded(_ text: String) -> String {
  text.utf8.map { byte in
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      String(Unicode.Scalar(byte))
    default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
    }
  }.joined()
}
