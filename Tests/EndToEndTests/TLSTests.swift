import Foundation
import Testing

/// Contract §5: what works over HTTP works over HTTPS. The client is `openssl s_client`.
@Suite("TLS", .blocking)
struct TLSTests {
  private static let shared = Result { () throws -> (CertificateFolder, Node) in
    let certificates = try CertificateFolder()
    return (certificates, try certificates.node(["DYNA_LOOPS": "2"]))
  }

  private let certificates: CertificateFolder
  private let node: Node

  init() throws { (certificates, node) = try Self.shared.get() }

  private func connect(_ options: String...) throws -> Tunnel {
    try certificates.tunnel(node, options)
  }

  private func request(
    _ method: String, _ target: String, _ body: ByteText? = nil, user: String = "alice"
  ) -> ByteText {
    Client(node, as: user).request(method, target, body)
  }

  // MARK: What HTTP does, sealed

  @Test("a record is written and read, over TLS 1.3 and 1.2", arguments: ["-tls1_3", "-tls1_2"])
  func readsAndWrites(version: String) throws {
    let tunnel = try connect(version)
    let target = "/\(uniqueTable())/key/k"
    try tunnel.connection.send(request("PUT", target, #"{"value":[1,2]}"#))
    #expect(try tunnel.connection.readResponse(to: "PUT").status == 201)
    try tunnel.connection.send(request("GET", target))
    #expect(try tunnel.connection.readResponse().record().value == "[1,2]")
  }

  @Test("curl is served, by name and by address")
  func curl() throws {
    for host in ["localhost", "127.0.0.1"] {
      let result = try Tool.run([
        "curl", "--silent", "--show-error", "--cacert", certificates.authority, "--connect-to",
        "localhost:\(node.port):127.0.0.1:\(node.port)", "https://\(host):\(node.port)/heartbeat",
      ])
      #expect(result.status == 0 && result.output.contains("\"ok\""), "\(result.output)")
    }
  }

  @Test("a value of a megabyte comes back byte for byte")
  func longBody() throws {
    let tunnel = try connect()
    let text = String((0..<1_048_574).map { _ in "abcdefghijklmnopqrstuvwxyz".randomElement()! })
    let value = ByteText("\"\(text)\"")
    let target = "/\(uniqueTable())/key/k"
    try tunnel.connection.send(request("PUT", target, "{\"value\":" + value + "}"))
    #expect(try tunnel.connection.readResponse(to: "PUT").status == 201)
    for _ in 0..<3 {
      try tunnel.connection.send(request("GET", target))
      #expect(try tunnel.connection.readResponse().record().value == value)
    }
  }

  @Test("pipelined requests are answered in order")
  func pipelining() throws {
    let tunnel = try connect()
    let table = uniqueTable()
    var bytes: [UInt8] = []
    for index in 0..<200 {
      bytes += request("PUT", "/\(table)/key/\(index)", ByteText("{\"value\":\(index)}")).bytes
      bytes += request("GET", "/\(table)/key/\(index)").bytes
    }
    let all = bytes
    Thread.detachNewThread { try? tunnel.connection.send(ByteText(all)) }
    for index in 0..<200 {
      #expect(try tunnel.connection.readResponse(to: "PUT").status == 201)
      #expect(try tunnel.connection.readResponse().record().value == ByteText("\(index)"))
    }
  }

  @Test("a listing of several megabytes comes whole")
  func listing() throws {
    let tunnel = try connect()
    let table = uniqueTable()
    let value = ByteText("\"" + String(repeating: "x", count: 100_000) + "\"")
    for index in 0..<30 {
      try tunnel.connection.send(
        request("PUT", "/\(table)/key/\(index)", "{\"value\":" + value + "}"))
      #expect(try tunnel.connection.readResponse(to: "PUT").status == 201)
    }
    try tunnel.connection.send(request("GET", "/\(table)/store"))
    let body = try tunnel.connection.readResponse().body
    #expect(try JSONText.members(of: body).count == 30)
  }

  @Test("each change of a key reaches its streams, on every loop, with whatever was agreed on")
  func streams() throws {
    let table = uniqueTable()
    let agreements = [
      [], ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], ["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
      ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], ["-tls1_2"], ["-maxfraglen", "512"],
    ]
    let streams = try agreements.map { try certificates.tunnel(node, $0) }
    for stream in streams {
      try stream.connection.send(request("GET", "/\(table)/subscribe/k"))
      #expect(try stream.connection.readHead()?.status == 200)
    }
    let writer = try connect()
    for value in 1...3 {
      try writer.connection.send(
        request("PUT", "/\(table)/key/k", ByteText("{\"value\":\(value)}")))
      #expect(try writer.connection.readResponse(to: "PUT").status == 201)
    }
    for stream in streams {
      var values: [String] = []
      while values.count < 3 {
        let line = try stream.connection.takeLF(.patient)
        if let match = line.firstMatch(of: #/^data: .*"value":\{"value":(\d)/#) {
          values.append(String(match.1))
        }
      }
      #expect(values == ["1", "2", "3"])
    }
    // More than a record of TLS holds.
    let long = String(repeating: "long ", count: 10_000)
    try writer.connection.send(
      request("PUT", "/\(table)/key/k", ByteText("{\"value\":\"\(long)\"}")))
    #expect(try writer.connection.readResponse(to: "PUT").status == 201)
    for (stream, agreement) in zip(streams, agreements) {
      var line = ""
      while !line.hasPrefix("data:") { line = try stream.connection.takeLF(.patient) }
      #expect(line.contains(long), "\(agreement)")
      stream.connection.finishSending()
    }
  }

  @Test("an answer is followed by an orderly end of the connection")
  func orderlyEnd() throws {
    let result = try Tool.run(
      [
        "openssl", "s_client", "-ign_eof", "-msg", "-connect", "127.0.0.1:\(node.port)", "-CAfile",
        certificates.authority,
      ], input: "GET /heartbeat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    #expect(result.output.contains("\"status\":\"ok\""))
    #expect(result.output.contains("<<< TLS 1.3, Alert [length 0002], warning close_notify"))
  }

