import Foundation
import Platform
import Testing

@Suite("TLS context")
struct TLSContextTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates.usual.get() }

  private func server(
    _ certificate: String, _ key: String, _ authority: String? = nil
  ) throws(TLSContextError) {
    _ = try TLSContext.server(
      certificateFile: certificate, keyFile: key, clientCAFile: authority,
      requireClientCertificate: false)
  }

  private func error(_ certificate: String, _ key: String, _ authority: String? = nil)
    -> TLSContextError?
  {
    do throws(TLSContextError) {
      try server(certificate, key, authority)
      return nil
    } catch {
      return error
    }
  }

  @Test("what cert.sh makes is accepted, and tells how long it is good for")
  func accepted() throws {
    let context = try Contexts.server(certificates)
    #expect(context.validUntil.hasSuffix("GMT"))
    #expect((820...825).contains(context.daysLeft))
    _ = try Contexts.client(certificates, as: "client")
  }

  @Test("a missing file is named", arguments: 0...2)
  func missing(which: Int) throws {
    var files = ["server.crt", "server.key", "ca.crt"].map { certificates[$0] }
    files[which] += ".none"
    #expect(error(files[0], files[1], files[2]) == .missing(path: files[which]))
  }

  @Test("a file that cannot be read is named with the reason")
  func notReadable() throws {
    guard case .notReadable(let path, let reason)? = error("/", certificates["server.key"]) else {
      Issue.record("it was read")
      return
    }
    #expect(path == "/" && reason.contains("directory"), "\(reason)")
  }

  @Test("a file without a certificate, or with half of one, is named")
  func notACertificate() throws {
    let key = certificates["server.key"]
    #expect(error(key, key) == .notACertificate(path: key))
    let folder = try TemporaryFolder()
    let half = "\(folder.path)/half.crt"
    let text = try String(contentsOfFile: certificates["server.crt"], encoding: .utf8)
    try text.prefix(text.count / 2).write(toFile: half, atomically: false, encoding: .utf8)
    #expect(error(half, key) == .notACertificate(path: half))
    let ruined = "\(folder.path)/ruined.crt"
    try (text + text.prefix(text.count / 2)).write(
      toFile: ruined, atomically: false, encoding: .utf8)
    #expect(error(ruined, key) == .notACertificate(path: ruined))
    try "".write(toFile: half, atomically: false, encoding: .utf8)
    #expect(error(half, key) == .notACertificate(path: half))
  }

  @Test("a file without a key is named, and so is one with a password")
  func notAKey() throws {
    let certificate = certificates["server.crt"]
    #expect(error(certificate, certificate) == .notAKey(path: certificate))
    let sealed = certificates["ca.key"]
    #expect(error(certificate, sealed) == .keyNeedsPassword(path: sealed))
  }

  @Test("a key of another certificate is named together with it")
  func mismatch() throws {
    let (certificate, key) = (certificates["server.crt"], certificates["client.key"])
    #expect(error(certificate, key) == .keyMismatch(certificatePath: certificate, keyPath: key))
  }

  @Test("an expired certificate, of the server or of the authority, is named with its last moment")
  func expired() throws {
    let own = try Certificates()
    try own.add("old", days: -1)
    guard case .expired(let path, let since)? = error(own["old.crt"], own["old.key"]) else {
      Issue.record("it was accepted")
      return
    }
    #expect(path == own["old.crt"] && since.hasSuffix("GMT"))
    let authority = error(certificates["server.crt"], certificates["server.key"], own["old.crt"])
    guard case .expired(own["old.crt"], _)? = authority else {
      Issue.record("\(String(describing: authority))")
      return
    }
  }

  @Test("each error is one line that names its file")
  func descriptions() {
    let errors: [TLSContextError] = [
      .missing(path: "/a/b"), .notReadable(path: "/a/b", reason: "r"),
      .notACertificate(path: "/a/b"),
      .notAKey(path: "/a/b"), .keyNeedsPassword(path: "/a/b"), .expired(path: "/a/b", since: "s"),
      .notYetValid(path: "/a/b", from: "f"), .keyMismatch(certificatePath: "/a/b", keyPath: "/c"),
      .refused(path: "/a/b", reason: "r"),
    ]
    for error in errors {
      #expect("\(error)".contains("/a/b") && !"\(error)".contains("\n"))
    }
  }
}
