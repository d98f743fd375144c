import Testing

@testable import Server

@Suite("Configuration")
struct ConfigurationTests {
  private func read(
    _ words: [String] = ["127.0.0.1:6660"], environment: [String: String] = [:],
    file: [String: String] = [:], secret: String? = "a secret of some length"
  ) throws -> Configuration {
    var environment = environment
    if let secret, environment["JWT_SECRET"] == nil { environment["JWT_SECRET"] = secret }
    let variables = environment
    return try Configuration.read(
      words, environment: { variables[$0] }, variables: Array(variables.keys), file: file)
  }

  private func mistake(
    _ words: [String] = ["127.0.0.1:6660"], environment: [String: String] = [:],
    file: [String: String] = [:], secret: String? = "a secret of some length"
  ) -> String {
    do {
      _ = try read(words, environment: environment, file: file, secret: secret)
      return "(accepted)"
    } catch let error as Configuration.Mistake {
      return error.message
    } catch { return "(another error)" }
  }

  @Test("a node cannot join itself alone; in a list of all nodes its own address does no harm")
  func joiningItself() throws {
    let secret = ["CLUSTER_SECRET": "another secret of some length"]
    let text = mistake(["127.0.0.1:6660", "http://127.0.0.1:6660"], environment: secret)
    #expect(text.contains("own address"))
    let listed = try read(
      ["127.0.0.1:6660", "127.0.0.1:6660,127.0.0.1:6661"], environment: secret)
    #expect(listed.joinAddresses.count == 2)
  }

  @Test("what looks like a setting and is none is named, wherever it stands")
  func unknownSettings() throws {
    let configuration = try read(
      environment: ["DYNA_DURABLITY": "os", "DYNA_LOOPS": "1", "HOME": "/", "DYNA_UID": "1000"],
      file: ["DYNA_DATADIR": "/data", "DYNA_DURABLITY": "os", "OTHER": "1"])
    #expect(configuration.unknownSettings == ["DYNA_DATADIR", "DYNA_DURABLITY"])
    #expect(try read().unknownSettings.isEmpty)
  }

  @Test("with only an address and a secret the documented defaults hold")
  func defaults() throws {
    let configuration = try read()
    #expect(configuration.host == "127.0.0.1" && configuration.port == 6660)
    #expect(configuration.tokenSecret == utf8("a secret of some length"))
    #expect(configuration.clusterSecrets.isEmpty && configuration.adminPassword == nil)
    #expect(configuration.joinAddresses.isEmpty)
    #expect(configuration.snapshotLimit == 100 && configuration.snapshotMinutes == 60)
    #expect(configuration.dataDirectory == "./data/6660")
    #expect(configuration.durability == .sync && configuration.readAccess == .public)
    #expect(configuration.crossOrigin == .any && configuration.logLevel == "info")
    #expect(configuration.encryptionKeyFile == nil && configuration.loopCount == nil)
    #expect(configuration.limits == Limits())
    let limits = configuration.limits
    #expect(limits.keyBytesMax == 1024 && limits.nameBytesMax == 128)
    #expect(limits.valueBytesMax == 1 << 20 && limits.bodyBytesMax == 8 << 20)
    #expect(limits.headBytesMax == 16 << 10 && limits.headerFieldsMax == 100)
    #expect(limits.jsonDepthMax == 128)
    #expect(limits.headSeconds == 10 && limits.bodySeconds == 30 && limits.idleSeconds == 60)
  }

