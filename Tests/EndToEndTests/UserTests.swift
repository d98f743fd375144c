import Foundation
import Testing

/// Contract §3: registration and log-in; §4: what must not be readable.
@Suite("Users", .blocking)
struct UserTests {
  static let node = SharedNode([
    "ADMIN_PASSWORD": "the-admin-password", "CLUSTER_SECRET": "the-secret-of-the-cluster",
  ])

  private func client() throws -> Client { Client(try Self.node()) }

  private func name() -> String { "user\(Serial.next())" }

  @Test("an unknown user is created and gets a token, a known one a token alone")
  func registerAndLogin() throws {
    let (client, user) = (try client(), name())
    let created = try client.login(user, "s3cret")
    #expect(created.status == 200)
    #expect(created["Content-Type"]?.hasPrefix("application/json") == true)
    let members = try JSONText.members(of: created.body)
    #expect(members.map(\.name) == ["status", "token"])
    #expect(members[0].raw == "\"User created\"")

    let login = try client.login(user, "s3cret")
    #expect(login.status == 200)
    #expect(try JSONText.members(of: login.body).map(\.name) == ["token"])
    for response in [created, login] {
      let token = try JSONText.string(try JSONText.member("token", of: response.body)!).string
      let table = uniqueTable()
      let owner = Client(try Self.node(), token: token)
      #expect(try owner.store(table, "k", "1").owner == ByteText(user))
    }
  }

  @Test("the token is HS256 over sub and exp, 24 hours ahead, signed with JWT_SECRET")
  func tokenShape() throws {
    let user = name()
    let response = try client().login(user, "s")
    let token = try JSONText.string(try JSONText.member("token", of: response.body)!).string
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    try #require(parts.count == 3)
    let header = ByteText(try Token.decode(parts[0]))
    let claims = ByteText(try Token.decode(parts[1]))
    #expect(try JSONText.member("alg", of: header) == "\"HS256\"")
    #expect(try JSONText.member("sub", of: claims) == ByteText("\"\(user)\""))
    let ahead = try JSONText.integer("exp", of: claims) - wallMilliseconds() / 1000
    #expect((24 * 3600 - 60...24 * 3600 + 1).contains(ahead))
    #expect(token == Token.sign("\(parts[0]).\(parts[1])", secret: Node.jwtSecret))
    #expect(try JSONText.member("admin", of: claims) != "true")
  }

  @Test("a wrong secret is 401 with exactly its message, and WWW-Authenticate")
  func wrongSecret() throws {
    let (client, user) = (try client(), name())
    _ = try client.login(user, "right")
    for wrong in ["wrong", "Right", "right ", "righ", "right\u{0}", "r"] {
      let response = try client.login(user, wrong)
      #expect(response.status == 401)
      #expect(response.body == #"{"error":"Invalid credentials"}"#)
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }
    #expect(try client.login(user, "right").status == 200)
  }

  @Test("secrets count to the last byte: long ones, NUL inside, other normal forms")
  func exactSecrets() throws {
    let client = try client()
    let long = String(repeating: "x", count: 300)
    for (right, wrong) in [
      ("a\u{0}b", "a\u{0}c"), (long + "a", long + "b"), ("\u{e9}", "e\u{301}"), (" s ", "s"),
    ] {
      let user = name()
      #expect(try client.login(user, right).status == 200)
      #expect(try client.login(user, wrong).status == 401)
      #expect(try client.login(user, right).status == 200)
    }
    let user = name()
    #expect(try client.authenticate(user, #"{"secret":"\u0061\/b"}"#).status == 200)
    #expect(try client.login(user, "a/b").status == 200, "escapes are decoded")
  }

