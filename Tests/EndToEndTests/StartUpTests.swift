import Foundation
import Testing

/// Contract §2 and §7: what a node needs to start, and how it says what is missing.
@Suite("Start-up", .blocking)
struct StartUpTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Runs the binary to its end; returns its exit code and the lines of its standard error.
  private func run(
    _ arguments: [String], _ changes: [String: String] = [:]
  ) throws -> (Int32, [String]) {
    let process = try Node.process(
      arguments, try Node.environment(changes, directory), in: directory)
    defer { process.signal(SIGKILL) }
    return (try process.waitForExit(), process.errorLines)
  }

  /// Expects a refusal: a code that is not 0, and one line that holds `word`.
  private func refused(
    _ arguments: [String], _ changes: [String: String] = [:], naming word: String,
    code: Int32? = nil
  ) throws {
    let (status, lines) = try run(arguments, changes)
    #expect(status != 0 && status < 128, "exit code \(status)")
    if let code { #expect(status == code) }
    #expect(lines.count == 1, "one clear line: \(lines)")
    #expect(lines.first?.contains(word) == true, "\(lines) names \(word)")
    #expect(lines.first?.contains("Fatal error") != true)
  }

  private func start(
    _ arguments: [String], _ environment: [String: String]
  ) throws -> (ChildProcess, UInt16) {
    try Node.launch([], arguments, environment, directory)
  }

  private func stop(_ process: ChildProcess) throws {
    process.signal(SIGTERM)
    #expect(try process.waitForExit() == 0)
  }

  private func status(_ port: UInt16, token: String? = nil) throws -> Int {
    let link = try RawConnection(port: port)
    let field = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
    try link.send(ByteText("PUT /t/key/k HTTP/1.1\r\nHost: x\r\n\(field)Content-Length: 2\r\n\r\n{}"))
    return try link.readResponse(to: "PUT").status
  }

  // MARK: Secrets

  @Test("without JWT_SECRET the node does not start: exit 1, one line that names the variable")
  func noSecret() throws {
    var environment = try Node.environment([:], directory)
    environment["JWT_SECRET"] = nil
    for secret in [nil, ""] {
      environment["JWT_SECRET"] = secret
      let process = try Node.process(["127.0.0.1:0"], environment, in: directory)
      defer { process.signal(SIGKILL) }
      #expect(try process.waitForExit() == 1)
      #expect(process.errorLines.count == 1)
      #expect(process.errorOutput.contains("JWT_SECRET"))
    }
    #expect(directory.files().filter { $0.hasPrefix("data") }.isEmpty, "nothing was begun")
  }

  @Test("a JOIN_ADDRESS without CLUSTER_SECRET is refused")
  func joinWithoutSecret() throws {
    try refused(["127.0.0.1:0", "127.0.0.1:1"], naming: "CLUSTER_SECRET")
    try refused(["127.0.0.1:0", "http://a:1,https://b:2"], naming: "CLUSTER_SECRET")
  }

  // MARK: Arguments

  @Test(
    "a bad LISTEN_ADDRESS is refused with one line",
    arguments: [
      "nonsense", "127.0.0.1", ":", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
      "127.0.0.1:1:2", "[::1", "::1:6660", "127.0.0.1:6660x", "300.0.0.1:0", "http://127.0.0.1:0", "",
    ])
  func badAddress(address: String) throws { try refused([address], naming: address) }

  @Test("an address that is not this machine's is refused with one line")
  func foreignAddress() throws { try refused(["192.0.2.1:0"], naming: "192.0.2.1") }

  @Test("a command line that makes no sense is refused")
  func badCommandLines() throws {
    try refused(["127.0.0.1:0", "--no-such-flag", "x"], naming: "--no-such-flag")
    try refused(["127.0.0.1:0", "--data-dir"], naming: "--data-dir")
    try refused(
      ["127.0.0.1:0", "127.0.0.1:1", "127.0.0.1:2"], ["CLUSTER_SECRET": "a-cluster-secret"],
      naming: "")
    let (status, lines) = try run([])
    #expect(status != 0 && status < 128)
    #expect(lines.joined().contains("LISTEN_ADDRESS"))
  }

  @Test(
    "a setting that makes no sense is refused with one line that names it",
    arguments: [
      ("DYNA_DURABILITY", "never"), ("DYNA_READ", "nobody"), ("DYNA_LOG", "loud"),
      ("SNAP_LIMIT", "-1"), ("SNAP_LIMIT", "many"), ("DYNA_REPLICAS", "some"), ("DYNA_REPLICAS", "0"),
      ("DYNA_MODE", "gopher"),
    ])
  func badSetting(name: String, value: String) throws {
    try refused(["127.0.0.1:0"], [name: value], naming: name)
  }

  @Test("serve is the same thing spelled out")
  func serve() throws {
    let (process, port) = try start(
      ["serve", "127.0.0.1:0"], try Node.environment([:], directory))
    #expect(try status(port, token: Token.user("alice")) == 201)
    try stop(process)
  }

  @Test("host names and IPv6 addresses are accepted")
  func otherAddresses() throws {
    let environment = try Node.environment([:], directory)
    let (named, _) = try start(["localhost:0"], environment)
    try stop(named)
    let (any, port) = try start(["0.0.0.0:0"], environment)
    #expect(try status(port) == 401)
    try stop(any)
    guard FileManager.default.fileExists(atPath: "/proc/net/if_inet6"),
      try !String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8).isEmpty
    else { return }
    let (six, _) = try start(["[::1]:0"], environment)
    #expect(six.errorOutput.contains("[::1]:"))
    try stop(six)
  }

  // MARK: Where settings come from

  @Test("a .env file in the working directory is read; a missing one is no error")
  func environmentFile() throws {
    try directory.write(
      ".env",
      """
      # a comment

      JWT_SECRET="from the file"
      DYNA_READ=owner
      """)
    var environment = try Node.environment([:], directory)
    environment["JWT_SECRET"] = nil
    let (process, port) = try start(["127.0.0.1:0"], environment)
    #expect(try status(port, token: Token.user("a", secret: "from the file")) == 201)
    #expect(try status(port, token: Token.user("a", secret: "\"from the file\"")) == 401)
    let link = try RawConnection(port: port)
    try link.send("GET /t/key/k HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try link.readResponse().status == 401, "DYNA_READ=owner")
    try stop(process)
  }

  @Test("flags win over the environment, the environment over the .env file")
  func precedence() throws {
    try directory.write(".env", "JWT_SECRET=of-the-file\nDYNA_DATA_DIR=\(directory.path)/file\n")
    let environment = try Node.environment(
      ["JWT_SECRET": "of-the-environment", "DYNA_DATA_DIR": "\(directory.path)/environment"],
      directory)
    let (first, firstPort) = try start(["127.0.0.1:0"], environment)
    #expect(try status(firstPort, token: Token.user("a", secret: "of-the-environment")) == 201)
    #expect(try status(firstPort, token: Token.user("a", secret: "of-the-file")) == 401)
    try stop(first)
    let flags = ["--data-dir", "\(directory.path)/flag", "--jwt-secret", "of-the-flag"]
    let (second, secondPort) = try start(["127.0.0.1:0"] + flags, environment)
    #expect(try status(secondPort, token: Token.user("a", secret: "of-the-flag")) == 201)
    #expect(try status(secondPort, token: Token.user("a", secret: "of-the-environment")) == 401)
    try stop(second)
    let found = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(found.contains("environment") && found.contains("flag") && !found.contains("file"))
  }

  // MARK: Data directories

  private func freePort() throws -> UInt16 {
    let node = try Node()
    let port = node.port
    try node.stop()
    return port
  }

  @Test("the default data directory is ./data/<port>, so two nodes in one folder do not collide")
  func defaultDirectory() throws {
    let environment = try Node.environment(["DYNA_DATA_DIR": ""], directory)
    let ports = [try freePort(), try freePort()]
    try #require(ports[0] != ports[1])
    let nodes = try ports.map { try start(["127.0.0.1:\($0)"], environment).0 }
    for (node, port) in zip(nodes, ports) {
      #expect(try status(port, token: Token.user("a")) == 201)
      try stop(node)
      #expect(directory.files().contains("data/\(port)/storage.db"))
    }
  }

  @Test("data written by a node is found in storage.db, the log and snapshots/ below its directory")
  func layout() throws {
    let node = try Node()
    try Client(node, as: "alice").store("t", "k", "1")
    #expect(!node.directory.files().filter { $0.hasPrefix("data/") }.isEmpty)
    try node.stop()
    #expect(node.directory.files().contains("data/storage.db"))
    let header = try node.directory.read("data/storage.db").bytes.prefix(15)
    #expect(ByteText(header) == "SQLite format 3")
  }

  @Test("a second process on the same data directory is refused, the first goes on unharmed")
  func sameDirectory() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    try client.store("t", "k", "1")
    let second = try node.startAndFail()
    #expect(second.exitStatus != 0)
    #expect(second.errorLines.count == 1)
    #expect(second.errorOutput.contains(node.data), "\(second.errorOutput)")
    try client.store("t", "k", "2")
    try node.kill()
    try node.start()
    #expect(try Client(node).get("t", "k").record().value == "2")
    try node.stop()
  }

  @Test("an address in use is refused with one line that names it")
  func addressInUse() throws {
    let node = try Node()
    try refused(
      ["127.0.0.1:\(node.port)"], ["DYNA_DATA_DIR": "\(directory.path)/other"],
      naming: "\(node.port)")
    #expect(try Client(node).send("GET", "/heartbeat").status == 200)
    try node.stop()
  }

  @Test("an address in use by another program is refused too")
  func addressInUseByOther() throws {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let other = socket(AF_INET, type, 0)
    defer { close(other) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(other, $0, length)
        listen(other, 1)
        _ = getsockname(other, $0, &length)
      }
    }
    let port = UInt16(bigEndian: address.sin_port)
    try refused(["127.0.0.1:\(port)"], naming: "\(port)")
  }

  @Test("a data directory that is a file is refused with one line")
  func directoryIsFile() throws {
    try directory.write("plain", "x")
    for path in ["\(directory.path)/plain", "\(directory.path)/plain/below"] {
      try refused(["127.0.0.1:0"], ["DYNA_DATA_DIR": path], naming: path)
    }
  }

  @Test(
    "a read-only data directory is refused with one line",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func readOnlyDirectory() throws {
    let readOnly = try SmallFileSystem("size=1m", readOnly: true).directory.path
    for path in [readOnly, readOnly + "/new"] {
      try refused(["127.0.0.1:0"], ["DYNA_DATA_DIR": path], naming: path)
    }
  }

  // MARK: Keys

  @Test("another key is refused with a message that says so; the right one still opens the data")
  func wrongKey() throws {
    let node = try Node()
    try Client(node, as: "alice").store("t", "k", "1")
    for end in ["killed", "stopped"] {
      if end == "killed" { try node.kill() } else { try node.stop() }
      try node.directory.write("other", [UInt8](repeating: 7, count: 32))
      let refused = try node.startAndFail(
        ["DYNA_ENCRYPTION_KEY_FILE": "\(node.directory.path)/other"])
      #expect(refused.exitStatus != 0)
      #expect(refused.errorLines.count == 1)
      #expect(refused.errorOutput.lowercased().contains("key"), "\(refused.errorOutput)")
      try node.start()
      #expect(try Client(node).get("t", "k").record().value == "1")
    }
    try node.stop()
  }

  @Test("a key file that is missing or has no 32 bytes is refused with one line that names it")
  func badKeyFile() throws {
    for (name, bytes) in [("short", 31), ("long", 33), ("empty", 0), ("missing", -1)] {
      if bytes >= 0 { try directory.write(name, [UInt8](repeating: 1, count: bytes)) }
      try refused(
        ["127.0.0.1:0"], ["DYNA_ENCRYPTION_KEY_FILE": "\(directory.path)/\(name)"], naming: name)
    }
  }

  // MARK: The start-up line

  @Test("the start-up line tells version, address, data directory, durability, records and time")
  func startUpLine() throws {
    let node = try Node(["DYNA_DURABILITY": "interval"])
    let client = Client(node, as: "alice")
    for key in 0..<7 { try client.store("t", "k\(key)", "1") }
    try node.restart()
    let lines = node.log.split(separator: "\n").filter { $0.contains("address=") }
    try #require(lines.count == 1)
    let line = lines[0]
    #expect(line.contains("127.0.0.1:\(node.port)"))
    #expect(line.contains(node.data))
    #expect(line.contains("interval"))
    #expect(line.contains("version="))
    #expect(line.firstMatch(of: #/\brecords="?7\b/#) != nil, "\(line)")
    #expect(line.firstMatch(of: #/\d+(\.\d+)?("| ?ms|ms\b)|_ms=\d|milliseconds=\d/#) != nil, "\(line)")
    try node.stop()
  }
}
