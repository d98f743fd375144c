import Foundation
import Testing

/// Contract §2, §3 and §5: flags, limits as settings, the key script, the other verbs.
@Suite("Configuration", .blocking)
struct ConfigurationTests {
  @Test("every variable of the contract has a flag of the same name")
  func flags() throws {
    let directory = try TemporaryDirectory()
    var environment = try Node.environment([:], directory)
    let key = try #require(environment["DYNA_ENCRYPTION_KEY_FILE"])
    environment = [:]
    let flags = [
      "--jwt-secret", "of-the-flags-and-long-enough", "--cluster-secret",
      "the-secret-of-the-cluster",
      "--mode", "http", "--snap-limit", "7", "--admin-password", "the-admin-password",
      "--data-dir", "\(directory.path)/of-the-flag", "--advertise", "127.0.0.1:1", "--replicas",
      "all",
      "--durability", "os", "--read", "owner", "--log", "info", "--encryption-key-file", key,
    ]
    let spellings = [
      flags, stride(from: 0, to: flags.count, by: 2).map { "\(flags[$0])=\(flags[$0 + 1])" },
    ]
    for words in spellings {
      let (process, port) = try Node.launch(
        [], ["127.0.0.1:0"] + words, environment, directory)
      #expect(process.errorOutput.contains("\(directory.path)/of-the-flag"))
      let link = try RawConnection(port: port)
      try link.send(
        "POST /admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n{\"password\":\"the-admin-password\"}"
      )
      #expect(try link.readResponse().status == 200)
      try link.send("GET /t/key/k HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect([401, 404].contains(try link.readResponse().status))
      try link.send(
        "GET /store HTTP/1.1\r\nHost: x\r\nX-Api-Key: the-secret-of-the-cluster\r\n\r\n")
      #expect(try link.readResponse().status == 200)
      process.signal(SIGTERM)
      #expect(try process.waitForExit() == 0)
    }
  }

  @Test("limits can be set, and the error names the one that was set")
  func limits() throws {
    let node = try Node([
      "DYNA_LIMIT_KEY_BYTES": "10", "DYNA_LIMIT_VALUE_BYTES": "20", "DYNA_LIMIT_BODY_BYTES": "500",
      "DYNA_LIMIT_NAME_BYTES": "12", "DYNA_LIMIT_HEADER_FIELDS": "30",
    ])
    let client = Client(node, as: "alice")
    #expect(try client.put("t", "0123456789", "{}").status == 201)
    let longKey = try client.put("t", "0123456789a", "{}")
    #expect([400, 414].contains(longKey.status) && longKey.error?.contains("10") == true)
    let longTable = try client.put("0123456789abc", "k", "{}")
    #expect([400, 414].contains(longTable.status) && longTable.error?.contains("12") == true)
    #expect(try client.put("t", "k", #"{"value":"345678901234567890"}"#).status == 201)
    let longValue = try client.put("t", "k", #"{"value":"3456789012345678901"}"#)
    #expect(longValue.status == 413 && longValue.error?.contains("20") == true)
    let longBody = try client.put("t", "k", "{}" + ByteText([UInt8](repeating: 32, count: 499)))
    #expect(longBody.status == 413 && longBody.error?.contains("500") == true)
    let many = (0..<30).map { ("A\($0)", "b") }
    let fields = try Client(node).send("GET", "/heartbeat", fields: many)
    #expect(fields.status == 431 && fields.error?.contains("30") == true)
    try node.stop()
  }

  @Test("where names may be longer, a user with a long one can log in and write")
  func longNames() throws {
    let node = try Node(["DYNA_LIMIT_NAME_BYTES": "1000"])
    let name = String(repeating: "n", count: 1000)
    let client = Client(node, as: name)
    #expect(try client.login(name, "secret").status == 200)
    #expect(try client.put(name, "k", "{}").status == 201)
    #expect(try client.get(name, "k").record().owner == ByteText(name))
    try node.stop()
  }

  @Test("a value may be made longer than 1 MiB, and JSON deeper than 128 levels")
  func raisedLimits() throws {
    let settings = [
      "DYNA_LIMIT_VALUE_BYTES": "9000000", "DYNA_LIMIT_BODY_BYTES": "9000100",
      "DYNA_LIMIT_JSON_DEPTH": "300",
    ]
    let node = try Node(settings)
    let client = Client(node, as: "alice")
    let long = ByteText("\"" + String(repeating: "v", count: 8_999_998) + "\"")
    #expect(try client.put("t", "long", "{\"value\":" + long + "}").status == 201)
    let longer = try client.put("t", "longer", "{\"value\":[" + long + "]}")
    #expect(longer.status == 413 && longer.error?.contains("DYNA_LIMIT_VALUE_BYTES") == true)
    let deep = ByteText(String(repeating: "[", count: 299) + String(repeating: "]", count: 299))
    #expect(try client.put("t", "deep", "{\"value\":" + deep + "}").status == 201)
    let deeper = try client.put("t", "deeper", "{\"value\":[" + deep + "]}")
    #expect(deeper.status == 400 && deeper.error?.contains("300") == true)
    #expect(deeper.error?.contains("DYNA_LIMIT_JSON_DEPTH") == true)
    // Both from the log and, after a clean stop, from the checkpoint.
    try node.kill()
    for _ in 0..<2 {
      try node.start()
      let client = Client(node)
      #expect(try client.get("t", "long").record().value == long)
      #expect(try client.get("t", "deep").record().value == deep)
      try node.stop()
    }
  }

  @Test("encryption.sh writes 32 bytes that only the owner reads, and never overwrites them")
  func keyScript() throws {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    let directory = try TemporaryDirectory()
    let script = try String(
      contentsOf: root.resolvingSymlinksInPath().appendingPathComponent("encryption.sh"),
      encoding: .utf8)
    try directory.write("encryption.sh", script)
    func run() throws -> Int32 {
      try ChildProcess(
        "/bin/bash", ["encryption.sh"], environment: [:], workingDirectory: directory.path
      ).waitForExit()
    }
    #expect(try run() == 0)
    let key = try directory.read("encryption.key")
    #expect(key.count == 32)
    let path = "\(directory.path)/encryption.key"
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try run() != 0)
    #expect(try directory.read("encryption.key") == key)
    let node = try Node(["DYNA_ENCRYPTION_KEY_FILE": path])
    try node.stop()
  }

  @Test("health, version and help answer by themselves")
  func otherVerbs() throws {
    let node = try Node()
    func run(_ words: [String]) throws -> (status: Int32, output: String, error: String) {
      let process = try Node.process(words, [:], in: node.directory)
      defer { process.signal(SIGKILL) }
      return (try process.waitForExit(), process.output, process.errorOutput)
    }
    #expect(try run(["health", "127.0.0.1:\(node.port)"]).status == 0)
    #expect(try run(["version"]).output.contains(#/\d+\.\d+\.\d+/#))
    #expect(try run(["help"]).output.contains("LISTEN_ADDRESS"))
    let port = node.port
    try node.stop()
    let down = try run(["health", "127.0.0.1:\(port)"])
    #expect(down.status != 0 && down.status < 128 && !down.error.isEmpty)
  }

  @Test("files of the data directory are nobody else's to read")
  func permissions() throws {
    let node = try Node()
    try Client(node, as: "alice").store("t", "k", "1")
    try node.stop()
    for file in node.directory.files() where file.hasPrefix("data/") {
      let attributes = try FileManager.default.attributesOfItem(
        atPath: "\(node.directory.path)/\(file)")
      let mode = attributes[.posixPermissions] as? Int ?? 0o777
      #expect(mode & 0o077 == 0, "\(file) has mode \(String(mode, radix: 8))")
    }
  }
}
