internal import COpenSSL

/// A certificate, owned.
@safe struct Certificate: ~Copyable {
  let handle: OpaquePointer

  @unsafe init(owning handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe X509_free(handle) }

  /// The last moment of its validity, as in `Nov 21 04:00:00 2027 GMT`.
  var validUntil: String { unsafe Self.text(of: X509_get0_notAfter(handle)) }
  var validFrom: String { unsafe Self.text(of: X509_get0_notBefore(handle)) }

  /// Days left of its validity, negative where it is over.
  var daysLeft: Int {
    var days: Int32 = 0
    var seconds: Int32 = 0
    _ = unsafe ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(handle))
    return seconds < 0 && days == 0 ? -1 : Int(days)
  }

  func checkTime(_ path: String) throws(TLSContextError) {
    if unsafe X509_cmp_current_time(X509_get0_notAfter(handle)) <= 0 {
      throw .expired(path: path, since: validUntil)
    }
    if unsafe X509_cmp_current_time(X509_get0_notBefore(handle)) > 0 {
      throw .notYetValid(path: path, from: validFrom)
    }
  }

  private static func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
    guard let text = unsafe BIO_new(BIO_s_mem()) else { return "unknown" }
    defer { unsafe BIO_free(text) }
    guard unsafe ASN1_TIME_print(text, time) == 1 else { return "unknown" }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe BIO_read(text, $0.baseAddress, Int32($0.count))
    }
    return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
  }
}

/// A private key, owned.
@safe struct PrivateKey: ~Copyable {
  let handle: OpaquePointer

  @unsafe init(owning handle: OpaquePointer) { unsafe self.handle = handle }

  deinit { unsafe EVP_PKEY_free(handle) }
}

/// The bytes of a file in PEM form, wiped from memory at the end: it may hold a key.
@safe struct PEMFile: ~Copyable {
  let path: String
  // Memory of its own, which stays in place while OpenSSL reads from it.
  private let bytes: UnsafeMutableRawBufferPointer

  /// A chain of certificates is a few KiB, a bundle of authorities a few hundred.
  private static let bytesMax = 4 << 20

  init(_ path: String) throws(TLSContextError) {
    self.path = path
    do throws(FileError) {
      var read = try Machine.readWholeFile(path, limit: Self.bytesMax)
      unsafe bytes = .allocate(byteCount: read.count, alignment: 1)
      unsafe bytes.copyBytes(from: read)
      unsafe read.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    } catch {
      if error.isMissing { throw .missing(path: path) }
      if case .system(_, let cause) = error {
        throw .notReadable(path: path, reason: SystemError.text(of: cause.code))
      }
      throw .notReadable(path: path, reason: "it is larger than \(Self.bytesMax) bytes")
    }
  }

  deinit {
    unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    unsafe bytes.deallocate()
  }

  /// Calls `body` with each certificate of the file, in order; at least once.
  func forEachCertificate(
    _ body: (borrowing Certificate) throws(TLSContextError) -> Void
  ) throws(TLSContextError) {
    let source = try unsafe source()
    defer { unsafe BIO_free(source) }
    var count = 0
    while true {
      ERR_clear_error()
      guard let handle = unsafe PEM_read_bio_X509(source, nil, noPassword, nil) else { break }
      count += 1
      try body(unsafe Certificate(owning: handle))
    }
    // The end of the file is told as a missing start of a further one.
    let isEnd = copenssl_is_end_of_file(ERR_peek_last_error()) != 0
    ERR_clear_error()
    guard count > 0, isEnd else { throw .notACertificate(path: path) }
  }

  func privateKey() throws(TLSContextError) -> PrivateKey {
    let source = try unsafe source()
    defer { unsafe BIO_free(source) }
    ERR_clear_error()
    defer { ERR_clear_error() }
    if let handle = unsafe PEM_read_bio_PrivateKey(source, nil, noPassword, nil) {
      return unsafe PrivateKey(owning: handle)
    }
    if copenssl_is_bad_password(ERR_peek_last_error()) != 0
      || copenssl_is_bad_password(ERR_peek_error()) != 0
    {
      throw .keyNeedsPassword(path: path)
    }
    throw .notAKey(path: path)
  }

  @unsafe private func source() throws(TLSContextError) -> OpaquePointer {
    guard let source = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
      throw .notReadable(path: path, reason: "out of memory")
    }
    return unsafe source
  }
}

/// Without it OpenSSL would ask the terminal for the password of a protected file.
private func noPassword(
  _ target: UnsafeMutablePointer<CChar>?, _ room: Int32, _ isWritten: Int32,
  _ context: UnsafeMutableRawPointer?
) -> Int32 { -1 }
