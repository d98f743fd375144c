import Foundation
import Testing

/// Contract §3: /stats, /membership, /heartbeat, /store; how a node stops and what it logs.
@Suite("Operations", .blocking)
struct OperationsTests {
  // MARK: Figures

  @Test("/stats counts tables, keys, users, requests and streams")
  func stats() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    let fresh = try client.stats()
    let names = Set(try JSONText.members(of: fresh).map(\.name))
    #expect(
      names.isSuperset(of: [
        "tables", "total_keys", "total_requests", "average_latency_ms", "active_sse_connections",
        "cluster",
      ]), "\(fresh)")
    #expect(try tables(fresh)["default"] == 0)
    #expect(try JSONText.integer("total_keys", of: fresh) == 0)
    #expect(try JSONText.integer("active_sse_connections", of: fresh) == 0)
    _ = try JSONText.members(of: try #require(try JSONText.member("cluster", of: fresh)))

    for key in ["a", "b", "c"] { try client.store("default", key, "1") }
    for key in ["a", "b"] { try client.store("birds", key, "1") }
    try client.store("birds", "a", "2")
    #expect(try client.delete("birds", "b").status == 200)
    for user in ["alice", "bob"] { #expect(try client.login(user, "s").status == 200) }
    let after = try client.stats()
    #expect(try tables(after)["default"] == 3)
    #expect(try tables(after)["birds"] == 1)
    #expect(try tables(after)["auth"] == 2, "users are counted under auth")
    #expect(try JSONText.integer("total_keys", of: after) == tables(after).values.reduce(0, +))
    let requests = try JSONText.integer("total_requests", of: after)
    #expect(requests - (try JSONText.integer("total_requests", of: fresh)) == 10)
    let latency = Double(try JSONText.member("average_latency_ms", of: after)?.string ?? "") ?? -1
    #expect((0..<10_000).contains(latency))

    try node.restart()
    let again = Client(node)
    #expect(try tables(again.stats()) == tables(after))
    try node.stop()
  }

  private func tables(_ stats: ByteText) throws -> [String: Int64] {
    guard let raw = try JSONText.member("tables", of: stats) else { throw Trouble("no tables") }
    var counts: [String: Int64] = [:]
    for (name, raw) in try JSONText.members(of: raw) { counts[name.string] = Int64(raw.string) }
    return counts
  }

  @Test("counters are exact under concurrent requests on all loops")
  func concurrentCounters() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    try inParallel(8) { writer in
      let client = Client(node, as: "alice")
      for index in 0..<50 { try client.store("t\(writer % 2)", "\(writer)-\(index)", "1") }
    }
    let stats = try Client(node).stats()
    #expect(try tables(stats)["t0"] == 200)
    #expect(try tables(stats)["t1"] == 200)
    #expect((400...401).contains(try JSONText.integer("total_requests", of: stats)))
    try node.stop()
  }

  @Test("/membership shows one node: itself, Active")
  func membership() throws {
    let node = try Node()
    let body = try Client(node).send("GET", "/membership").body
    #expect(try JSONText.integer("active_count", of: body) == 1)
    #expect(abs(try JSONText.integer("timestamp", of: body) - wallMilliseconds()) < 5000)
    let nodes = try JSONText.members(of: try #require(try JSONText.member("nodes", of: body)))
    try #require(nodes.count == 1)
    #expect(nodes[0].name == "127.0.0.1:\(node.port)")
    #expect(try JSONText.member("status", of: nodes[0].raw) == "\"Active\"")
    #expect(
      abs(try JSONText.integer("last_heartbeat", of: nodes[0].raw) - wallMilliseconds()) < 5000)
    try node.stop()
  }

  @Test("/heartbeat says ok and the time")
  func heartbeat() throws {
    let node = try Node()
    let response = try Client(node).send("GET", "/heartbeat")
    #expect(response.status == 200)
    let time = try JSONText.integer("timestamp", of: response.body)
    #expect(response.body == "{\"status\":\"ok\",\"timestamp\":\(time)}")
    #expect(abs(time - wallMilliseconds()) < 5000)
    try node.stop()
  }

  @Test("/store shows every table to who knows CLUSTER_SECRET, to nobody else")
  func wholeStore() throws {
    let node = try Node(["CLUSTER_SECRET": "the-secret-of-the-cluster"])
    let client = Client(node, as: "alice")
    try client.store("a", "x", "1.0")
    try client.store("b", "y", "2")
    #expect(try client.login("carol", "s").status == 200)
    for key in [nil, "", "the-secret-of-the-cluste", "the-secret-of-the-cluster2", "x"] {
      let response = try client.send("GET", "/store", fields: key.map { [("x-api-key", $0)] } ?? [])
      #expect(response.status == 401)
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }
    let response = try client.send(
      "GET", "/store", fields: [("X-API-Key", "the-secret-of-the-cluster")])
    #expect(response.status == 200)
    let tables = try JSONText.members(of: response.body)
    #expect(Set(tables.map(\.name)).subtracting(["default"]) == ["a", "b"])
    let table = try JSONText.members(of: tables.first { $0.name == "a" }!.raw)
    #expect(table.map(\.name) == ["x"])
    #expect(table[0].raw == (try client.get("a", "x").body))
    try node.stop()
  }

  @Test("without CLUSTER_SECRET /store and internal routes are 401, whatever key is sent")
  func noClusterSecret() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    for key in ["", " ", "null", "undefined", Node.jwtSecret] {
      #expect(try client.send("GET", "/store", fields: [("x-api-key", key)]).status == 401)
      for target in ["/internal/v1/hello", "/internal/x"] {
        let response = try client.send("POST", target, "{}", fields: [("X-Internal-Request", key)])
        #expect([401, 404].contains(response.status), "\(target): \(response.status)")
      }
    }
    try node.stop()
  }

  @Test("with DYNA_READ=owner only the owner reads, and lists give nothing of others away")
  func ownerReads() throws {
    let node = try Node(["DYNA_READ": "owner", "ADMIN_PASSWORD": "the-admin-password"])
    let (alice, bob, anyone) = (Client(node, as: "alice"), Client(node, as: "bob"), Client(node))
    try alice.store("t", "k", "\"alices-own\"")
    #expect(try alice.get("t", "k").status == 200)
    for stranger in [bob, anyone] {
      let response = try stranger.get("t", "k")
      #expect(response.status == 401)
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
      for (method, target, body) in [
        ("GET", "/t/store", nil as ByteText?), ("POST", "/t/keys", #"["k"]"#),
        ("HEAD", "/t/key/k", nil),
      ] {
        let response = try stranger.send(method, target, body)
        #expect(!response.body.contains("alices-own"), "\(method) \(target)")
      }
    }
    let link = try RawConnection(port: node.port)
    try link.send("GET /t/subscribe/k HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
    let head = try link.readHead()
    try alice.store("t", "k", "\"alices-own 2\"")
    if head?.status == 200 {
      #expect(!link.stirsWith("alices-own", withinMilliseconds: 500))
    } else {
      #expect(head?.status == 401)
    }
    #expect(try alice.send("GET", "/t/store").body.contains("alices-own 2"))
    let login = try anyone.send("POST", "/admin/login", #"{"password":"the-admin-password"}"#)
    let token = try JSONText.string(try JSONText.member("token", of: login.body) ?? "").string
    #expect(try Client(node, token: token).get("t", "k").status == 200, "the admin reads too")
    try node.stop()
  }

  // MARK: Stopping

  @Test(
    "SIGTERM and SIGINT end the node with 0 within 2 s, whoever is connected",
    arguments: [SIGTERM, SIGINT])
  func stopping(signal: Int32) throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.store("t", "k", "1")
    let streams = try (0..<20).map { _ in try EventStream(node, "/t/subscribe/k") }
    let idle = try (0..<20).map { _ in try RawConnection(port: node.port) }
    let half = try RawConnection(port: node.port)
    try half.send("PUT /t/key/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    let slow = try RawConnection(port: node.port, receiveBufferBytes: 4096)
    try client.store("t", "large", ByteText("\"" + String(repeating: "v", count: 900_000) + "\""))
    try slow.send("GET /t/store HTTP/1.1\r\nHost: x\r\n\r\n")
    var status: Int32 = -1
    let time = try seconds {
      node.signal(signal)
      status = try node.process.waitForExit()
    }
    #expect(status == 0)
    #expect(time < 2.5 * Node.slowness, "\(time) s")
    for stream in streams { #expect(try stream.next() == nil, "streams end in order") }
    for link in idle { #expect(try link.readToEnd().isEmpty) }
  }

  @Test("requests in flight when the node is told to stop are answered and kept")
  func drains() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    var kept = 0
    for round in 0..<5 {
      let link = try RawConnection(port: node.port)
      let requests = (0..<50).map {
        client.request("PUT", "/t/key/\(round)-\($0)", "{\"value\":\($0)}").bytes
      }
      try link.send(ByteText(requests.joined()))
      guard try link.readResponse(to: "PUT").status == 201 else { throw Trouble("no 201") }
      node.signal(SIGTERM)
      var answered = 1
      while let head = try link.readHead() {
        let body = BodyReader(link, of: head, to: "PUT")
        while try body.next() != nil {}
        guard head.status == 201 else { break }
        answered += 1
      }
      #expect(try node.process.waitForExit() == 0)
      kept += answered
      try node.start()
      let keys = try JSONText.elements(of: Client(node).send("GET", "/t/keys").body).count
      #expect(keys >= kept, "\(keys) keys, \(kept) acknowledged")
      kept = keys
    }
    try node.stop()
  }

  @Test("a node that has been told to stop takes its time for nobody: a second signal does no harm")
  func twice() throws {
    let node = try Node()
    node.signal(SIGTERM)
    node.signal(SIGTERM)
    #expect(try node.process.waitForExit() == 0)
  }

  @Test("SIGPIPE, SIGHUP and SIGUSR1 do not end the node by accident")
  func otherSignals() throws {
    let node = try Node()
    let client = Client(node)
    node.signal(SIGPIPE)
    #expect(try client.send("GET", "/heartbeat").status == 200)
    try node.stop()
  }

  // MARK: Logs

  @Test("no secret, token or value shows in the log, at any level")
  func logs() throws {
    let secrets = [
      "JWT_SECRET": "jwt-mark-4711-0815", "CLUSTER_SECRET": "cluster-mark-4711-0815",
      "ADMIN_PASSWORD": "admin-mark-4711-0815",
    ]
    let node = try Node(secrets.merging(["DYNA_LOG": "debug"]) { $1 })
    let client = Client(node, token: Token.user("alice", secret: "jwt-mark-4711-0815"))
    _ = try client.login("carol", "carol-mark-4711-0815")
    let login = try client.login("carol", "carol-mark-4711-0815")
    _ = try client.login("carol", "wrong-mark-4711-0815")
    _ = try client.send("POST", "/admin/login", #"{"password":"admin-mark-4711-0815"}"#)
    _ = try client.send("POST", "/admin/login", #"{"password":"wrong-mark-4711-0815"}"#)
    _ = try client.send("GET", "/store", fields: [("x-api-key", "cluster-mark-4711-0815")])
    _ = try client.send("GET", "/store", fields: [("x-api-key", "wrong-mark-4711-0815")])
    try client.store("t", "k", "\"value-mark-4711-0815\"")
    _ = try client.put("t", "k", "{\"value\":\"bad-mark-4711-0815")
    let link = try RawConnection(port: node.port)
    try link.send("GET / HTTP/1.1\r\nHost: x\r\nBad-mark-4711-0815 : x\r\n\r\n")
    _ = try link.readToEnd()
    try node.restart()
    let token = try JSONText.string(try JSONText.member("token", of: login.body) ?? "").string
    for line in node.log.split(separator: "\n") {
      #expect(!line.contains("mark-4711-0815"), "\(line)")
      #expect(!line.contains(token) && !line.contains(client.token!), "\(line)")
    }
    try node.stop()
  }

  @Test("a name with a line break cannot forge a line of the log")
  func forgedLines() throws {
    let node = try Node(["DYNA_LOG": "debug"])
    let client = Client(node, as: "alice")
    let name = "x%0Aforged-line%0D%0Aforged-line%1B[31m"
    _ = try client.login(name, "s")
    _ = try client.login(name, "wrong")
    _ = try client.put(name, name, "{}")
    _ = try client.send("GET", "/\(name)/store", fields: [("User-Agent", "forged-line")])
    try node.stop()
    for line in node.process.errorLines { #expect(!line.hasPrefix("forged-line"), "\(line)") }
    #expect(!node.log.contains("\u{1b}[31m"))
  }

  @Test("DYNA_LOG=error keeps a healthy node quiet but for its start")
  func quiet() throws {
    let directory = try TemporaryDirectory()
    let port = try { () throws -> UInt16 in
      let node = try Node()
      defer { _ = try? node.stop() }
      return node.port
    }()
    let environment = try Node.environment(["DYNA_LOG": "error"], directory)
    let process = try Node.process(["127.0.0.1:\(port)"], environment, in: directory)
    let up = eventually { (try? RawConnection(port: port)) != nil }
    #expect(up)
    process.signal(SIGTERM)
    #expect(try process.waitForExit() == 0)
    #expect(process.errorLines.count <= 1, "\(process.errorLines)")
  }
}

extension RawConnection {
  /// Whether `part` arrives within that time.
  func stirsWith(_ part: ByteText, withinMilliseconds milliseconds: Int32) -> Bool {
    let deadline = Deadline.in(seconds: Double(milliseconds) / 1000)
    var seen = ByteText([])
    while let more = try? take(upTo: 65536, deadline) {
      seen = seen + ByteText(more)
      if seen.contains(part) { return true }
    }
    return false
  }
}
