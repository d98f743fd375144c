import Foundation
import Testing

/// Contract §3 and §7: which fields responses carry, which methods routes take, who may ask.
@Suite("HTTP: routes and fields", .blocking)
struct HTTPRouteTests {
  static let node = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  private func client() throws -> Client { Client(try Self.node(), as: "alice") }
  private func connect() throws -> RawConnection { try RawConnection(port: Self.node().port) }

  // MARK: Fields of responses

  @Test("every response carries a Date of the right form and says how long it is")
  func dates() throws {
    let client = try client()
    let pattern =
      #/(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT/#
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    for (method, target) in [
      ("GET", "/heartbeat"), ("GET", "/default/key/none"), ("PUT", "/default/key/x"),
      ("DELETE", "/heartbeat"), ("OPTIONS", "/stats"), ("HEAD", "/stats"), ("GET", "/default/keys"),
      ("POST", "/auth/x"),
    ] {
      let response = try client.send(method, target)
      let date = response["Date"] ?? ""
      #expect(try pattern.wholeMatch(in: date) != nil, "\(method) \(target): \(date)")
      let age = formatter.date(from: date).map { -$0.timeIntervalSinceNow } ?? 1e9
      #expect(abs(age) < 5, "\(date)")
      if method != "HEAD" && response.status != 204 {
        #expect(response["Content-Length"] != nil || response["Transfer-Encoding"] == "chunked")
      }
    }
  }

  @Test("errors are JSON objects with error; with Accept: application/problem+json of RFC 9457 too")
  func problems() throws {
    let client = try client()
    for (method, target, status) in [
      ("GET", "/default/key/none", 404), ("PUT", "/default/key/k", 400), ("PATCH", "/stats", 405),
      ("GET", "/auth/store", 403), ("GET", "/store", 401), ("GET", "/nowhere/to/go/to", 404),
    ] {
      let plain = try client.send(method, target)
      #expect(plain.status == status)
      #expect(plain["Content-Type"]?.hasPrefix("application/json") == true)
      #expect(plain.error?.isEmpty == false)
      let problem = try client.send(
        method, target, fields: [("Accept", "application/problem+json, */*;q=0.1")])
      #expect(problem.status == status)
      #expect(problem["Content-Type"]?.hasPrefix("application/problem+json") == true)
      #expect(problem.error == plain.error)
      #expect(try JSONText.member("status", of: problem.body) == "\(status)")
      #expect(try JSONText.member("title", of: problem.body) != nil)
    }
  }

  // MARK: Methods and routes

  static let routes: [Case<[String]>] = [
    Case("/t/key/k", "/t/key/k", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    Case("/default/store", "/default/store", ["GET", "HEAD", "OPTIONS"]),
    Case("/default/keys", "/default/keys", ["GET", "HEAD", "POST", "OPTIONS"]),
    Case("/t/subscribe/k", "/t/subscribe/k", ["GET", "HEAD", "OPTIONS"]),
    Case("/stats", "/stats", ["GET", "HEAD", "OPTIONS"]),
    Case("/membership", "/membership", ["GET", "HEAD", "OPTIONS"]),
    Case("/heartbeat", "/heartbeat", ["GET", "HEAD", "OPTIONS"]),
    Case("/store", "/store", ["GET", "HEAD", "OPTIONS"]),
    Case("/auth/alice", "/auth/alice", ["POST", "OPTIONS"]),
    Case("/admin/login", "/admin/login", ["POST", "OPTIONS"]),
    Case("/admin/tables", "/admin/tables", ["GET", "HEAD", "OPTIONS"]),
    Case("/admin/table/t/keys", "/admin/table/t/keys", ["GET", "HEAD", "OPTIONS"]),
    Case(
      "/admin/table/t/key/k", "/admin/table/t/key/k", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]),
  ]

