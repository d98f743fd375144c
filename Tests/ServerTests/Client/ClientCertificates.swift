import Foundation
import Platform

@testable import Server

/// The two sides' certificates for tests of the client, made once by `cert.sh` and `openssl`.
struct ClientCertificates {
  private let folder: TemporaryFolder

  /// Those of an authority; its server is `localhost`, `127.0.0.1` and `::1`.
  static let usual = Result { try ClientCertificates() }
  /// Those of an authority that nobody trusts.
  static let foreign = Result { try ClientCertificates() }

  private static let password = "open sesame"

  private init() throws {
    folder = try TemporaryFolder()
    var script = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { script.deleteLastPathComponent() }
    try Self.run(["bash", script.appendingPathComponent("cert.sh").path], in: folder.path)
    try makeExpiredChain()
  }

  /// `chain.crt`: a server's certificate, and behind it the expired one of who signed it. (A
  /// context takes no expired certificate of its own.)
  private func makeExpiredChain() throws {
    try write("basicConstraints=critical,CA:TRUE\n", to: "middle.ext")
    try write("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n", to: "leaf.ext")
    for (name, authority, days) in [("middle", "ca", -1), ("leaf", "middle", 1)] {
      for words in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out \(name).key",
        "req -new -key \(name).key -subj /CN=\(name) -out \(name).csr",
        "x509 -req -in \(name).csr -CA \(authority).crt -CAkey \(authority).key -passin "
          + "env:CERT_PASSWORD -set_serial 77 -days \(days) -extfile \(name).ext -out \(name).crt",
      ] {
        try Self.run(["openssl"] + words.split(separator: " ").map(String.init), in: folder.path)
      }
    }
    try write(read("leaf.crt") + read("middle.crt"), to: "chain.crt")
  }

  private func read(_ name: String) throws -> String {
    try String(contentsOfFile: self[name], encoding: .utf8)
  }

  private func write(_ text: String, to name: String) throws {
    try text.write(toFile: self[name], atomically: false, encoding: .utf8)
  }

  /// The path of a file that `cert.sh` makes.
  subscript(name: String) -> String { "\(folder.path)/\(name)" }

  func server(requiresCertificate: Bool = false) throws -> TLSContext {
    try TLSContext.server(
      certificateFile: self["server.crt"], keyFile: self["server.key"],
      clientCAFile: requiresCertificate ? self["ca.crt"] : nil,
      requireClientCertificate: requiresCertificate)
  }

  func client() throws -> TLSContext { try TLSContext.client(caFile: self["ca.crt"]) }

  private static func run(_ words: [String], in folder: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["DYNA_CERT_DIR": folder, "CERT_PASSWORD": password]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Trouble(what: "\(words): \(String(decoding: said, as: UTF8.self))")
    }
  }
}
