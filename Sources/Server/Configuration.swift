// What a node is told at its start: by flags, by the environment, by a `.env` file, in this order.

import Bytes
import Cluster

/// Settings of one node. `Configuration.read` fills it and explains what it cannot accept.
public struct Configuration: Sendable {
  public enum Durability: String, Sendable { case sync, interval, os }
  public enum ReadAccess: String, Sendable { case `public`, owner }
  public enum Mode: String, Sendable { case http, https }
  public enum ClientCertificate: String, Sendable { case optional, required }
  public enum CrossOrigin: Sendable, Equatable {
    case any
    case off
    case only([[UInt8]])
  }

  public var host: String
  public var port: UInt16
  /// Nodes of the cluster to join, as `JOIN_ADDRESS` names them.
  public var joinAddresses: [(host: String, port: UInt16)] = []
  public var mode = Mode.http
  /// Where `ca.crt`, `server.crt` and `server.key` lie.
  public var certificateDirectory = "cert"
  public var clientCertificate = ClientCertificate.optional
  public var tokenSecret: [UInt8]
  /// The secrets of the cluster: the first one proves, all are accepted. Empty: the node runs alone.
  public var clusterSecrets: [[UInt8]] = []
  /// `host` or `host:port` that the other nodes are to dial.
  public var advertise: String?
  public var adminPassword: [UInt8]?
  public var snapshotLimit = 100
  public var snapshotMinutes: UInt64 = 60
  public var dataDirectory: String
  public var durability = Durability.sync
  public var readAccess = ReadAccess.public
  public var crossOrigin = CrossOrigin.any
  public var logLevel = "info"
  public var encryptionKeyFile: String?
  /// For who looks for a fault of the program: what is in memory, keys too, may be written to a core
  /// file and looked at by a debugger.
  public var allowsCoreDumps = false
  public var loopCount: Int?
  public var limits = Limits()
  /// What looks like a setting and is none; the node warns of it.
  public var unknownSettings: [String] = []

  /// A start that cannot be: one line for stderr that names the setting and what to do.
  public struct Mistake: Error {
    public let message: String
    public init(_ message: String) { self.message = message }
  }

  /// Each setting by its name in the environment; its flag is the same in kebab case, without `DYNA_`.
  static let names = [
    "JWT_SECRET", "CLUSTER_SECRET", "ADMIN_PASSWORD", "SNAP_LIMIT", "DYNA_MODE", "DYNA_CERT_DIR",
    "DYNA_CLIENT_CERT", "DYNA_DATA_DIR",
    "DYNA_ADVERTISE", "DYNA_REPLICAS", "DYNA_DURABILITY", "DYNA_READ", "DYNA_LOG", "DYNA_CORS",
    "DYNA_ENCRYPTION_KEY_FILE", "DYNA_CORE_DUMPS", "DYNA_SNAPSHOT_MINUTES", "DYNA_LOOPS",
    "DYNA_LIMIT_KEY_BYTES",
    "DYNA_LIMIT_NAME_BYTES", "DYNA_LIMIT_VALUE_BYTES", "DYNA_LIMIT_BODY_BYTES",
    "DYNA_LIMIT_HEAD_BYTES", "DYNA_LIMIT_HEADER_FIELDS", "DYNA_LIMIT_JSON_DEPTH",
    "DYNA_LIMIT_HEAD_SECONDS", "DYNA_LIMIT_BODY_SECONDS", "DYNA_LIMIT_IDLE_SECONDS",
    "DYNA_LIMIT_PULL_BYTES_SECOND",
  ]

  /// The flags of all settings.
  public static var flags: [String] { names.map(flag(for:)) }

  /// What compose.yaml reads for itself.
  private static let namesOfOthers = ["DYNA_UID"]

  /// Names of the environment or of a `.env` file that look like settings and are none.
  static func unknown(among given: [String]) -> [String] {
    given.filter {
      $0.hasPrefix("DYNA_") && !names.contains($0) && !namesOfOthers.contains($0)
    }.sorted()
  }

  public static func flag(for name: String) -> String {
    var rest = Substring(name)
    if rest.hasPrefix("DYNA_") { rest = rest.dropFirst(5) }
    return "--" + rest.lowercased().split(separator: "_").joined(separator: "-")
  }

