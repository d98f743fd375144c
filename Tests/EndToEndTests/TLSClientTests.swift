import Foundation
import Testing

/// The client half in the commands: `dynaswift health` and `dynabench` against a node in https mode.
@Suite("Commands over TLS", .blocking)
struct TLSClientTests {
  private static let shared = Result { () throws -> (CertificateFolder, CertificateFolder, Node) in
    let certificates = try CertificateFolder()
    return (certificates, try CertificateFolder(), try certificates.node())
  }

  private let certificates: CertificateFolder
  /// Those of an authority that did not sign the node's certificate.
  private let foreign: CertificateFolder
  private let node: Node

  init() throws { (certificates, foreign, node) = try Self.shared.get() }

  private func health(
    _ address: String, _ environment: [String: String]
  ) throws -> (status: Int32, output: String) {
    try Tool.run([Node.binary.get(), "health", address], environment: environment)
  }

  @Test("health asks a node in https mode, by address and by name")
  func health() throws {
    for address in ["https://127.0.0.1:\(node.port)", "https://localhost:\(node.port)/"] {
      let result = try health(address, ["DYNA_CERT_DIR": certificates.path])
      #expect(result.status == 0, "\(result.output)")
    }
  }

  @Test("health goes by DYNA_MODE where the address does not say how")
  func mode() throws {
    let settings = ["DYNA_CERT_DIR": certificates.path, "DYNA_MODE": "https"]
    let result = try health("127.0.0.1:\(node.port)", settings)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test("health trusts no node whose certificate is of another authority")
  func wrongAuthority() throws {
    let result = try health(
      "https://127.0.0.1:\(node.port)", ["DYNA_CERT_DIR": foreign.path])
    #expect(result.status == 1)
    #expect(result.output.contains("the certificate is not accepted"))
  }

  @Test("health names the certificate that it misses")
  func missingAuthority() throws {
    let result = try health(
      "https://127.0.0.1:\(node.port)", ["DYNA_CERT_DIR": "/nowhere"])
    #expect(result.status == 1)
    #expect(result.output.contains("/nowhere/ca.crt"))
  }

  @Test("health does not take the node's answer to plain HTTP for well-being")
  func plain() throws {
    let result = try health("http://127.0.0.1:\(node.port)", [:])
    #expect(result.status == 1)
    #expect(result.output.contains("400"))
  }

  @Test("health shows a certificate to a node that demands one")
  func clientCertificate() throws {
    let strict = try certificates.node(["DYNA_CLIENT_CERT": "required"])
    var settings = ["DYNA_CERT_DIR": certificates.path, "DYNA_MODE": "https"]
    #expect(try health("127.0.0.1:\(strict.port)", settings).status == 1)
    settings["DYNA_CLIENT_CERT"] = "required"
    let result = try health("127.0.0.1:\(strict.port)", settings)
    #expect(result.status == 0, "\(result.output)")
    try strict.stop()
  }

  // MARK: dynabench

  private func bench(_ words: String...) throws -> (status: Int32, output: String) {
    try Tool.run(
      [Bench.path] + words.prefix(1) + ["127.0.0.1:\(node.port)"] + words.dropFirst() + [
        "--https", "--ca", certificates.authority, "--table", "bench", "--user", "bench",
        "--secret", "the secret of the bench", "--json",
      ])
  }

  @Test("dynabench loads, writes and reads over TLS", .enabled(if: Bench.isThere))
  func requests() throws {
    let load = try bench("load", "--keys", "1000", "--value-bytes", "2000")
    #expect(load.status == 0, "\(load.output)")
    let put = try bench("put", "--keys", "1000", "--seconds", "1", "--value-bytes", "50000")
    #expect(put.status == 0, "\(put.output)")
    let get = try bench("get", "--keys", "1000", "--seconds", "1", "--pipeline", "8")
    #expect(get.status == 0, "\(get.output)")
  }

  @Test("dynabench sees every event over TLS", .enabled(if: Bench.isThere))
  func streams() throws {
    let result = try bench(
      "sse", "--subscribers", "100", "--messages", "20", "--rate", "100", "--value-bytes", "5000")
    #expect(result.status == 0, "\(result.output)")
  }

  @Test(
    "dynabench trusts no node whose certificate is of another authority",
    .enabled(if: Bench.isThere))
  func benchWrongAuthority() throws {
    let result = try Tool.run([
      Bench.path, "get", "https://127.0.0.1:\(node.port)", "--ca", foreign.authority,
    ])
    #expect(result.status == 1)
    #expect(result.output.contains("the certificate is not accepted"))
  }
}

/// The load generator beside the binary under test.
private enum Bench {
  static let path = ((try? Node.binary.get()) ?? "").replacing(#/[^/]*$/#, with: "dynabench")
  static let isThere = FileManager.default.isExecutableFile(atPath: path)
}
