// The certificates of a node, read at its start and again when it is told to.

import Bytes
import Platform

/// Where a node's certificates lie, and what connections are sealed with now.
final class TLSDoor: Sendable {
  /// What `cert.sh` makes.
  struct Files: Sendable {
    let authority: String
    let certificate: String
    let key: String

    init(folder: String) {
      let folder = folder.hasSuffix("/") ? folder : folder + "/"
      authority = folder + "ca.crt"
      certificate = folder + "server.crt"
      key = folder + "server.key"
    }
  }

  private let files: Files
  private let requiresClientCertificate: Bool
  private let current: Locked<Contexts>

  /// One reading of the files: for connections that come in, and for those to other nodes.
  private struct Contexts {
    let server: TLSContext
    let peer: TLSContext
  }

  /// Below this a node says at its start, and when it reads its certificates anew, that their end is near.
  private static let warningDays = 14

  /// - Throws: `TLSContextError`, which names the file.
  init(folder: String, requiresClientCertificate: Bool) throws(TLSContextError) {
    files = Files(folder: folder)
    self.requiresClientCertificate = requiresClientCertificate
    current = Locked(try Self.read(files, requiresClientCertificate))
  }

  /// What a new connection is sealed with.
  var context: TLSContext { current.withLock { $0.server } }

  /// What a new connection to another node is sealed with: the same certificate proves this node.
  var peerContext: TLSContext { current.withLock { $0.peer } }

  /// Reads the files again. Connections that are open stay as they are.
  ///
  /// - Throws: where the files cannot be used. What was read before stays in use.
  func reload() throws(TLSContextError) {
    let contexts = try Self.read(files, requiresClientCertificate)
    current.withLock { $0 = contexts }
  }

  /// Tells what is in use, and warns where it is not for long.
  func report(_ event: StaticString, to logger: Logger) {
    let context = context
    let file = LogField("file", files.certificate)
    let end = LogField("valid_until", context.validUntil)
    logger.info(event, file, end)
    if context.daysLeft < Self.warningDays {
      logger.warn("the certificate ends soon: make a new one and send SIGHUP", file, end)
    }
  }

  private static func read(
    _ files: Files, _ requiresClientCertificate: Bool
  ) throws(TLSContextError) -> Contexts {
    Contexts(
      server: try TLSContext.server(
        certificateFile: files.certificate, keyFile: files.key, clientCAFile: files.authority,
        requireClientCertificate: requiresClientCertificate),
      peer: try TLSContext.client(
        caFile: files.authority, certificateFile: files.certificate, keyFile: files.key))
  }
}
