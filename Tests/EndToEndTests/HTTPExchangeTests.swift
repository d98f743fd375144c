import Foundation
import Testing

/// Contract §7, HTTP: what is well-formed works, however it is sent.
@Suite("HTTP: exchanges", .blocking)
struct HTTPExchangeTests {
  static let node = SharedNode()

  private func client() throws -> Client { Client(try Self.node(), as: "alice") }
  private func connect() throws -> RawConnection { try RawConnection(port: Self.node().port) }

  // MARK: Forms of requests

  static let forms: [Case<Int>] = [
    Case("origin form", "GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case("absolute form", "GET http://localhost:1/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case("absolute form, capital scheme", "GET HTTP://h/heartbeat?x HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    Case("empty line in front", "\r\nGET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case("no space behind the colon", "GET /heartbeat HTTP/1.1\r\nHost:x\r\nA:b\r\n\r\n", 200),
    Case("white space around values", "GET /heartbeat HTTP/1.1\r\nHost: \t x \t\r\n\r\n", 200),
    Case("empty value", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nA:\r\nB: \r\n\r\n", 200),
    Case("names in any case", "GET /heartbeat HTTP/1.1\r\nhOST: x\r\n\r\n", 200),
    Case("odd but right name", "GET /heartbeat HTTP/1.1\r\nHost: x\r\n!#$%&'*+-.^_`|~9: b\r\n\r\n", 200),
    Case("obs-text in a value", ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\nA: \u{e9}\r\n\r\n"), 200),
    Case("Host with port", "GET /heartbeat HTTP/1.1\r\nHost: example.com:80\r\n\r\n", 200),
    Case("Host IPv6", "GET /heartbeat HTTP/1.1\r\nHost: [::1]:6660\r\n\r\n", 200),
    Case("Content-Length zero of GET", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 200),
    Case("length repeated equally", "POST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n[]", 200),
    Case("chunked", "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n", 200),
    Case("Chunked", "POST /default/keys HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 200),
    Case("sizes with zeros and capitals", "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n00A\r\n[        ]\r\n00\r\n\r\n", 200),
    Case("chunk extensions", "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b;c=\"d\"\r\n[]\r\n0;x\r\n\r\n", 200),
    Case("trailers", "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200),
    Case("an upgrade that is not wanted", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n", 200),
    Case("a web socket that is not wanted", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    Case("Content-Length with zeros in front", "POST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 0002\r\n\r\n[]", 200),
    Case("no body where one is due", "POST /default/keys HTTP/1.1\r\nHost: x\r\n\r\n", 400),
  ]

  @Test("well-formed requests work and the connection stays:", arguments: forms)
  func form(row: Case<Int>) throws {
    let link = try connect()
    for round in 1...2 {
      try link.send(row.input)
      let response = try link.readResponse()
      #expect(response.status == row.expected, "round \(round): \(response.body)")
      if row.expected == 400 { return }  // 411 closes, 400 may.
      #expect(!response.announcesClose)
    }
    try link.send("GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect(try link.readResponse().status == 200)
    #expect(try link.readToEnd().isEmpty)
  }

  @Test("a request arrives the same in pieces of 1, 2, 3, 7 and 64 bytes, framed in any way")
  func pieces() throws {
    let client = try client()
    for size in [1, 2, 3, 7, 64] {
      let table = uniqueTable()
      let link = try connect()
      try link.send(client.request("PUT", "/\(table)/key/a", #"{"value":"by length"}"#), inPiecesOf: size)
      #expect(try link.readResponse(to: "PUT").status == 201)
      let chunked = ByteText(
        "PUT /\(table)/key/b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(client.token!)\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n{\"v\r\nc\r\nalue\":\"by ch\r\n"
          + "6\r\nunks\"}\r\n0\r\nTrailer: x\r\n\r\n")
      try link.send(chunked + chunked, inPiecesOf: size)
      #expect(try link.readResponse(to: "PUT").status == 201)
      #expect(try link.readResponse(to: "PUT").record().version == 2)
      #expect(try client.get(table, "a").record().value == #""by length""#)
      #expect(try client.get(table, "b").record().value == #""by chunks""#)
    }
  }

  @Test("two requests cut in two at every offset are answered alike")
  func everyCut() throws {
    let request = ByteText(
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "2\r\n[]\r\n0\r\n\r\nPOST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
    let link = try connect()
    for cut in 1..<request.count {
      try link.send(ByteText(request.bytes[..<cut]))
      try link.send(ByteText(request.bytes[cut...]))
      #expect(try link.readResponse().status == 200, "cut at \(cut)")
      #expect(try link.readResponse().status == 200, "cut at \(cut)")
    }
  }

  @Test("fields of a trailer are never merged into the head")
  func trailerFields() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try connect()
    try link.send(ByteText(
      "PUT /\(table)/key/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        + "Authorization: Bearer \(client.token!)\r\nContent-Length: 40\r\n\r\n"))
    #expect(try link.readResponse(to: "PUT").status == 401)
    #expect(try client.get(table, "k").status == 404)
  }

  // MARK: Order

  @Test("pipelined requests are answered in order, each seeing the ones before it")
  func pipelining() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try connect()
    var requests = ByteText([])
    for index in 0..<50 {
      requests = requests + client.request("PUT", "/\(table)/key/k", "{\"value\":\(index)}")
        + client.request("GET", "/\(table)/key/k")
      if index % 10 == 9 {
        requests = requests + client.request("DELETE", "/\(table)/key/k")
          + client.request("GET", "/\(table)/key/k") + client.request("HEAD", "/\(table)/key/k")
      }
    }
    try link.send(requests)
    for index in 0..<50 {
      let put = try link.readResponse(to: "PUT")
      let get = try link.readResponse()
      #expect(put.status == 201 && get.status == 200 && get.body == put.body)
      #expect(try get.record().value == "\(index)")
      if index % 10 == 9 {
        #expect(try link.readResponse(to: "DELETE").status == 200)
        #expect(try link.readResponse().status == 404)
        #expect(try link.readResponse(to: "HEAD").status == 404)
      }
    }
  }

  @Test("slow and quick requests of a pipeline do not overtake each other")
  func pipelinedLogin() throws {
    let client = try client()
    let link = try connect()
    let user = "pipelined\(Serial.next())"
    try link.send(
      client.request("POST", "/auth/\(user)", #"{"secret":"s"}"#)
        + client.request("GET", "/heartbeat")
        + client.request("POST", "/auth/\(user)", #"{"secret":"s"}"#)
        + client.request("GET", "/default/key/none-such"))
    #expect(try link.readResponse().body.contains("User created"))
    #expect(try link.readResponse().body.contains("\"ok\""))
    #expect(try link.readResponse().body.contains("token"))
    #expect(try link.readResponse().status == 404)
  }

  @Test("10,000 pipelined requests, written before any answer is read, are all answered")
  func deepPipeline() throws {
    let (node, link) = (try Self.node(), try connect())
    let request = ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n")
    let all = ByteText([[UInt8]](repeating: request.bytes, count: 10_000).joined())
    Thread.detachNewThread { [link] in try? link.send(all) }
    for _ in 0..<10_000 {
      let response = try link.readResponse()
      guard response.status == 200 else { throw Trouble("\(response.status)") }
    }
    #expect(try Client(node).send("GET", "/heartbeat").status == 200)
  }

  // MARK: Ends of connections

  @Test("Connection: close is answered with it, and nothing behind is executed")
  func closing() throws {
    let (client, table) = (try client(), uniqueTable())
    for options in ["close", "Close", "keep-alive, close", "x, CLOSE"] {
      let link = try connect()
      try link.send(
        ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: \(options)\r\n\r\n")
          + client.request("PUT", "/\(table)/key/k", "{}"))
      let response = try link.readResponse()
      #expect(response.status == 200 && response.announcesClose)
      #expect(try link.readToEnd().isEmpty)
    }
    #expect(try client.get(table, "k").status == 404)
  }

  @Test("HTTP/1.0 needs no Host and closes, unless it asks to keep the connection")
  func oldVersion() throws {
    let link = try connect()
    try link.send("GET /heartbeat HTTP/1.0\r\n\r\n")
    let response = try link.readResponse()
    #expect(response.status == 200 && response["Transfer-Encoding"] == nil)
    #expect(try link.readToEnd().isEmpty)

    let kept = try connect()
    for _ in 0..<2 {
      try kept.send("GET /heartbeat HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let response = try kept.readResponse()
      #expect(response.status == 200)
      guard !response.announcesClose, response["Connection"] != nil else { return }
      #expect(response.list("Connection").contains { $0.lowercased() == "keep-alive" })
    }
  }

  @Test("a half-closed client still gets all its answers, then the end")
  func halfClosed() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try connect()
    try link.send(
      client.request("POST", "/auth/half\(Serial.next())", #"{"secret":"s"}"#)
        + client.request("PUT", "/\(table)/key/k", #"{"value":1}"#)
        + client.request("GET", "/\(table)/store"))
    link.finishSending()
    #expect(try link.readResponse().status == 200)
    #expect(try link.readResponse(to: "PUT").status == 201)
    #expect(try link.readResponse().body.contains("\"k\""))
    #expect(try link.readToEnd().isEmpty)
  }

  @Test("a truncated message is never applied, however the connection ends")
  func truncated() throws {
    let (client, table) = (try client(), uniqueTable())
    let whole = client.request("PUT", "/\(table)/key/k", #"{"value":1}"#)
    let chunked = ByteText(
      "PUT /\(table)/key/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(client.token!)\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    // Lengths chosen so that what has arrived is already valid JSON.
    let padded = client.request("PUT", "/\(table)/key/k", "{\"value\":1}          ")
    for (message, missing) in [
      (whole, 1), (whole, 5), (padded, 1), (padded, 10), (chunked, 1), (chunked, 2), (chunked, 4),
      (chunked, 5), (chunked, 7), (chunked, 9),
    ] {
      let link = try connect()
      try link.send(ByteText(message.bytes.dropLast(missing)))
      link.finishSending()
      let rest = try link.readToEnd()
      #expect(!rest.contains(" 201 ") && !rest.contains(" 200 "), "\(missing) missing: \(rest)")
      let resetting = try connect()
      try resetting.send(ByteText(message.bytes.dropLast(missing)))
      resetting.reset()
    }
    #expect(try client.get(table, "k").status == 404)
    #expect(try client.send("GET", "/\(table)/keys").status == 404)
  }

  @Test("a client that leaves right after its request harms nobody")
  func leaving() throws {
    let (client, table) = (try client(), uniqueTable())
    for index in 0..<50 {
      let link = try connect()
      try link.send(
        client.request("PUT", "/\(table)/key/k\(index)", "{}")
          + client.request("GET", "/\(table)/store"))
      if index % 2 == 0 { link.reset() } else { link.close() }
    }
    #expect(try client.send("GET", "/heartbeat").status == 200)
  }

  // MARK: Bodies that nobody wants

  @Test("a body is consumed or the connection closed: what looks like a request in it is none")
  func unwantedBodies() throws {
    let (client, anyone) = (try client(), Client(try Self.node()))
    for (method, target) in [
      ("GET", "/heartbeat"), ("GET", "/default/key/none"), ("HEAD", "/heartbeat"),
      ("OPTIONS", "/default/key/k"), ("DELETE", "/default/key/none"), ("PUT", "/default/key/k"),
      ("PATCH", "/default/key/k"), ("POST", "/heartbeat"), ("POST", "/nowhere/at/all"),
      ("PUT", "/_x/key/k"), ("POST", "/auth/"), ("BREW", "/default/key/k"), ("GET", "/store"),
      ("POST", "/admin/login"), ("GET", "/stats"),
    ] {
      let table = uniqueTable()
      let inside = client.request("PUT", "/\(table)/key/inside", "{}")
      let size = String(inside.count, radix: 16)
      for request in [
        anyone.request(method, target, inside),
        ByteText("\(method) \(target) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
          + ByteText("\(size)\r\n") + inside + "\r\n0\r\n\r\n",
      ] {
        let link = try connect()
        try link.send(request + "GET /default/keys HTTP/1.1\r\nHost: x\r\n\r\n")
        let first = try link.readResponse(to: method)
        #expect(first.status < 500 || method == "BREW")
        if first.announcesClose {
          #expect(try link.readToEnd().isEmpty)
        } else {
          let second = try link.readResponse()
          #expect(second.status == 200 && second.body.bytes.first == UInt8(ascii: "["))
        }
        #expect(try client.get(table, "inside").status == 404, "\(method) \(target)")
      }
    }
  }

  @Test("a large body to a route that refuses it does not break the connection unread")
  func unwantedLargeBody() throws {
    let body = ByteText([UInt8](repeating: 0x20, count: 4 << 20))
    for (method, target) in [("PUT", "/default/key/k"), ("POST", "/heartbeat"), ("GET", "/nowhere")] {
      let link = try connect()
      let request = Client(try Self.node()).request(method, target, body)
      try? link.send(request)
      #expect([400, 401, 404, 405].contains(try link.readResponse(to: method).status), "\(method)")
    }
  }

  // MARK: Expect

  @Test("Expect: 100-continue is answered with 100 before the body, once")
  func expect() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try connect()
    for (round, expectation) in ["100-continue", "100-Continue"].enumerated() {
      let request = client.request(
        "PUT", "/\(table)/key/k", "{\"value\":\(round)}", fields: [("Expect", expectation)])
      let body = 11
      try link.send(ByteText(request.bytes.dropLast(body)))
      #expect(try link.readHead()?.status == 100)
      try link.send(ByteText(request.bytes.suffix(body)))
      let head = try link.readHead()
      #expect(head?.status == 201)
      let reader = BodyReader(link, of: try #require(head), to: "PUT")
      while try reader.next() != nil {}
    }
    #expect(try client.get(table, "k").record().value == "1")
  }

  @Test("Expect with the body already sent, without a body, or in HTTP/1.0 is no obstacle")
  func expectAnyway() throws {
    let (client, table) = (try client(), uniqueTable())
    let field = [("Expect", "100-continue")]
    #expect(try client.send("PUT", "/\(table)/key/k", "{}", fields: field).status == 201)
    #expect(try client.send("GET", "/heartbeat", fields: field).status == 200)
    let link = try connect()
    try link.send("POST /default/keys HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n[]")
    #expect(try link.readHead()?.status == 200, "HTTP/1.0 knows no interim response")
  }

  @Test("a refusal need not be preceded by 100, and the body is never taken for a request")
  func expectRefused() throws {
    let client = try client()
    let table = uniqueTable()
    let inside = client.request("PUT", "/\(table)/key/inside", "{}")
    let link = try connect()
    let request = Client(try Self.node()).request(
      "PUT", "/default/key/k", inside, fields: [("Expect", "100-continue")])
    try link.send(ByteText(request.bytes.dropLast(inside.count)))
    var head = try #require(try link.readHead())
    if head.status == 100 {
      try link.send(inside)
      head = try #require(try link.readHead())
      #expect(head.status == 401)
    } else {
      #expect(head.status == 401)
      try? link.send(inside)
    }
    link.finishSending()
    _ = try? link.readToEnd()
    #expect(try client.get(table, "inside").status == 404)
  }

  // MARK: Fields of responses

  @Test("every response carries a Date of the right form and says how long it is")
  func dates() throws {
    let client = try client()
    let pattern = #/(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT/#
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
    Case("/admin/table/t/key/k", "/admin/table/t/key/k", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]),
  ]

  @Test("a wrong method is 405 with Allow, which names the right ones:", arguments: routes)
  func methods(row: Case<[String]>) throws {
    let client = try client()
    var tried = 0
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] where !row.expected.contains(method) {
      let response = try client.send(method, row.input.string, "{}")
      #expect(response.status == 405, "\(method)")
      let allowed = Set(response.list("Allow"))
      #expect(allowed.isSuperset(of: Set(row.expected).subtracting(["HEAD", "OPTIONS"])), "\(allowed)")
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
      "/t", "/t/", "/t/k", "/t/key", "/t/key/a/b", "/t/store/x", "/t/keys/x", "/a/b/c/d/e/f", "/t/Key/k",
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
    let response = try Client(off).send("GET", "/heartbeat", fields: [("Origin", "https://a.example")])
    #expect(response.status == 200 && response["Access-Control-Allow-Origin"] == nil)
    try off.stop()
  }
}
