import Foundation

/// Certificates made by `cert.sh` and the `openssl` command, in a folder of their own.
final class Certificates: Sendable {
  private let folder: TemporaryFolder

  /// As `cert.sh` makes them, once for all tests.
  static let usual = Result { try Certificates() }
  /// Those of somebody else.
  static let foreign = Result { try Certificates() }

  init(_ names: String...) throws {
    folder = try TemporaryFolder()
    try Self.run(
      "/bin/bash", [Self.script] + names,
      ["DYNA_CERT_DIR": folder.path, "CERT_PASSWORD": "open sesame"])
  }

  var path: String { folder.path }
  subscript(name: String) -> String { "\(folder.path)/\(name)" }

  static let script: String = {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    return root.resolvingSymlinksInPath().appendingPathComponent("cert.sh").path
  }()

  /// A further certificate of the authority for a key of its own; `days` may be negative.
  func add(_ name: String, days: Int, usage: String = "serverAuth,clientAuth") throws {
    let (key, request, extensions) = (self["\(name).key"], self["\(name).csr"], self["\(name).ext"])
    try openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    try openssl("req", "-new", "-key", key, "-subj", "/CN=\(name)", "-out", request)
    try Data("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=\(usage)\n".utf8)
      .write(to: URL(fileURLWithPath: extensions))
    try openssl(
      "x509", "-req", "-in", request, "-CA", self["ca.crt"], "-CAkey", self["ca.key"], "-passin",
      "pass:open sesame", "-set_serial", "\(Int.random(in: 1...Int.max))", "-days", "\(days)",
      "-extfile", extensions, "-out", self["\(name).crt"])
  }

  func openssl(_ words: String...) throws {
    try Self.run("/usr/bin/env", ["openssl"] + words, [:])
  }

  private static func run(
    _ executable: String, _ arguments: [String], _ changes: [String: String]
  ) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(changes) { $1 }
    process.standardOutput = FileHandle.nullDevice
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(text: "\(arguments): \(String(decoding: text, as: UTF8.self))")
    }
  }

  struct Failure: Error { let text: String }
}