  /// Splits a command line into flags and positional words.
  ///
  /// - Throws: `Mistake` for an unknown flag or one without its value.
  public static func arguments(
    _ words: [String]
  ) throws(Mistake) -> (positional: [String], settings: [String: String]) {
    var positional: [String] = []
    var settings: [String: String] = [:]
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      guard word.hasPrefix("--") else {
        positional.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = names.first(where: { flag(for: $0) == parts[0] }) else {
        throw Mistake("unknown option \(parts[0]); `dynaswift help` lists them")
      }
      if parts.count == 2 {
        settings[name] = String(parts[1])
      } else if index < words.count {
        settings[name] = words[index]
        index += 1
      } else {
        throw Mistake("\(word) needs a value")
      }
    }
    return (positional, settings)
  }

  /// Reads `NAME=value` lines; blank lines, `#` comments, `export ` and quotes around a value are allowed.
  public static func environmentFile(_ text: String) -> [String: String] {
    var settings: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      var line = line.drop(while: \.isWhitespace)
      if line.hasPrefix("#") { continue }
      if line.hasPrefix("export ") { line = line.dropFirst(7) }
      guard let equals = line.firstIndex(of: "=") else { continue }
      let name = String(line[..<equals].filter { !$0.isWhitespace })
      var value = line[line.index(after: equals)...].drop(while: \.isWhitespace)
      while let last = value.last, last.isWhitespace { value.removeLast() }
      if value.count >= 2, let quote = value.first, quote == value.last, "\"'".contains(quote) {
        value = value.dropFirst().dropLast()
      }
      settings[name] = String(value)
    }
    return settings
  }

  /// Puts a configuration together.
  ///
  /// - Parameters:
  ///   - words: the command line after the verb: `<LISTEN_ADDRESS> [JOIN_ADDRESS] [--flag value …]`.
  ///   - environment: looks up one variable of the process.
  ///   - variables: the names of all of them.
  ///   - file: the settings of a `.env` file, empty where there is none.
  ///   - secrets: looks up a secret that was taken out of flags and environment before.
  /// - Throws: `Mistake`, whose message is one line.
  public static func read(
    _ words: [String], environment: @escaping (String) -> String?, variables: [String] = [],
    file: [String: String],
    secrets: @escaping (String) -> [UInt8]? = { _ in nil }
  ) throws(Mistake) -> Configuration {
    let (positional, flags) = try arguments(words)
    let settings = Settings(
      flags: flags, file: file, environment: environment, secrets: secrets)

    guard let listen = positional.first, positional.count <= 2 else {
      throw Mistake(
        "usage: dynaswift <LISTEN_ADDRESS> [JOIN_ADDRESS], as in: dynaswift 127.0.0.1:6660")
    }
    guard let (host, port) = splitAddress(listen) else {
      throw Mistake("LISTEN_ADDRESS \(listen) is not host:port, as in 127.0.0.1:6660 or [::1]:6660")
    }
    guard let secret = settings.secret("JWT_SECRET") else {
      throw Mistake("JWT_SECRET is not set: it signs the tokens, give it a long random text")
    }
    var configuration = Configuration(
      host: host, port: port, tokenSecret: secret, dataDirectory: "./data/\(port)")
    configuration.clusterSecrets = Self.clusterSecrets(
      settings.secret("CLUSTER_SECRET") ?? [])
    configuration.advertise = settings.text("DYNA_ADVERTISE")
    configuration.adminPassword = settings.secret("ADMIN_PASSWORD")
    configuration.encryptionKeyFile = settings.text("DYNA_ENCRYPTION_KEY_FILE")
    if let directory = settings.text("DYNA_DATA_DIR") { configuration.dataDirectory = directory }

    if positional.count == 2 {
      configuration.joinAddresses = try Self.joinAddresses(positional[1])
      guard !configuration.clusterSecrets.isEmpty else {
        throw Mistake(
          "JOIN_ADDRESS needs CLUSTER_SECRET: a node proves with it that it belongs to the cluster")
      }
      // In a list of all nodes the own address does no harm.
      if configuration.joinAddresses.allSatisfy({ $0.host == host && $0.port == port }) {
        throw Mistake("JOIN_ADDRESS \(positional[1]) is this node's own address: name another node")
      }
    }
    try configuration.readTransport(settings)
    try configuration.checkCluster(settings)
    configuration.snapshotLimit = try settings.number("SNAP_LIMIT", 1...1_000_000) ?? 100
    configuration.snapshotMinutes = UInt64(
      try settings.number("DYNA_SNAPSHOT_MINUTES", 1...525_600) ?? 60)
    configuration.loopCount = try settings.number("DYNA_LOOPS", 1...256)
    configuration.durability =
      try settings.choice("DYNA_DURABILITY", "sync, interval or os") ?? .sync
    configuration.readAccess = try settings.choice("DYNA_READ", "public or owner") ?? .public
    switch settings.text("DYNA_CORE_DUMPS") ?? "off" {
    case "on": configuration.allowsCoreDumps = true
    case "off": break
    case let other: throw Mistake("DYNA_CORE_DUMPS is \(other); it can be on or off")
    }
    configuration.logLevel = settings.text("DYNA_LOG") ?? "info"
    guard ["error", "warn", "info", "debug"].contains(configuration.logLevel) else {
      throw Mistake("DYNA_LOG is \(configuration.logLevel); it can be error, warn, info or debug")
    }
    switch settings.text("DYNA_CORS") ?? "*" {
    case "*": configuration.crossOrigin = .any
    case "off": configuration.crossOrigin = .off
    case let origins:
      configuration.crossOrigin = .only(
        origins.split(whereSeparator: { $0 == "," || $0 == " " }).map { Array($0.utf8) })
    }
    try configuration.limits.read(settings)
    configuration.unknownSettings = unknown(among: Array(Set(variables + file.keys)))
    return configuration
  }

  private mutating func readTransport(_ settings: Settings) throws(Mistake) {
    mode = try settings.choice("DYNA_MODE", "http or https") ?? .http
    certificateDirectory = settings.text("DYNA_CERT_DIR") ?? "cert"
    clientCertificate =
      try settings.choice("DYNA_CLIENT_CERT", "optional or required") ?? .optional
    if mode == .http, clientCertificate == .required {
      throw Mistake("DYNA_CLIENT_CERT=required needs DYNA_MODE=https: certificates are part of TLS")
    }
  }

  /// What this version has no answer to yet is refused, not ignored.
  private func checkCluster(_ settings: Settings) throws(Mistake) {
    if let replicas = settings.text("DYNA_REPLICAS"), replicas != "all" {
      _ = try settings.number("DYNA_REPLICAS", 1...1_000)
    }
    if let address = settings.text("DYNA_ADVERTISE"), address.contains(where: \.isWhitespace) {
      throw Mistake("DYNA_ADVERTISE is not host or host:port")
    }
  }

  /// The secrets of a list `new,old`. A secret holds no comma; blanks around one do not count.
  public static func clusterSecrets(_ text: [UInt8]) -> [[UInt8]] {
    text.split(separator: 0x2c).map { secret in
      var bytes = secret
      while bytes.first == 0x20 { bytes.removeFirst() }
      while bytes.last == 0x20 { bytes.removeLast() }
      return Array(bytes)
    }.filter { !$0.isEmpty }
  }

  /// `host:port`, or several with commas between, each with or without `http://` or `https://`.
  static func joinAddresses(
    _ text: String
  ) throws(Mistake) -> [(host: String, port: UInt16)] {
    var addresses: [(host: String, port: UInt16)] = []
    for part in text.split(separator: ",") {
      var address = part.drop(while: \.isWhitespace)
      for scheme in ["http://", "https://"] where address.lowercased().hasPrefix(scheme) {
        address = address.dropFirst(scheme.count)
      }
      while let last = address.last, last == "/" || last.isWhitespace { address.removeLast() }
      guard let (host, port) = splitAddress(String(address)), port != 0, host.utf8.count <= 255
      else {
        throw Mistake(
          "JOIN_ADDRESS \(part) is not host:port of a node, as in 127.0.0.1:6660 or http://node:6660"
        )
      }
      addresses.append((host, port))
    }
    guard !addresses.isEmpty else {
      throw Mistake("JOIN_ADDRESS \(text) is not host:port of a node, as in 127.0.0.1:6660")
    }
    return addresses
  }

  /// `host:port` or `[v6]:port`.
  public static func splitAddress(_ text: String) -> (host: String, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
      let port = UInt16(digits)
    else { return nil }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    return host.isEmpty ? nil : (String(host), port)
  }
}