  @Test(
    "malformed credentials are 400, for a known user as for an unknown one, and create nobody",
    arguments: [
      "", "{}", "[]", "1", "\"s\"", "null", #"{"secret":""}"#, #"{"secret":1}"#,
      #"{"secret":null}"#, #"{"secret":["s"]}"#, #"{"Secret":"s"}"#, #"{"secret":"s"#,
      #"{"secret":"s"}x"#, #"{"secret":"s",}"#, #"["secret","s"]"#,
    ])
  func malformed(body: String) throws {
    let (client, known, unknown) = (try client(), name(), name())
    _ = try client.login(known, "s")
    for user in [known, unknown] {
      let response = try client.authenticate(user, ByteText(body))
      #expect(response.status == 400)
      #expect(response.error?.isEmpty == false)
    }
    let created = try client.login(unknown, "s")
    #expect(try JSONText.member("status", of: created.body) == "\"User created\"")
  }

  @Test("register:true creates an unknown user and is 400 for a known one, right secret or not")
  func register() throws {
    let (client, user) = (try client(), name())
    let created = try client.authenticate(user, #"{"secret":"s","register":true}"#)
    #expect(created.status == 200)
    #expect(try JSONText.member("status", of: created.body) == "\"User created\"")
    for secret: ByteText in ["s", "other"] {
      let body = "{\"secret\":\"" + secret + "\",\"register\":true}"
      #expect(try client.authenticate(user, body).status == 400)
    }
    #expect(try client.authenticate(user, #"{"secret":"s","register":false}"#).status == 200)
    #expect(try client.login(user, "other").status == 401, "the secret has not changed")
  }

  @Test("of many registrations of one name at once exactly one creates the user")
  func race() throws {
    let (node, user) = (try Self.node(), name())
    let responses = try inParallel(6) { index in
      try Client(node).login(user, "secret\(index)")
    }
    let winners = responses.indices.filter { responses[$0].status == 200 }
    #expect(winners.count == 1)
    #expect(responses.filter { $0.status == 401 }.count == 5)
    let client = try client()
    for index in winners { #expect(try client.login(user, "secret\(index)").status == 200) }
  }

  @Test("names are percent-decoded once and compared byte by byte")
  func names() throws {
    let client = try client()
    let base = name()
    for (index, spelling) in ["\(base)%C3%A9", "\(base)e%CC%81", "\(base)%2F", base].enumerated() {
      let response = try client.login(spelling, "s\(index)")
      #expect(try JSONText.member("status", of: response.body) == "\"User created\"", "\(spelling)")
    }
    #expect(try client.login("\(base)%c3%a9", "s0").status == 200)
    #expect(try client.login("\(base)%2F", "s0").status == 401)
  }

  // MARK: Throttling

  @Test("after 10 failures in a minute the user is throttled for that address, and nobody else is")
  func throttle() throws {
    let (user, other) = (name(), name())
    let client = try client()
    #expect(try client.login(user, "right").status == 200)
    #expect(try client.login(other, "right").status == 200)
    let token = Token.user(user)
    for attempt in 1...10 {
      #expect(try client.login(user, "wrong").status == 401, "failure \(attempt)")
    }
    for secret in ["wrong", "right", "wrong"] {
      let throttled = try client.login(user, secret)
      #expect(throttled.status == 429)
      let wait = Int(throttled["Retry-After"] ?? "") ?? -1
      #expect((1...60).contains(wait), "Retry-After: \(throttled["Retry-After"] ?? "none")")
      #expect(throttled.error?.isEmpty == false)
    }
    #expect(try client.login(other, "right").status == 200, "another user, same address")
    let elsewhere = Client(try Self.node(), as: nil, source: "127.0.0.2")
    #expect(try elsewhere.login(user, "right").status == 200, "same user, another address")
    let owner = Client(try Self.node(), token: token)
    #expect(try owner.put(uniqueTable(), "k", "{}").status == 201, "a token goes on working")
  }

  @Test("failures for a user that nobody has registered cannot happen: the first secret counts")
  func firstSecretCounts() throws {
    let (client, user) = (try client(), name())
    #expect(try client.login(user, "first").status == 200)
    #expect(try client.login(user, "second").status == 401)
  }

  @Test("log-ins, slow as they must be, do not hold up other requests")
  func hashingAside() throws {
    let (node, user) = (try Self.node(), name())
    let client = try client()
    _ = try client.login(user, "right")
    let link = try RawConnection(port: node.port)
    let login = client.request("POST", "/auth/\(user)", #"{"secret":"right"}"#)
    let alone = try seconds {
      try link.send(login)
      _ = try link.readResponse(to: "POST")
    }
    let links = try (0..<8).map { _ in try RawConnection(port: node.port) }
    for link in links { try link.send(login) }
    let meanwhile = try seconds { for _ in 0..<20 { _ = try client.send("GET", "/heartbeat") } }
    for link in links { #expect(try link.readResponse(to: "POST").status == 200) }
    #expect(meanwhile < max(4 * alone, 0.25), "20 requests took \(meanwhile) s, a log-in \(alone) s")
  }

  // MARK: Secrecy

  @Test("users are counted in /stats under auth and readable through no route")
  func unreadable() throws {
    let (node, client) = (try Self.node(), try client())
    let user = "very-secret-user-\(Serial.next())"
    #expect(try client.login(user, "very-secret-word").status == 200)
    let tables = try JSONText.member("tables", of: client.stats()) ?? "{}"
    #expect(try JSONText.integer("auth", of: tables) >= 1)

    let login = try client.send("POST", "/admin/login", #"{"password":"the-admin-password"}"#)
    let admin = try JSONText.string(try JSONText.member("token", of: login.body) ?? "").string
    let key: [(String, String)] = [("x-api-key", "the-secret-of-the-cluster")]
    for token in [nil, Token.user(user), admin] {
      let client = Client(node, token: token)
      for table in ["auth", "_auth", "_users", "users", "%61uth", "auth%2F", "auth%00"] {
        for target in [
          "/\(table)/key/\(user)", "/\(table)/store", "/\(table)/keys",
          "/admin/table/\(table)/keys", "/admin/table/\(table)/key/\(user)",
          "/admin/table/\(table)/store", "/\(table)/subscribe/\(user)", "/store", "/store/\(table)",
          "/admin/tables", "/auth/\(user)", "/auth", "/admin",
        ] where !(target.hasSuffix("subscribe/\(user)") && table.hasPrefix("u")) {
          let response = try client.send("GET", target, fields: key)
          #expect(response.status < 500)
          #expect(!response.body.contains(ByteText(user)), "\(target) shows \(response.body)")
          #expect(!response.body.contains("scrypt"), "\(target) shows \(response.body)")
        }
        let batch = try client.send("POST", "/\(table)/keys", ByteText("[\"\(user)\"]"))
        #expect(!batch.body.contains("very-secret"))
        for method in ["PUT", "PATCH", "DELETE"] {
          let target = "/admin/table/\(table)/key/\(user)"
          _ = try client.send(method, target, #"{"value":"x"}"#)
        }
      }
    }
    #expect(try client.login(user, "very-secret-word").status == 200, "and writable through none")
    #expect(try client.login(user, "x").status == 401)
  }

  @Test("neither secrets nor values nor keys rest on disk in the clear")
  func atRest() throws {
    let node = try Node()
    let client = Client(node, as: "owner-mark-5319")
    #expect(try client.login("user-mark-7193", "secret-mark-2846").status == 200)
    try client.store("table-mark-6627", "key-mark-9048", "\"value-mark-1375\"")
    let marks: [ByteText] = [
      "secret-mark-2846", "value-mark-1375", "key-mark-9048", "user-mark-7193", "owner-mark-5319",
      "table-mark-6627", ByteText(Node.jwtSecret), try node.directory.read("key"),
    ]
    for moment in ["running", "stopped"] {
      if moment == "stopped" { try node.stop() }
      let files = node.directory.files().filter { $0.hasPrefix("data/") }
      #expect(!files.isEmpty)
      for file in files {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(node.directory.path)/\(file)"))
        for mark in marks {
          #expect(bytes.range(of: Data(mark.bytes)) == nil, "\(mark) in \(file), \(moment)")
        }
      }
    }
  }
}
