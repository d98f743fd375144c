import Foundation
import Testing

/// What the node does so that a secret is nowhere it need not be, and no name or claim is taken for
/// something else.
@Suite("Hardening", .blocking)
struct HardeningTests {
  // MARK: Secrets in memory and in /proc

  /// Secrets that are unlikely to be anywhere by chance.
  private static let secrets = [
    "JWT_SECRET": "jwt-5e1f0c-only-for-this-test", "CLUSTER_SECRET": "cluster-77ab-only-for-this",
    "ADMIN_PASSWORD": "admin-93d1-only-for-this-test",
  ]

  private func proc(_ node: Node, _ file: String) throws -> ByteText {
    let path = "/proc/\(node.process.identifier)/\(file)"
    guard let handle = FileHandle(forReadingAtPath: path) else { throw Trouble("no \(path)") }
    return ByteText(try handle.readToEnd() ?? Data())
  }

  /// How often a text stands in the memory of a process that may be written to.
  private func count(_ text: String, inMemoryOf node: Node) throws -> Int {
    let memory = open("/proc/\(node.process.identifier)/mem", O_RDONLY)
    guard memory >= 0 else { throw Trouble("may not read memory") }
    defer { close(memory) }
    let wanted = Data(text.utf8)
    var found = 0
    for line in try proc(node, "maps").string.split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      let bounds = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
      guard bounds.count == 2, fields[1].hasPrefix("rw") else { continue }
      var bytes = [UInt8](repeating: 0, count: bounds[1] - bounds[0])
      let count = pread(memory, &bytes, bytes.count, off_t(bounds[0]))
      guard count > 0 else { continue }
      let data = Data(bytes[..<count])
      var start = data.startIndex
      while let range = data.range(of: wanted, in: start..<data.endIndex) {
        found += 1
        start = range.upperBound
      }
    }
    return found
  }

  @Test("secrets from the environment are gone from /proc, and all of them work")
  func environment() throws {
    let node = try Node(Self.secrets)
    let environment = try proc(node, "environ")
    for (name, secret) in Self.secrets {
      #expect(!environment.contains(ByteText(secret)), "\(name)")
      #expect(!node.log.contains(secret), "\(name)")
    }
    try checkThatTheyWork(node)
    try node.stop()
  }

  @Test("secrets from flags are gone from the command line", arguments: [" ", "="])
  func commandLine(separator: String) throws {
    let flags = [
      ("--jwt-secret", "JWT_SECRET"), ("--cluster-secret", "CLUSTER_SECRET"),
      ("--admin-password", "ADMIN_PASSWORD"),
    ]
    let arguments = flags.flatMap { flag, name in
      separator == " "
        ? [flag, Self.secrets[name]!] : ["\(flag)=\(Self.secrets[name]!)"]
    }
    // What the environment says is weaker, and must go all the same.
    let node = try Node(
      ["JWT_SECRET": "the-weaker-secret-of-it"], arguments: arguments + ["--log", "debug"])
    let shown = try proc(node, "cmdline")
    #expect(shown.contains("127.0.0.1:0") && shown.contains("debug"))
    for secret in Self.secrets.values { #expect(!shown.contains(ByteText(secret))) }
    #expect(!(try proc(node, "environ").contains("the-weaker-secret")))
    try checkThatTheyWork(node)
    try node.stop()
  }

  @Test("secrets from a .env file work as well")
  func environmentFile() throws {
    let directory = try TemporaryDirectory()
    try directory.write(
      ".env", Self.secrets.map { "export \($0.key)=\"\($0.value)\"\n" }.joined())
    let node = try Node(["JWT_SECRET": ""], in: directory)
    try checkThatTheyWork(node)
    try node.stop()
  }

  private func checkThatTheyWork(_ node: Node) throws {
    let token = Token.user("alice", secret: Self.secrets["JWT_SECRET"]!)
    #expect(try Client(node, token: token).put("t", "k", #"{"value":1}"#).status == 201)
    let key = [("x-api-key", Self.secrets["CLUSTER_SECRET"]!)]
    #expect(try Client(node).send("GET", "/store", fields: key).status == 200)
    let body = ByteText(#"{"password":"\#(Self.secrets["ADMIN_PASSWORD"]!)"}"#)
    #expect(try Client(node).send("POST", "/admin/login", body).status == 200)
    #expect(try Client(node).send("POST", "/admin/login", #"{"password":"x"}"#).status == 401)
  }

  @Test("a password is nowhere in memory once it was answered", .enabled(if: !Node.isSanitized))
  func passwordsInMemory() throws {
    let node = try Node(["ADMIN_PASSWORD": "the-admin-password-itself"])
    let client = Client(node)
    // Whole, in pieces, chunked, with escapes, refused: each by a word of its own.
    #expect(try client.login("alice", "word-A-6d1f22c7e9").status == 200)
    #expect(try client.login("alice", "word-A-wrong-6d1f22").status == 401)
    #expect(
      try client.authenticate("bob", #"{"secret":"word-B-6d1f22c7\u0065"}"#).status == 200)
    #expect(
      try client.send("POST", "/admin/login", #"{"password":"word-C-6d1f22c7e9"}"#).status == 401)
    let link = try RawConnection(port: node.port)
    let body = #"{"secret":"word-D-6d1f22c7e9"}"#
    try link.send(
      ByteText("POST /auth/carol HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
    )
    poll(nil, 0, 50)
    try link.send(ByteText(body))
    #expect(try link.readResponse(to: "POST").status == 200)
    for word in [
      "word-A-6d1f22c7e9", "word-A-wrong-6d1f22", "word-B-6d1f22c7", "word-C-6d1f22c7e9",
      "word-D-6d1f22c7e9",
    ] {
      #expect(try count(word, inMemoryOf: node) == 0, "\(word)")
    }
    // The search finds what is there.
    try Client(node, as: "alice").store("t", "k", #""a-value-6d1f22c7e9""#)
    #expect(try count("a-value-6d1f22c7e9", inMemoryOf: node) > 0)
    try node.stop()
  }

  @Test(
    "the encryption key is in memory once at most, and in no file", .enabled(if: !Node.isSanitized))
  func keyInMemory() throws {
    let directory = try TemporaryDirectory()
    let key = "0123456789-key-of-this-test-2f9c"
    try directory.write("key", key)
    let node = try Node(in: directory)
    try Client(node, as: "alice").store("t", "k", "1")
    #expect(try count(key, inMemoryOf: node) <= 1)
    try node.stop()
  }

  @Test("memory cannot be read by others of the same user, nor dumped, unless it is asked for")
  func dumps() throws {
    for (setting, isOpen) in [("", false), ("off", false), ("on", true)] {
      let node = try Node(["DYNA_CORE_DUMPS": setting], launcher: Self.withoutRights)
      let probe = try ChildProcess(
        Self.withoutRights[0],
        Self.withoutRights[1...] + [
          "/usr/bin/head", "-c", "1", "/proc/\(node.process.identifier)/environ",
        ], environment: [:], workingDirectory: "/")
      #expect(try (probe.waitForExit() == 0) == isOpen, "\(setting)")
      try node.stop()
    }
    let refused = try TemporaryDirectory()
    let environment = try Node.environment(["DYNA_CORE_DUMPS": "perhaps"], refused)
    let process = try Node.process(["127.0.0.1:0"], environment, in: refused)
    #expect(try process.waitForExit() == 1 && process.errorOutput.contains("DYNA_CORE_DUMPS"))
  }

  /// Starts a command as the same user, without what root may do beyond other users.
  private static let withoutRights = [
    "/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all",
  ]

  // MARK: Files

  private func mode(_ path: String) throws -> Int {
    try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  /// Every file and directory of the node's data, with its mode.
  private func modes(_ node: Node) throws -> [String: Int] {
    var found = [node.data: try mode(node.data)]
    for name in try #require(FileManager.default.enumerator(atPath: node.data)) {
      let path = "\(node.data)/\(name)"
      // Files come and go while the node runs.
      if let mode = try? mode(path) { found[path] = mode }
    }
    return found
  }

  private func checkModes(_ node: Node) throws {
    for (path, mode) in try modes(node) {
      var isDirectory: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      #expect(mode == (isDirectory.boolValue ? 0o700 : 0o600), "\(path): \(String(mode, radix: 8))")
    }
  }

  @Test(
    "files are for their owner alone, whatever the umask", arguments: ["000", "022", "077", "777"])
  func umask(mask: String) throws {
    let node = try Node(launcher: ["/bin/sh", "-c", "umask \(mask); exec \"$@\"", "sh"])
    try Client(node, as: "alice").store("t", "k", "1")
    let environment = try Node.environment([:], node.directory)
    for words in [["snapshot", "now"], ["keys", "rotate"]] {
      let command = try Node.process(words, environment, in: node.directory)
      #expect(try command.waitForExit() == 0, "\(command.errorOutput)")
    }
    try checkModes(node)
    try node.restart()
    try checkModes(node)
    try node.stop()
    try checkModes(node)
  }

  @Test("a data directory that was open to others is closed at the next start, which says so")
  func tightened() throws {
    let node = try Node()
    try Client(node, as: "alice").store("t", "k", "1")
    let environment = try Node.environment([:], node.directory)
    let command = try Node.process(["snapshot", "now"], environment, in: node.directory)
    #expect(try command.waitForExit() == 0)
    try node.stop()
    for (path, mode) in try modes(node) { chmod(path, mode_t(mode == 0o700 ? 0o777 : 0o666)) }
    // Not the group 0, whose directories a container's volume may be.
    for path in [node.data, "\(node.data)/snapshots"] { chown(path, getuid(), 4711) }
    try node.start()
    try checkModes(node)
    #expect(node.log.contains("open to others"))
    try node.stop()
  }

  @Test("a key file that everybody can read is warned of")
  func openKeyFile() throws {
    let node = try Node()
    #expect(!node.log.contains("can read the encryption key"))
    chmod("\(node.directory.path)/key", 0o644)
    try node.restart()
    #expect(node.log.contains("WARN") && node.log.contains("can read the encryption key"))
    try node.stop()
  }

  // MARK: Names

  /// What would end a header line, an event's line or a line of the log.
  private static let hostile = [
    "a\r\nX-Injected: 1", "a\nid: 7\ndata: {}\n\n", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a\u{0}b", "a\u{2028}b\u{85}c", "a\" ,\"admin\":true,\"b\":\"", "\r", "\n",
  ]

  @Test(
    "no key, table or user can put a line into an answer, an event or the log", arguments: hostile)
  func injection(name: String) throws {
    let node = try Node(["DYNA_LOG": "debug"])
    let encoded = percentEncoded(name)
    let user = Client(
      node,
      token: Token.make(
        claims: "{\"sub\":\(JSONText.quote(name)),\"exp\":\(wallMilliseconds() / 1000 + 3600)}"))
    let events = try EventStream(node, "/\(encoded)/subscribe/\(encoded)")
    var answers: [Response] = []
    answers.append(try user.put(encoded, encoded, #"{"value":1}"#))
    #expect(answers[0].status == 201)
    for target in [
      "/\(encoded)/key/\(encoded)", "/\(encoded)/keys", "/\(encoded)/store", "/\(encoded)",
      "/missing/key/\(encoded)", "/\(encoded)/subscribe", "/stats", "/\(encoded)/key/missing",
    ] {
      for method in ["GET", "HEAD", "OPTIONS", "PATCH"] {
        answers.append(try user.send(method, target, method == "PATCH" ? "{}" : nil))
      }
    }
    answers.append(try Client(node).login(encoded, "secret"))
    answers.append(try Client(node).login(encoded, "wrong"))
    answers.append(try user.delete(encoded, encoded))
    let known: Set = [
      "date", "content-type", "content-length", "connection", "allow", "www-authenticate", "vary",
      "access-control-allow-origin", "access-control-expose-headers", "retry-after",
      "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
      "etag", "link", "location", "keep-alive", "cache-control", "server", "x-acks",
    ]
    for answer in answers {
      for field in answer.fields {
        #expect(known.contains(field.name.lowercased()), "\(field.name)")
        #expect(!field.value.contains { $0.asciiValue == 13 || $0.asciiValue == 10 })
      }
    }
    // Two events and no more; the stream refuses every field that it does not know.
    let (updated, deleted) = (try events.event(), try events.event())
    for event in [updated, deleted] {
      #expect(event.id?.string.wholeMatch(of: #/[0-9a-f-]+/#) != nil)
    }
    #expect(try updated.record() == answers[0].record())
    #expect(
      try JSONText.string(ByteText(JSONText.quote(name))).string == updated.record().owner.string)
    #expect(deleted.isDeleted)
    for line in node.log.split(separator: "\n") {
      #expect(line.wholeMatch(of: #/20\d\d-\S+Z (ERROR|WARN|INFO|DEBUG) .*/#) != nil, "\(line)")
    }
    try node.stop()
  }

  @Test("header fields of a request that carry line ends are refused, and never come back")
  func originInjection() throws {
    let node = try Node()
    let answer = try Client(node).send(
      "GET", "/heartbeat", fields: [("Origin", "http://a\rX-Injected: 1")])
    #expect(answer.status == 400)
    #expect(!answer.fields.contains { $0.name.lowercased() == "x-injected" })
    try node.stop()
  }

  // MARK: Tokens

  private func token(of answer: Response) throws -> String {
    try JSONText.string(#require(try JSONText.member("token", of: answer.body))).string
  }

  private func expiry() -> Int64 { wallMilliseconds() / 1000 + 3600 }

  @Test(
    "no claim but admin:true makes an admin",
    arguments: [
      #""sub":"admin""#, #""sub":"_admin""#, #""sub":"a","admin":"true""#, #""sub":"a","admin":1"#,
      #""sub":"a","admin":[true]"#, #""sub":"a","admin":{"admin":true}"#,
      #""sub":"a","admin":null"#,
      #""sub":"a","Admin":true"#, #""sub":"a","admin ":true"#, #""sub":"a","role":"admin""#,
      #""sub":"a","admin":true,"admin":false"#, #""sub":"a\",\"admin\":true,\"x\":\"""#,
      #""sub":"a","is_admin":true"#, #""sub":"a","ADMIN":true"#,
      #""sub":"a","claims":{"admin":true}"#,
    ])
  func adminClaims(claims: String) throws {
    let node = try Self.shared()
    let token = Token.make(claims: "{\(claims),\"exp\":\(expiry())}")
    try checkThatNotAdmin(Client(node, token: token), node)
  }

  private static let shared = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  private func checkThatNotAdmin(_ client: Client, _ node: Node) throws {
    let table = uniqueTable()
    try Client(node, as: "owner").store(table, "k", "1")
    #expect(try client.send("GET", "/admin/tables").status == 401)
    #expect(try client.send("GET", "/admin/table/\(table)/keys").status == 401)
    for (method, body) in [("GET", nil), ("PUT", "{}"), ("DELETE", nil)] as [(String, ByteText?)] {
      #expect(try client.send(method, "/admin/table/\(table)/key/k", body).status == 401)
    }
    #expect(try client.put(table, "k", "{}").status == 401)
    #expect(try client.delete(table, "k").status == 401)
    #expect(try Client(node).get(table, "k").record().value == "1")
  }

  @Test("a token that says admin:true without the right signature is nobody's")
  func forged() throws {
    let node = try Self.shared()
    let claims = #"{"sub":"a","admin":true,"exp":\#(expiry())}"#
    let right = Token.make(claims: claims)
    #expect(try Client(node, token: right).send("GET", "/admin/tables").status == 200)
    let parts = right.split(separator: ".").map(String.init)
    let none = Token.base64URL(Array(#"{"alg":"none"}"#.utf8))
    for token in [
      Token.make(claims: claims, secret: "the secret of another cluster"),
      Token.make(claims: claims, secret: ""), "\(none).\(parts[1]).",
      "\(none).\(parts[1]).\(parts[2])",
      "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])",
      Token.make(claims: claims, secret: "the-admin-password"),
    ] {
      try checkThatNotAdmin(Client(node, token: token), node)
    }
  }

  @Test(
    "a user who is called like a claim gets a user's token",
    arguments: [
      "admin", "a\",\"admin\":true,\"x\":\"", "root", "a\\\",\\\"admin\\\":true",
    ])
  func adminNames(name: String) throws {
    let node = try Self.shared()
    let answer = try Client(node).login(percentEncoded(name), "secret")
    #expect(answer.status == 200)
    let token = try token(of: answer)
    try checkThatNotAdmin(Client(node, token: token), node)
  }

  @Test("the name of the admin's own tokens cannot be registered")
  func reservedName() throws {
    let node = try Self.shared()
    #expect(try Client(node).login("_admin", "secret").status == 403)
    #expect(try Client(node).login("%5Fadmin", "secret").status == 403)
  }

  @Test("a token of one cluster is nobody's in another, from either side")
  func otherCluster() throws {
    let secrets = ["the-secret-of-the-first-cluster", "the-secret-of-the-second-one"]
    let nodes = try secrets.map { try Node(["JWT_SECRET": $0]) }
    for here in 0...1 {
      let answer = try Client(nodes[here]).login("alice", "secret")
      let token = try token(of: answer)
      #expect(try Client(nodes[here], token: token).put("t", "k", "{}").status == 201)
      #expect(try Client(nodes[1 - here], token: token).put("t", "other", "{}").status == 401)
    }
    for node in nodes { try node.stop() }
  }

  @Test("a short secret is warned of, with the reason, and is not shown")
  func shortSecrets() throws {
    let node = try Node(["JWT_SECRET": "fifteen-bytes-5", "CLUSTER_SECRET": "also-15-bytes-x"])
    let warnings = node.log.split(separator: "\n").filter { $0.contains("WARN") }
    for name in ["JWT_SECRET", "CLUSTER_SECRET"] {
      let warning = try #require(warnings.first { $0.contains(name) })
      #expect(warning.contains("16 bytes") && warning.contains("try out secrets"))
    }
    #expect(!node.log.contains("fifteen-bytes-5") && !node.log.contains("also-15-bytes-x"))
    try node.stop()
    let long = try Node(["JWT_SECRET": "sixteen-bytes-16", "CLUSTER_SECRET": "sixteen-bytes-16"])
    #expect(!long.log.contains("WARN"), "\(long.log)")
    try long.stop()
  }

  @Test("no secret, token or value comes into the log, an error or /stats")
  func nothingTold() throws {
    let node = try Node(Self.secrets.merging(["DYNA_LOG": "debug"]) { $1 })
    let client = Client(node, token: Token.user("alice", secret: Self.secrets["JWT_SECRET"]!))
    var told = ByteText("")
    for answer in [
      try client.login("bob", "secret-of-bob-5519"), try client.login("bob", "wrong-5519"),
      try client.authenticate("bob", #"{"secret":"secret-5519""#),
      try client.authenticate("bob", #"{"secret":"secret-5519","register":7}"#),
      try client.send("POST", "/admin/login", #"{"password":"wrong-5519"}"#),
      try client.send("GET", "/store", fields: [("x-api-key", "wrong-5519")]),
      try client.put("t", "k", #"{"value":"value-5519"}"#).status == 201
        ? try client.send("GET", "/stats") : try client.send("GET", "/stats"),
      try client.send("GET", "/membership"), try client.send("GET", "/heartbeat"),
    ] {
      told = told + answer.body
    }
    try node.stop()
    let log = ByteText(node.log)
    for text in ["5519", client.token!] + Self.secrets.values {
      #expect(!log.contains(ByteText(text)), "\(text) in the log")
      #expect(!told.contains(ByteText(text)), "\(text) in an answer")
    }
    let key = try node.directory.read("key")
    #expect(!log.contains(key) && !told.contains(key))
  }
}