extension Configuration {
  /// The nodes to join, as the protocol names them.
  var seeds: [Endpoint] {
    joinAddresses.map { Endpoint(host: Array($0.host.utf8), port: $0.port) }
  }

  /// The numbers of the protocol, those that can be set included.
  var clusterSettings: ClusterSettings {
    var settings = ClusterSettings()
    settings.pullBytesPerSecond = UInt64(limits.pullBytesSecond)
    return settings
  }

  /// The secrets of the cluster, ready to be proved.
  var provenSecrets: [ClusterSecret] { clusterSecrets.map { ClusterSecret($0) } }
}

/// One setting's value, from the strongest source that has it. An empty text counts as not set.
struct Settings {
  let flags: [String: String]
  let file: [String: String]
  let environment: (String) -> String?
  var secrets: (String) -> [UInt8]? = { _ in nil }

  func secret(_ name: String) -> [UInt8]? {
    if let secret = secrets(name), !secret.isEmpty { return secret }
    return text(name).map { Array($0.utf8) }
  }

  func text(_ name: String) -> String? {
    for value in [flags[name], environment(name), file[name]] {
      if let value, !value.isEmpty { return value }
    }
    return nil
  }

  func number(
    _ name: String, _ range: ClosedRange<Int>
  ) throws(Configuration.Mistake) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Configuration.Mistake(
        "\(name) is \(text); it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  func choice<Value: RawRepresentable>(
    _ name: String, _ choices: String
  ) throws(Configuration.Mistake) -> Value? where Value.RawValue == String {
    guard let text = text(name) else { return nil }
    guard let value = Value(rawValue: text) else {
      throw Configuration.Mistake("\(name) is \(text); it can be \(choices)")
    }
    return value
  }
}