  /// Each documented setting, a value it accepts, and what is read of it.
  private static let settings: [(String, String, @Sendable (Configuration) -> String)] = [
    ("JWT_SECRET", "another secret, as long", { text($0.tokenSecret) }),
    ("CLUSTER_SECRET", "c", { text($0.clusterSecrets.first ?? []) }),
    ("ADMIN_PASSWORD", "a", { text($0.adminPassword ?? []) }),
    ("SNAP_LIMIT", "7", { "\($0.snapshotLimit)" }),
    ("DYNA_DATA_DIR", "/tmp/x", { $0.dataDirectory }),
    ("DYNA_DURABILITY", "interval", { $0.durability.rawValue }),
    ("DYNA_READ", "owner", { $0.readAccess.rawValue }),
    ("DYNA_LOG", "debug", { $0.logLevel }),
    ("DYNA_CORS", "off", { $0.crossOrigin == .off ? "off" : "on" }),
    ("DYNA_ENCRYPTION_KEY_FILE", "/k", { $0.encryptionKeyFile ?? "" }),
    ("DYNA_CORE_DUMPS", "on", { $0.allowsCoreDumps ? "on" : "off" }),
    ("DYNA_SNAPSHOT_MINUTES", "5", { "\($0.snapshotMinutes)" }),
    ("DYNA_LOOPS", "3", { "\($0.loopCount ?? 0)" }),
    ("DYNA_LIMIT_KEY_BYTES", "100", { "\($0.limits.keyBytesMax)" }),
    ("DYNA_LIMIT_NAME_BYTES", "101", { "\($0.limits.nameBytesMax)" }),
    ("DYNA_LIMIT_VALUE_BYTES", "102", { "\($0.limits.valueBytesMax)" }),
    ("DYNA_LIMIT_BODY_BYTES", "103", { "\($0.limits.bodyBytesMax)" }),
    ("DYNA_LIMIT_HEAD_BYTES", "10000", { "\($0.limits.headBytesMax)" }),
    ("DYNA_LIMIT_HEADER_FIELDS", "9", { "\($0.limits.headerFieldsMax)" }),
    ("DYNA_LIMIT_JSON_DEPTH", "1000", { "\($0.limits.jsonDepthMax)" }),
    ("DYNA_LIMIT_HEAD_SECONDS", "11", { "\($0.limits.headSeconds)" }),
    ("DYNA_LIMIT_BODY_SECONDS", "12", { "\($0.limits.bodySeconds)" }),
    ("DYNA_LIMIT_IDLE_SECONDS", "13", { "\($0.limits.idleSeconds)" }),
    ("DYNA_LIMIT_PULL_BYTES_SECOND", "14", { "\($0.clusterSettings.pullBytesPerSecond)" }),
  ]

  @Test(
    "every setting is heard as a flag, as a variable and in the file", arguments: settings.indices)
  func everySetting(index: Int) throws {
    let (name, value, found) = Self.settings[index]
    let flag = Configuration.flag(for: name)
    #expect(found(try read(["127.0.0.1:6660", flag, value])) == value)
    #expect(found(try read([flag + "=" + value, "127.0.0.1:6660"])) == value)
    #expect(found(try read(environment: [name: value])) == value)
    #expect(found(try read(file: [name: value], secret: name == "JWT_SECRET" ? nil : "s")) == value)
  }

  @Test("the settings known to the command line are these and those of a cluster")
  func names() {
    let cluster = [
      "DYNA_MODE", "DYNA_CERT_DIR", "DYNA_CLIENT_CERT", "DYNA_ADVERTISE", "DYNA_REPLICAS",
    ]
    #expect(Set(Configuration.names) == Set(Self.settings.map(\.0) + cluster))
    #expect(Set(Configuration.names.map(Configuration.flag)).count == Configuration.names.count)
    #expect(Configuration.flag(for: "DYNA_DATA_DIR") == "--data-dir")
    #expect(Configuration.flag(for: "JWT_SECRET") == "--jwt-secret")
    #expect(Configuration.flag(for: "DYNA_LIMIT_KEY_BYTES") == "--limit-key-bytes")
  }

  @Test("a flag wins over the environment, and the environment over the file")
  func precedence() throws {
    let file = ["SNAP_LIMIT": "1"]
    let environment = ["SNAP_LIMIT": "2"]
    let words = ["127.0.0.1:6660", "--snap-limit", "3"]
    #expect(try read(words, environment: environment, file: file).snapshotLimit == 3)
    #expect(try read(environment: environment, file: file).snapshotLimit == 2)
    #expect(try read(file: file).snapshotLimit == 1)
    // An empty text counts as not set.
    #expect(try read(environment: ["SNAP_LIMIT": ""], file: file).snapshotLimit == 1)
  }

