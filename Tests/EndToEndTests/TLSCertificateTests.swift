import Foundation
import Testing

/// Contract §5: what `cert.sh` makes, what a node accepts of it, and how it is changed.
@Suite("TLS certificates", .blocking)
struct TLSCertificateTests {
  // MARK: cert.sh

  @Test("cert.sh makes an authority, a server's and a client's certificate, for the owner alone")
  func script() throws {
    let certificates = try CertificateFolder(names: ["db.example.com", "10.1.2.3"])
    let names = [
      "ca.crt", "ca.key", "client.crt", "client.key", "client.p12", "server.crt", "server.key",
    ]
    #expect(certificates.directory.files() == names)
    for name in names {
      let attributes = try FileManager.default.attributesOfItem(atPath: certificates[name])
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
    }
    let server = try Tool.run([
      "openssl", "x509", "-in", certificates["server.crt"], "-noout", "-text",
    ])
    for name in [
      "DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1",
      "DNS:db.example.com", "IP Address:10.1.2.3", "prime256v1",
      "TLS Web Server Authentication, TLS Web Client Authentication",
    ] {
      #expect(server.output.contains(name), "\(name)")
    }
    for name in ["server.crt", "client.crt"] {
      let check = ["openssl", "verify", "-CAfile", certificates.authority, certificates[name]]
      #expect(try Tool.run(check).status == 0, "\(name)")
    }
    let bundle = ["openssl", "pkcs12", "-in", certificates["client.p12"], "-nokeys", "-passin"]
    let opened = try Tool.run(bundle + ["pass:\(CertificateFolder.password)"])
    #expect(opened.status == 0 && opened.output.contains("CN = client"), "\(opened.output)")
    #expect(try Tool.run(bundle + ["pass:another"]).status != 0)
    let sealed = try certificates.directory.read("ca.key").string
    #expect(sealed.contains("ENCRYPTED PRIVATE KEY"))
  }

  @Test("a second run changes nothing, and makes only what is missing")
  func twice() throws {
    let certificates = try CertificateFolder()
    func contents() throws -> [String: ByteText] {
      Dictionary(
        uniqueKeysWithValues: try certificates.directory.files().map {
          ($0, try certificates.directory.read($0))
        })
    }
    let before = try contents()
    try CertificateFolder.script(certificates.path)
    #expect(try contents() == before)

    for name in ["server.crt", "server.key"] {
      try FileManager.default.removeItem(atPath: certificates[name])
    }
    let wrong = try Tool.run(
      ["bash", CertificateFolder.path],
      environment: ["DYNA_CERT_DIR": certificates.path, "CERT_PASSWORD": "another"])
    #expect(wrong.status != 0 && wrong.output.contains("password"), "\(wrong.output)")
    #expect(certificates.directory.files().count == 5)
    try CertificateFolder.script(certificates.path)
    let after = try contents()
    #expect(after.count == 7 && after["server.key"] != before["server.key"])
    for name in ["ca.crt", "ca.key", "client.crt", "client.key", "client.p12"] {
      #expect(after[name] == before[name], "\(name)")
    }
  }

  @Test("without a password, or with a name that is none, cert.sh makes nothing")
  func refused() throws {
    let directory = try TemporaryDirectory()
    for (password, names) in [
      ("", []), ("abc", []), ("long enough", ["a b"]), ("long enough", ["-x"]),
    ] {
      let result = try Tool.run(
        ["bash", CertificateFolder.path] + names,
        environment: ["DYNA_CERT_DIR": directory.path, "CERT_PASSWORD": password])
      #expect(result.status != 0 && result.output.hasPrefix("cert.sh: "), "\(result.output)")
      #expect(directory.files() == [])
    }
  }

  // MARK: The start of a node

  /// The one line with which a node refuses to start.
  private func refusal(_ certificates: CertificateFolder, _ changes: [String: String] = [:]) throws
    -> String
  {
    var settings = ["DYNA_MODE": "https", "DYNA_CERT_DIR": certificates.path]
    for (name, value) in changes { settings[name] = value }
    let directory = try TemporaryDirectory()
    let process = try Node.process(
      ["127.0.0.1:0"], try Node.environment(settings, directory), in: directory)
    defer { process.signal(SIGKILL) }
    let status = try process.waitForExit()
    #expect(status != 0 && status < 128)
    #expect(process.errorLines.count == 1, "\(process.errorLines)")
    return process.errorOutput
  }

  @Test("a missing file is one clear line", arguments: ["server.crt", "server.key", "ca.crt"])
  func missing(name: String) throws {
    let certificates = try CertificateFolder()
    try FileManager.default.removeItem(atPath: certificates[name])
    let line = try refusal(certificates)
    #expect(line.contains(certificates[name]) && line.contains("missing"), "\(line)")
    #expect(line.contains("cert.sh") && line.contains("DYNA_CERT_DIR"), "\(line)")
  }

  @Test("an expired certificate is one clear line")
  func expired() throws {
    let certificates = try CertificateFolder()
    try certificates.add("old", days: -1)
    try certificates.serve("old")
    let line = try refusal(certificates)
    #expect(line.contains("server.crt has expired"), "\(line)")
  }