extension Limits {
  mutating func read(_ settings: Settings) throws(Configuration.Mistake) {
    // The store packs key lengths into 12 bits and value lengths into 31; the rest is what memory allows.
    keyBytesMax = try settings.number("DYNA_LIMIT_KEY_BYTES", 1...4095) ?? keyBytesMax
    nameBytesMax = try settings.number("DYNA_LIMIT_NAME_BYTES", 1...1024) ?? nameBytesMax
    bodyBytesMax = try settings.number("DYNA_LIMIT_BODY_BYTES", 2...(1 << 30)) ?? bodyBytesMax
    try readValueBytes(settings)
    headBytesMax = try settings.number("DYNA_LIMIT_HEAD_BYTES", 8_192...(1 << 20)) ?? headBytesMax
    headerFieldsMax = try settings.number("DYNA_LIMIT_HEADER_FIELDS", 1...1_000) ?? headerFieldsMax
    // 2: {"keys":["a"]} needs as many. The other end keeps readers that recurse on their feet.
    jsonDepthMax = try settings.number("DYNA_LIMIT_JSON_DEPTH", 2...1_000) ?? jsonDepthMax
    headSeconds = UInt64(
      try settings.number("DYNA_LIMIT_HEAD_SECONDS", 1...3_600) ?? Int(headSeconds))
    bodySeconds = UInt64(
      try settings.number("DYNA_LIMIT_BODY_SECONDS", 1...3_600) ?? Int(bodySeconds))
    idleSeconds = UInt64(
      try settings.number("DYNA_LIMIT_IDLE_SECONDS", 1...86_400) ?? Int(idleSeconds))
    // A terabyte a second: beyond it the pace would be counted in less than nanoseconds.
    pullBytesSecond =
      try settings.number("DYNA_LIMIT_PULL_BYTES_SECOND", 0...1_000_000_000_000) ?? pullBytesSecond
  }

  /// A value arrives in a body: where only the body's limit was lowered the value's follows it.
  private mutating func readValueBytes(_ settings: Settings) throws(Configuration.Mistake) {
    guard let bytes = try settings.number("DYNA_LIMIT_VALUE_BYTES", 2...Self.valueBytesCeiling)
    else {
      valueBytesMax = min(valueBytesMax, bodyBytesMax)
      return
    }
    guard bytes <= bodyBytesMax else {
      throw Configuration.Mistake(
        """
        DYNA_LIMIT_VALUE_BYTES is \(bytes), but no body may have more than \(bodyBytesMax) bytes: \
        raise DYNA_LIMIT_BODY_BYTES too
        """)
    }
    valueBytesMax = bytes
  }
}