  @Test(
    "a value that cannot be is told in one line that names the setting and what it may be",
    arguments: [
      ("SNAP_LIMIT", "0"), ("SNAP_LIMIT", "-1"), ("SNAP_LIMIT", "many"), ("SNAP_LIMIT", "1.5"),
      ("SNAP_LIMIT", "99999999999999999999"), ("DYNA_SNAPSHOT_MINUTES", "0"),
      ("DYNA_LOOPS", "0"), ("DYNA_LOOPS", "257"), ("DYNA_DURABILITY", "fast"),
      ("DYNA_DURABILITY", "SYNC"), ("DYNA_READ", "all"), ("DYNA_LOG", "loud"),
      ("DYNA_CLIENT_CERT", "required"), ("DYNA_CLIENT_CERT", "none"), ("DYNA_MODE", "gopher"),
      ("DYNA_REPLICAS", "0"),
      ("DYNA_REPLICAS", "some"), ("DYNA_ADVERTISE", "a b"), ("DYNA_LIMIT_KEY_BYTES", "0"),
      ("DYNA_LIMIT_KEY_BYTES", "4096"), ("DYNA_LIMIT_NAME_BYTES", "1025"),
      ("DYNA_LIMIT_VALUE_BYTES", "1"), ("DYNA_LIMIT_VALUE_BYTES", "67108865"),
      ("DYNA_LIMIT_BODY_BYTES", "1"), ("DYNA_LIMIT_JSON_DEPTH", "1"),
      ("DYNA_LIMIT_JSON_DEPTH", "1001"),
      ("DYNA_LIMIT_HEAD_BYTES", "8191"), ("DYNA_LIMIT_HEADER_FIELDS", "0"),
      ("DYNA_LIMIT_HEAD_SECONDS", "0"), ("DYNA_LIMIT_BODY_SECONDS", "3601"),
      ("DYNA_LIMIT_IDLE_SECONDS", "86401"), ("DYNA_LIMIT_PULL_BYTES_SECOND", "-1"),
      ("DYNA_LIMIT_PULL_BYTES_SECOND", "1000000000001"),
    ])
  func mistakes(name: String, value: String) {
    let message = mistake(environment: [name: value])
    #expect(message.contains(name), "\(message)")
    #expect(!message.contains("\n"))
  }

  @Test("the ends of each range are inside")
  func ranges() throws {
    #expect(try read(environment: ["DYNA_LIMIT_KEY_BYTES": "4095"]).limits.keyBytesMax == 4095)
    #expect(try read(environment: ["DYNA_LIMIT_KEY_BYTES": "1"]).limits.keyBytesMax == 1)
    #expect(try read(environment: ["DYNA_LIMIT_HEAD_BYTES": "8192"]).limits.headBytesMax == 8192)
    #expect(try read(environment: ["SNAP_LIMIT": "1000000"]).snapshotLimit == 1_000_000)
    for replicas in ["1", "3", "all"] { _ = try read(environment: ["DYNA_REPLICAS": replicas]) }
    #expect(try read(environment: ["DYNA_MODE": "http"]).mode == .http)
    #expect(try read(environment: ["DYNA_MODE": "https"]).mode == .https)
    #expect(try read(environment: ["DYNA_MODE": "https"]).certificateDirectory == "cert")
    #expect(try read(environment: ["DYNA_CERT_DIR": "/keys"]).certificateDirectory == "/keys")
    let both = ["DYNA_MODE": "https", "DYNA_CLIENT_CERT": "required"]
    #expect(try read(environment: both).clientCertificate == .required)
  }

  @Test("a value's limit lies within that of a body, or both settings are named")
  func valueWithinBody() throws {
    let most = try read(environment: [
      "DYNA_LIMIT_VALUE_BYTES": "67108864", "DYNA_LIMIT_BODY_BYTES": "67108864",
    ]).limits
    #expect(most.valueBytesMax == 64 << 20 && most.bodyBytesMax == 64 << 20)
    for body in ["8388608", nil] {
      var environment = ["DYNA_LIMIT_VALUE_BYTES": "8388609"]
      environment["DYNA_LIMIT_BODY_BYTES"] = body
      let message = mistake(environment: environment)
      #expect(message.contains("DYNA_LIMIT_VALUE_BYTES"), "\(message)")
      #expect(message.contains("DYNA_LIMIT_BODY_BYTES") && message.contains("8388608"))
    }
    #expect(try read(environment: ["DYNA_LIMIT_BODY_BYTES": "500"]).limits.valueBytesMax == 500)
  }

  @Test("a body that may be long may be on its way")
  func bodiesInFlight() throws {
    let limits = try read(environment: ["DYNA_LIMIT_BODY_BYTES": "1073741824"]).limits
    #expect(limits.bodiesInFlightBytesMax >= 1 << 30)
    #expect(Limits().bodiesInFlightBytesMax == 256 << 20)
  }

  @Test("without JWT_SECRET, or with an empty one, a node does not start", arguments: ["", nil])
  func noSecret(secret: String?) {
    let message = mistake(secret: secret)
    #expect(message.contains("JWT_SECRET") && !message.contains("\n"))
  }

  @Test("no message ever shows a secret")
  func discretion() {
    let message = mistake(
      environment: ["JWT_SECRET": "hush-hush", "ADMIN_PASSWORD": "hush-hush", "SNAP_LIMIT": "x"])
    #expect(!message.contains("hush"))
  }