  @Test("a key of another certificate is one clear line")
  func mismatch() throws {
    let certificates = try CertificateFolder()
    let key = try certificates.directory.read("client.key").bytes
    try certificates.directory.write("server.key", key)
    let line = try refusal(certificates)
    #expect(line.contains("server.key is not the key of"), "\(line)")
  }

  @Test("damaged files, and a key with a password, are one clear line")
  func damaged() throws {
    let certificates = try CertificateFolder()
    let whole = try certificates.directory.read("server.crt").bytes
    try certificates.directory.write("server.crt", "nonsense")
    #expect(try refusal(certificates).contains("server.crt is not a certificate"))
    try certificates.directory.write("server.crt", whole)
    let sealed = try certificates.directory.read("ca.key").bytes
    try certificates.directory.write("server.key", sealed)
    #expect(try refusal(certificates).contains("server.key is protected by a password"))
  }

  @Test("certificates of clients cannot be asked for without TLS")
  func requiredWithoutTLS() throws {
    let line = try refusal(
      try CertificateFolder(), ["DYNA_MODE": "http", "DYNA_CLIENT_CERT": "required"])
    #expect(line.contains("DYNA_CLIENT_CERT") && line.contains("DYNA_MODE"), "\(line)")
  }

  // MARK: Clients' certificates

  @Test("with DYNA_CLIENT_CERT=required only clients of the authority are served")
  func required() throws {
    let certificates = try CertificateFolder()
    let foreign = try CertificateFolder()
    try certificates.add("old", days: -1)
    let node = try certificates.node(["DYNA_CLIENT_CERT": "required"])
    func options(_ folder: CertificateFolder, _ name: String) -> [String] {
      ["-cert", folder["\(name).crt"], "-key", folder["\(name).key"]]
    }
    #expect(try certificates.status(node, options(certificates, "client")) == 200)
    #expect(try certificates.status(node, options(certificates, "server")) == 200)
    for version in ["-tls1_3", "-tls1_2"] {
      for (words, alert) in [
        ([], "certificate required|handshake failure"),
        (options(foreign, "client"), "unknown ca"),
        (options(certificates, "old"), "certificate expired"),
      ] {
        let tunnel = try certificates.tunnel(node, words + [version])
        try? tunnel.connection.send("GET /heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let complaint = try tunnel.complaint()
        let isTold = alert.split(separator: "|").contains { complaint.contains("alert \($0)") }
        #expect(isTold, "\(version) \(alert): \(complaint)")
      }
    }
    #expect(try certificates.status(node, options(certificates, "client")) == 200)
    try node.stop()
  }

  @Test("where none is required, none is needed, but a wrong one is refused all the same")
  func optional() throws {
    let certificates = try CertificateFolder()
    let foreign = try CertificateFolder()
    let node = try certificates.node()
    #expect(try certificates.status(node) == 200)
    let wrong = ["-cert", foreign["client.crt"], "-key", foreign["client.key"]]
    #expect(try certificates.status(node, wrong) == nil)
    try node.stop()
  }

  // MARK: New certificates

  @Test("SIGHUP brings new certificates to new connections; open ones go on")
  func reload() throws {
    let certificates = try CertificateFolder()
    try certificates.add("fresh", days: 10)
    let node = try certificates.node()
    let open = try certificates.tunnel(node)
    func get() throws -> Int {
      try open.connection.send("GET /heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n")
      return try open.connection.readResponse().status
    }
    #expect(try get() == 200)
    #expect(try subject(node, certificates).contains("CN = node"))
    try certificates.serve("fresh")
    node.signal(SIGHUP)
    #expect(try eventually { try subject(node, certificates).contains("CN = fresh") })
    #expect(try get() == 200)
    #expect(node.log.contains("certificates read anew"))
    #expect(node.log.contains("ends soon"), "ten days are not many")
    try node.stop()
  }

  @Test("new certificates that cannot be used change nothing, and the log says why")
  func badReload() throws {
    let certificates = try CertificateFolder()
    try certificates.add("old", days: -1)
    let node = try certificates.node()
    try certificates.serve("old")
    node.signal(SIGHUP)
    #expect(eventually { node.log.contains("the certificates stay as they were") })
    #expect(node.log.contains("has expired"))
    #expect(try subject(node, certificates).contains("CN = node"))
    #expect(try certificates.status(node) == 200)
    try FileManager.default.removeItem(atPath: certificates["server.key"])
    node.signal(SIGHUP)
    #expect(eventually { node.log.contains("server.key is missing") })
    #expect(try certificates.status(node) == 200)
    try node.stop()
  }

  /// Whose certificate a node shows to a new client.
  private func subject(_ node: Node, _ certificates: CertificateFolder) throws -> String {
    let result = try Tool.run([
      "openssl", "s_client", "-brief", "-connect", "127.0.0.1:\(node.port)", "-CAfile",
      certificates.authority,
    ])
    return result.output
  }
}