  // MARK: Sessions

  @Test("a session is taken up again, on whichever loop the client comes back to")
  func resumption() throws {
    let file = "\(certificates.path)/session-\(Serial.next())"
    let get = "GET /heartbeat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    let base = [
      "openssl", "s_client", "-ign_eof", "-connect", "127.0.0.1:\(node.port)", "-CAfile",
      certificates.authority,
    ]
    for version in ["-tls1_3", "-tls1_2"] {
      let first = try Tool.run(base + [version, "-sess_out", file], input: get)
      #expect(first.output.contains("New, TLSv1"))
      // With two loops, twelve connections that all came to the same one would be one in 2,048.
      for _ in 0..<12 {
        let again = try Tool.run(base + [version, "-sess_in", file], input: get)
        #expect(again.output.contains("Reused, TLSv1"), "\(version)")
        #expect(again.output.contains("\"status\":\"ok\""))
      }
    }
  }

  @Test("older versions and weak ciphers are refused, with an alert")
  func oldVersions() throws {
    for options in [
      ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
      ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], ["-alpn", "h2"],
    ] {
      let complaint = try certificates.tunnel(node, options).complaint()
      #expect(complaint.contains("alert"), "\(options): \(complaint)")
    }
    #expect(try certificates.status(node, ["-alpn", "h2,http/1.1"]) == 200)
  }

  @Test("a client that asks for renegotiation is not followed")
  func renegotiation() throws {
    let result = try Tool.run(
      [
        "openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:\(node.port)", "-CAfile",
        certificates.authority,
      ], input: "R\n")
    #expect(result.output.contains("RENEGOTIATING"))
    #expect(result.output.contains("no renegotiation"), "\(result.output.suffix(500))")
    #expect(try certificates.status(node) == 200)
  }

  @Test("a client may ask for new keys as often as it likes")
  func keyUpdates() throws {
    let result = try Tool.run(
      [
        "openssl", "s_client", "-tls1_3", "-connect", "127.0.0.1:\(node.port)", "-CAfile",
        certificates.authority,
      ], input: "K\nK\nk\nK\n")
    #expect(result.output.contains("KEYUPDATE"))
    #expect(!result.output.contains(":error:"), "\(result.output.suffix(500))")
    #expect(try certificates.status(node) == 200)
  }
}

extension RawConnection {
  /// A line that ends with LF alone, as events have them.
  func takeLF(_ deadline: Deadline) throws -> String {
    var line: [UInt8] = []
    while let byte = try take(upTo: 1, deadline)?.first {
      if byte == 10 { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
    throw Trouble("connection ended inside a line")
  }
}
