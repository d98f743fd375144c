internal import COpenSSL

/// What the TLS connections of one side have in common: the certificate, the key, whom it trusts.
///
/// It never changes once it is made, and all threads share it; sessions keep what they need of it
/// alive. TLS 1.2 and 1.3 only, with ephemeral keys and authenticated encryption, without
/// compression and renegotiation. 0-RTT data is never accepted, so that nothing can be replayed.
@safe public final class TLSContext: @unchecked Sendable {
  // Unchecked, because OpenSSL guards what it changes here itself: SSL_CTX counts references.
  let handle: OpaquePointer
  /// The last moment of the own certificate, as in `Nov 21 04:00:00 2027 GMT`; empty without one.
  public private(set) var validUntil = ""
  /// Days that are left to the own certificate.
  public private(set) var daysLeft = Int.max

  private init(_ method: OpaquePointer?, path: String) throws(TLSContextError) {
    guard let handle = unsafe SSL_CTX_new(method) else {
      throw .refused(path: path, reason: "out of memory")
    }
    unsafe self.handle = handle
    _ = unsafe copenssl_set_versions(handle)
    unsafe copenssl_set_options(handle)
    // TLS 1.2 by OpenSSL's names; the three suites of TLS 1.3 are all modern.
    _ = unsafe SSL_CTX_set_cipher_list(handle, "ECDHE+AESGCM:ECDHE+CHACHA20")
    _ = unsafe SSL_CTX_set_ciphersuites(
      handle, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
    _ = unsafe copenssl_set_groups(handle, "X25519:P-256:P-384")
  }

  deinit { unsafe SSL_CTX_free(handle) }

  /// The side that accepts connections.
  ///
  /// - Parameters:
  ///   - certificateFile: PEM; the server's certificate, and behind it those between it and its
  ///     authority.
  ///   - keyFile: PEM, without a password.
  ///   - clientCAFile: PEM; the authorities whose client certificates are accepted. With nil no
  ///     client is asked for a certificate. With a file, clients are asked; one that shows a
  ///     certificate of another authority is refused.
  ///   - requireClientCertificate: also those that show none are refused. Needs `clientCAFile`.
  public static func server(
    certificateFile: String, keyFile: String, clientCAFile: String?,
    requireClientCertificate: Bool
  ) throws(TLSContextError) -> TLSContext {
    precondition(clientCAFile != nil || !requireClientCertificate, "whose certificates?")
    let context = try unsafe TLSContext(TLS_server_method(), path: certificateFile)
    try context.use(certificateFile: certificateFile, keyFile: keyFile)
    unsafe SSL_CTX_set_alpn_select_cb(context.handle, chooseProtocol, nil)
    var trusted: [UInt8] = [requireClientCertificate ? 1 : 0]
    if let clientCAFile {
      try context.trust(clientCAFile, tellsClients: true, digests: &trusted)
      var mode = SSL_VERIFY_PEER
      if requireClientCertificate { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
      unsafe SSL_CTX_set_verify(context.handle, mode, nil)
    }
    // A ticket is good only where the same authorities are trusted as when it was given, and
    // only where clients without a certificate are treated alike.
    var sessionID = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    _ = unsafe SHA256(trusted, trusted.count, &sessionID)
    _ = unsafe SSL_CTX_set_session_id_context(context.handle, sessionID, UInt32(sessionID.count))
    TicketKeys.use(in: context)
    unsafe TLSHandshakeNotes.take(from: context.handle)
    return context
  }

  /// The side that connects. It accepts only certificates that match the server's name.
  ///
  /// - Parameters:
  ///   - caFile: PEM; the authorities to trust. With nil those that the system trusts.
  ///   - certificateFile: PEM; shown to servers that ask for one. Together with `keyFile`.
  ///   - keyFile: PEM, without a password.
  public static func client(
    caFile: String?, certificateFile: String? = nil, keyFile: String? = nil
  ) throws(TLSContextError) -> TLSContext {
    let context = try unsafe TLSContext(TLS_client_method(), path: caFile ?? "TLS")
    if let certificateFile, let keyFile {
      try context.use(certificateFile: certificateFile, keyFile: keyFile)
    }
    if let caFile {
      var digests: [UInt8] = []
      try context.trust(caFile, tellsClients: false, digests: &digests)
    } else {
      _ = unsafe SSL_CTX_set_default_verify_paths(context.handle)
    }
    unsafe SSL_CTX_set_verify(context.handle, SSL_VERIFY_PEER, nil)
    let offered = TLSContext.protocolName
    _ = unsafe SSL_CTX_set_alpn_protos(context.handle, offered, UInt32(offered.count))
    return context
  }

  // MARK: Files

  private func use(certificateFile: String, keyFile: String) throws(TLSContextError) {
    let file = try PEMFile(certificateFile)
    let key = try PEMFile(keyFile).privateKey()
    var isFirst = true
    try file.forEachCertificate { (certificate) throws(TLSContextError) in
      defer { isFirst = false }
      ERR_clear_error()
      if !isFirst {
        guard unsafe copenssl_add_chain_certificate(handle, certificate.handle) == 1 else {
          throw refusal(certificateFile)
        }
        return
      }
      try certificate.checkTime(certificateFile)
      guard unsafe X509_check_private_key(certificate.handle, key.handle) == 1 else {
        ERR_clear_error()
        throw .keyMismatch(certificatePath: certificateFile, keyPath: keyFile)
      }
      guard unsafe SSL_CTX_use_certificate(handle, certificate.handle) == 1 else {
        throw refusal(certificateFile)
      }
      validUntil = certificate.validUntil
      daysLeft = certificate.daysLeft
    }
    guard unsafe SSL_CTX_use_PrivateKey(handle, key.handle) == 1 else { throw refusal(keyFile) }
  }

  /// Trusts the authorities of a file, and appends the digests of their certificates.
  private func trust(
    _ path: String, tellsClients: Bool, digests: inout [UInt8]
  ) throws(TLSContextError) {
    let store = unsafe SSL_CTX_get_cert_store(handle)
    var all = digests
    try PEMFile(path).forEachCertificate { (certificate) throws(TLSContextError) in
      try certificate.checkTime(path)
      ERR_clear_error()
      guard unsafe X509_STORE_add_cert(store, certificate.handle) == 1 else { throw refusal(path) }
      if tellsClients { _ = unsafe SSL_CTX_add_client_CA(handle, certificate.handle) }
      var own = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
      _ = unsafe X509_digest(certificate.handle, EVP_sha256(), &own, nil)
      all += own
    }
    digests = all
  }

  private func refusal(_ path: String) -> TLSContextError {
    let error = ERR_peek_last_error()
    ERR_clear_error()
    return .refused(path: path, reason: TLSFailure.reason(of: error))
  }

  // MARK: The protocol inside

  /// `http/1.1` as RFC 7301 §3.1 writes a list of names: each behind its length.
  fileprivate static let protocolName: [UInt8] = [8] + Array("http/1.1".utf8)
}

/// Chooses `http/1.1` where the client offers it; refuses one that offers other protocols only.
private func chooseProtocol(
  _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
  _ length: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredLength: UInt32,
  _ context: UnsafeMutableRawPointer?
) -> Int32 {
  let list = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredLength))
  var at = 0
  while at < list.count {
    let count = unsafe Int(list[at])
    let end = at + 1 + count
    guard end <= list.count else { break }
    if unsafe list[at..<end].elementsEqual(TLSContext.protocolName) {
      // Of the client's list, which lives until the handshake has used the choice.
      unsafe chosen?.pointee = list.baseAddress! + at + 1
      unsafe length?.pointee = UInt8(count)
      return Int32(SSL_TLSEXT_ERR_OK)
    }
    at = end
  }
  return Int32(SSL_TLSEXT_ERR_ALERT_FATAL)
}
