import Foundation
import Testing

/// Contract §7, HTTP: what is well-formed works, however it is sent.
@Suite("HTTP: exchanges", .blocking)
struct HTTPExchangeTests {
  static let node = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  private func client() throws -> Client { Client(try Self.node(), as: "alice") }
  private func connect() throws -> RawConnection { try RawConnection(port: Self.node().port) }

  // MARK: Forms of requests

  static let forms: [Case<Int>] = [
    Case("origin form", "GET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case("absolute form", "GET http://localhost:1/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case(
      "absolute form, capital scheme", "GET HTTP://h/heartbeat?x HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    Case("empty line in front", "\r\nGET /heartbeat HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    Case("no space behind the colon", "GET /heartbeat HTTP/1.1\r\nHost:x\r\nA:b\r\n\r\n", 200),
    Case("white space around values", "GET /heartbeat HTTP/1.1\r\nHost: \t x \t\r\n\r\n", 200),
    Case("empty value", "GET /heartbeat HTTP/1.1\r\nHost: x\r\nA:\r\nB: \r\n\r\n", 200),
    Case("names in any case", "GET /heartbeat HTTP/1.1\r\nhOST: x\r\n\r\n", 200),
    Case(
      "odd but right name", "GET /heartbeat HTTP/1.1\r\nHost: x\r\n!#$%&'*+-.^_`|~9: b\r\n\r\n", 200
    ),
    Case(
      "obs-text in a value", ByteText("GET /heartbeat HTTP/1.1\r\nHost: x\r\nA: \u{e9}\r\n\r\n"),
      200),
    Case("Host with port", "GET /heartbeat HTTP/1.1\r\nHost: example.com:80\r\n\r\n", 200),
    Case("Host IPv6", "GET /heartbeat HTTP/1.1\r\nHost: [::1]:6660\r\n\r\n", 200),
    Case(
      "Content-Length zero of GET",
      "GET /heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 200),
    Case(
      "length repeated equally",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n[]",
      200),
    Case(
      "chunked",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"
        + "[\r\n1\r\n]\r\n0\r\n\r\n",
      200),
    Case(
      "Chunked",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\n"
        + "[]\r\n0\r\n\r\n",
      200),
    Case(
      "sizes with zeros and capitals",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "00A\r\n[        ]\r\n00\r\n\r\n",
      200),
    Case(
      "chunk extensions",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "2;a=b;c=\"d\"\r\n[]\r\n0;x\r\n\r\n",
      200),
    Case(
      "trailers",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n"
        + "[]\r\n0\r\nA: b\r\nC: d\r\n\r\n",
      200),
    Case(
      "an upgrade that is not wanted",
      "GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        + "Upgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n",
      200),
    Case(
      "a web socket that is not wanted",
      "GET /heartbeat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200
    ),
    Case(
      "Content-Length with zeros in front",
      "POST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 0002\r\n\r\n[]", 200),
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
      try link.send(
        client.request("PUT", "/\(table)/key/a", #"{"value":"by length"}"#), inPiecesOf: size)
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
        + "2\r\n[]\r\n0\r\n\r\nPOST /default/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]"
    )
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
    try link.send(
      ByteText(
        "PUT /\(table)/key/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "2\r\n{}\r\n0\r\n"
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
      requests =
        requests + client.request("PUT", "/\(table)/key/k", "{\"value\":\(index)}")
        + client.request("GET", "/\(table)/key/k")
      if index % 10 == 9 {
        requests =
          requests + client.request("DELETE", "/\(table)/key/k")
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

  @Test("lists that are streamed out keep their place in a pipeline")
  func pipelinedLists() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.storeAll(table, (0..<3000).map { (key: "k\($0)", value: "\($0)") })
    let link = try connect()
    var requests = ByteText([])
    for index in 0..<10 {
      requests =
        requests + client.request("GET", "/\(table)/store")
        + client.request("PUT", "/\(table)/key/k\(index)", "{\"value\":\"new\"}")
        + client.request("GET", "/\(table)/keys") + client.request("GET", "/\(table)/key/k\(index)")
    }
    try link.send(requests)
    for index in 0..<10 {
      let members = try JSONText.members(of: link.readResponse().body)
      #expect(members.count == 3000)
      let changed = try members.filter { try Record($0.raw).value == "\"new\"" }.count
      #expect(changed == index, "a list shows the writes before it, not those behind")
      #expect(try link.readResponse(to: "PUT").status == 201)
      #expect(try JSONText.elements(of: link.readResponse().body).count == 3000)
      #expect(try link.readResponse().record().value == "\"new\"")
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
      if index % 5 == 0 {
        try link.send(client.request("POST", "/auth/leaving\(index)", #"{"secret":"s"}"#))
      }
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
    for (method, target) in [
      ("PUT", "/default/key/k"), ("POST", "/heartbeat"), ("GET", "/nowhere"),
    ] {
      let link = try connect()
      let request = Client(try Self.node()).request(method, target, body)
      try? link.send(request)
      #expect([400, 401, 404, 405].contains(try link.readResponse(to: method).status), "\(method)")
    }
  }

  @Test("a body in a hundred thousand chunks of one byte is a body")
  func tinyChunks() throws {
    let (client, table) = (try client(), uniqueTable())
    let value = ByteText("\"" + String(repeating: "v", count: 100_000) + "\"")
    var request = ByteText(
      "PUT /\(table)/key/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(client.token!)\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n")
    for byte in ("{\"value\":\(value)}" as ByteText).bytes {
      request.bytes += [0x31, 13, 10, byte, 13, 10]
    }
    request.bytes += Array("0\r\n\r\n".utf8)
    let link = try connect()
    let time = try seconds {
      try link.send(request)
      #expect(try link.readResponse(to: "PUT").status == 201)
    }
    #expect(try client.get(table, "k").record().value == value)
    #expect(time < 5, "\(time) s")
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
    try link.send(
      "POST /default/keys HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n[]")
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
}
