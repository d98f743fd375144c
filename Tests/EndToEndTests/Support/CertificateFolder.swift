import Foundation

/// What `cert.sh` makes, in a directory of its own, and what else tests need of the kind.
struct CertificateFolder {
  static let password = "open sesame"

  let directory: TemporaryDirectory
  var path: String { directory.path }
  var authority: String { self["ca.crt"] }
  subscript(name: String) -> String { "\(path)/\(name)" }

  init(names: [String] = []) throws {
    directory = try TemporaryDirectory()
    try Self.script(directory.path, names)
  }

  static func script(_ folder: String, _ names: [String] = []) throws {
    let result = try Tool.run(
      ["bash", path] + names, environment: ["DYNA_CERT_DIR": folder, "CERT_PASSWORD": password])
    guard result.status == 0 else { throw Trouble("cert.sh: \(result.output)") }
  }

  /// Where `cert.sh` is.
  static let path: String = {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    return root.resolvingSymlinksInPath().appendingPathComponent("cert.sh").path
  }()

  /// A further certificate of the authority, for a key of its own; `days` may be negative.
  func add(_ name: String, days: Int) throws {
    let (key, request, extensions) = (self["\(name).key"], self["\(name).csr"], "\(name).ext")
    try directory.write(
      extensions,
      "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    for words in [
      ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
      ["req", "-new", "-key", key, "-subj", "/CN=\(name)", "-out", request],
      [
        "x509", "-req", "-in", request, "-CA", authority, "-CAkey", self["ca.key"], "-passin",
        "pass:\(Self.password)", "-set_serial", "\(Int.random(in: 1...Int.max))", "-days",
        "\(days)", "-extfile", self[extensions], "-out", self["\(name).crt"],
      ],
    ] {
      let result = try Tool.run(["openssl"] + words)
      guard result.status == 0 else { throw Trouble("openssl \(words): \(result.output)") }
    }
  }

  /// Puts another certificate and its key in the place of the server's.
  func serve(_ name: String) throws {
    for kind in ["crt", "key"] {
      let bytes = try directory.read("\(name).\(kind)").bytes
      try directory.write("server.\(kind).new", bytes)
      guard rename(self["server.\(kind).new"], self["server.\(kind)"]) == 0 else {
        throw Trouble("rename: errno \(errno)")
      }
    }
  }

  /// A node that serves HTTPS with these certificates.
  func node(_ environment: [String: String] = [:]) throws -> Node {
    var all = ["DYNA_MODE": "https", "DYNA_CERT_DIR": path]
    for (name, value) in environment { all[name] = value }
    return try Node(all)
  }

  func tunnel(_ node: Node, _ options: [String] = []) throws -> Tunnel {
    try Tunnel(to: node.port, trusting: authority, options)
  }

  /// One request over a connection of its own; its status, nil where no answer came.
  func status(_ node: Node, _ options: [String] = []) throws -> Int? {
    let tunnel = try tunnel(node, options)
    try tunnel.connection.send("GET /heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return try? tunnel.connection.readResponse().status
  }
}