  @Test(
    "a command line that makes no sense is told in one line",
    arguments: [
      ([], "LISTEN_ADDRESS"), (["127.0.0.1"], "127.0.0.1"), (["a:1", "b:2", "c:3"], "usage"),
      (["127.0.0.1:6660", "--nonsense", "1"], "--nonsense"),
      (["127.0.0.1:6660", "--nonsense=1"], "--nonsense"),
      (["127.0.0.1:6660", "--snap-limit"], "--snap-limit"),
      (["127.0.0.1:6660", "--Snap-Limit", "1"], "--Snap-Limit"),
      (["127.0.0.1:6660", "--"], "--"),
      (["127.0.0.1:6660", "127.0.0.1:6661"], "CLUSTER_SECRET"),
    ])
  func commandLine(words: [String], named: String) {
    let message = mistake(words)
    #expect(message.contains(named), "\(message)")
    #expect(!message.contains("\n"))
  }

  @Test("a value may have an equals sign in it, and be empty")
  func flagValues() throws {
    #expect(try read(["a:1", "--cors=http://x?a=b"]).crossOrigin == .only([utf8("http://x?a=b")]))
    // Empty is not set: the default holds.
    #expect(try read(["a:1", "--snap-limit="]).snapshotLimit == 100)
  }

  @Test("origins are listed with commas or blanks")
  func origins() throws {
    let expected = Configuration.CrossOrigin.only([utf8("https://a"), utf8("https://b")])
    #expect(try read(environment: ["DYNA_CORS": "https://a,https://b"]).crossOrigin == expected)
    #expect(try read(environment: ["DYNA_CORS": "https://a, https://b"]).crossOrigin == expected)
    #expect(try read(environment: ["DYNA_CORS": "*"]).crossOrigin == .any)
  }

  @Test("the data directory is named after the port")
  func dataDirectory() throws {
    #expect(try read(["0.0.0.0:7000"]).dataDirectory == "./data/7000")
  }

  @Test(
    "an address is host:port, with brackets around IPv6",
    arguments: [
      ("127.0.0.1:6660", "127.0.0.1", 6660), ("0.0.0.0:1", "0.0.0.0", 1),
      ("localhost:65535", "localhost", 65535), ("[::1]:6660", "::1", 6660),
      ("[::]:80", "::", 80), ("[fe80::1%eth0]:80", "fe80::1%eth0", 80), ("h:0", "h", 0),
    ] as [(String, String, UInt16)])
  func addresses(text: String, host: String, port: UInt16) throws {
    let address = try #require(Configuration.splitAddress(text))
    #expect(address.host == host && address.port == port)
  }

  @Test(
    "everything else is no address",
    arguments: [
      "", ":", ":80", "host", "host:", "host:x", "host:-1", "host:+1", "host:65536", "host:8 0",
      "::1:80", "fe80::1", "[]:80", "[::1]", "[::1]80", "host:\u{0661}", "[::1:80", "a:b:80",
    ])
  func noAddresses(text: String) {
    #expect(Configuration.splitAddress(text) == nil)
  }

  @Test("a .env file has lines of name and value")
  func environmentFile() {
    let file = """
      # a comment
      JWT_SECRET=plain

        SNAP_LIMIT = 7
      export DYNA_LOG=debug
      QUOTED="with blanks "
      SINGLE='it is'
      HASH=a#b
      EQUALS=a=b==
      EMPTY=
      EMPTY_QUOTES=""
      ONE_QUOTE="
      MIXED="a'
      no assignment
      JWT_SECRET=the last one counts
      """
    let settings = Configuration.environmentFile(file)
    #expect(
      settings == [
        "JWT_SECRET": "the last one counts", "SNAP_LIMIT": "7", "DYNA_LOG": "debug",
        "QUOTED": "with blanks ", "SINGLE": "it is", "HASH": "a#b", "EQUALS": "a=b==",
        "EMPTY": "", "EMPTY_QUOTES": "", "ONE_QUOTE": "\"", "MIXED": "\"a'",
      ])
  }

  @Test("lines may end as on any system, and there may be none", arguments: ["\n", "\r\n", "\r"])
  func lineEnds(end: String) {
    let settings = Configuration.environmentFile("A=1\(end)B=\"2\"\(end)\(end)C=3\(end)")
    #expect(settings == ["A": "1", "B": "2", "C": "3"])
    #expect(Configuration.environmentFile("").isEmpty)
    #expect(Configuration.environmentFile(end).isEmpty)
  }
}