  @Test("a wrong method is 405 with Allow, which names the right ones:", arguments: routes)
  func methods(row: Case<[String]>) throws {
    let client = try client()
    var tried = 0
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] where !row.expected.contains(method) {
      let response = try client.send(method, row.input.string, "{}")
      #expect(response.status == 405, "\(method)")
      let allowed = Set(response.list("Allow"))
      #expect(
        allowed.isSuperset(of: Set(row.expected).subtracting(["HEAD", "OPTIONS"])), "\(allowed)")
      #expect(allowed.isSubset(of: row.expected), "\(allowed)")
      #expect(response.error?.isEmpty == false)
      tried += 1
    }
    #expect(tried > 0)
    for method in ["get", "Get", "BREW", "TRACE"] where row.input != "" {
      let response = try client.send(method, row.input.string)
      #expect([405, 501].contains(response.status), "\(method): \(response.status)")
      if response.status == 405 { #expect(!response.list("Allow").isEmpty) }
    }
    let head = try client.send("HEAD", row.input.string)
    if !row.expected.contains("HEAD") { #expect(head.status == 405) }
  }

  @Test(
    "an unknown route is 404, for reading and writing",
    arguments: [
      "/t", "/t/", "/t/k", "/t/key", "/t/key/a/b", "/t/store/x", "/t/keys/x", "/a/b/c/d/e/f",
      "/t/Key/k",
      "/stats/", "/heartbeat/x", "/t/subscribe", "/%2F", "/t%2Fkey/k", "/t/key%2Fk", "/storex",
    ])
  func unknownRoutes(target: String) throws {
    let client = try client()
    for method in ["GET", "POST", "PUT", "DELETE"] {
      let response = try client.send(method, target, method == "GET" ? nil : "{}")
      #expect(response.status == 404, "\(method)")
      #expect(response.error?.isEmpty == false)
    }
  }

  @Test("HEAD answers as GET does, without a body, on every route")
  func headEverywhere() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "[1]")
    for target in [
      "/\(table)/key/k", "/\(table)/key/none", "/\(table)/store", "/\(table)/keys", "/none/store",
      "/heartbeat", "/stats", "/membership", "/store", "/auth/store", "/nowhere/x", "/admin/tables",
    ] {
      let get = try client.send("GET", target)
      let head = try client.send("HEAD", target)
      #expect(head.status == get.status, "\(target)")
      #expect(head.body.isEmpty)
      for name in ["Content-Type", "Allow", "WWW-Authenticate", "Cache-Control"] {
        #expect(head[name] == get[name], "\(name) of \(target)")
      }
      if let length = head["Content-Length"], target != "/stats" {
        #expect(length == get["Content-Length"], "\(target)")
      }
    }
  }

  @Test("odd targets are answered, never guessed at")
  func oddTargets() throws {
    for (request, statuses) in [
      ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [200, 204]),
      ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", [404, 200]),
      ("GET http:///heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
      ("GET ftp://x/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400, 404]),
      ("CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", [400, 405, 501]),
      ("GET /heartbeat#x HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
      ("GET ?x HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
      ("GET /heartbeat/ HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
      ("GET //heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", [400, 404]),
      ("GET /HEARTBEAT HTTP/1.1\r\nHost: x\r\n\r\n", [404]),
    ] {
      let link = try connect()
      try link.send(ByteText(request))
      let response = try link.readResponse()
      #expect(statuses.contains(response.status), "\(request): \(response.status)")
    }
  }

  // MARK: CORS

  @Test("a preflight is 204 without a token and names methods and headers")
  func preflight() throws {
    let client = Client(try Self.node())
    for (target, wanted) in [
      ("/default/key/k", ["GET", "PUT", "PATCH", "DELETE"]), ("/default/keys", ["GET", "POST"]),
      ("/auth/alice", ["POST"]), ("/default/subscribe/k", ["GET"]), ("/stats", ["GET"]),
    ] {
      let response = try client.send(
        "OPTIONS", target,
        fields: [
          ("Origin", "https://example.com"), ("Access-Control-Request-Method", "PUT"),
          ("Access-Control-Request-Headers", "authorization,content-type"),
        ])
      #expect(response.status == 204 && response.body.isEmpty)
      #expect(response["Access-Control-Allow-Origin"] == "*")
      #expect(response["Access-Control-Allow-Credentials"] == nil)
      let methods = Set(response.list("Access-Control-Allow-Methods"))
      #expect(methods.isSuperset(of: wanted), "\(target): \(methods)")
      let fields = Set(response.list("Access-Control-Allow-Headers").map { $0.lowercased() })
      #expect(fields.isSuperset(of: ["authorization", "content-type"]), "\(fields)")
    }
  }

  @Test("responses are open to any origin and expose their fields, errors too; never credentials")
  func origins() throws {
    let client = Client(try Self.node())
    for target in ["/heartbeat", "/default/key/none", "/default/keys", "/auth/store"] {
      let response = try client.send("GET", target, fields: [("Origin", "https://example.com")])
      #expect(response["Access-Control-Allow-Origin"] == "*", "\(target)")
      #expect(response["Access-Control-Allow-Credentials"] == nil)
      let exposed = Set(response.list("Access-Control-Expose-Headers").map { $0.lowercased() })
      #expect(exposed.isSuperset(of: ["etag", "x-acks", "retry-after", "link"]), "\(target)")
    }
    let refused = try client.send(
      "PUT", "/default/key/k", "{}", fields: [("Origin", "https://example.com")])
    #expect(refused.status == 401 && refused["Access-Control-Allow-Origin"] == "*")
  }

  @Test("DYNA_CORS names the origins, or switches them off")
  func corsSettings() throws {
    let some = try Node(["DYNA_CORS": "https://a.example,https://b.example"])
    let client = Client(some)
    for (origin, allowed) in [
      ("https://a.example", true), ("https://b.example", true), ("https://c.example", false),
      ("https://a.example.evil", false), ("null", false),
    ] {
      let response = try client.send("GET", "/heartbeat", fields: [("Origin", origin)])
      #expect(response["Access-Control-Allow-Origin"] == (allowed ? origin : nil), "\(origin)")
      if allowed { #expect(response.list("Vary").contains { $0.lowercased() == "origin" }) }
      #expect(response["Access-Control-Allow-Credentials"] == nil)
    }
    try some.stop()
    let off = try Node(["DYNA_CORS": "off"])
    let response = try Client(off).send(
      "GET", "/heartbeat", fields: [("Origin", "https://a.example")])
    #expect(response.status == 200 && response["Access-Control-Allow-Origin"] == nil)
    try off.stop()
  }
}
