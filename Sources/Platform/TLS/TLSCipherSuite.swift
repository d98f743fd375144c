internal import COpenSSL
internal import Glibc

/// The cipher suites of TLS 1.3 that this product offers (RFC 8446 §B.4).
enum TLSCipherSuite: UInt16 {
  case aes128GCM = 0x1301
  case aes256GCM = 0x1302
  case chaCha20Poly1305 = 0x1303

  static let keyBytesMax = 32
  static let secretBytesMax = 48
  /// Of the nonce, in all of them.
  static let ivBytes = 12
  /// What sealing adds, in all of them.
  static let tagBytes = 16

  var keyBytes: Int { self == .aes128GCM ? 16 : 32 }
  /// Of the hash, which is as long as a traffic secret.
  var secretBytes: Int { self == .aes256GCM ? 48 : 32 }

  /// SHA-256 or SHA-384; OpenSSL's own, for the life of the process.
  @unsafe var digest: OpaquePointer? {
    unsafe self == .aes256GCM ? EVP_sha384() : EVP_sha256()
  }

  @unsafe var cipher: OpaquePointer? {
    switch self {
    case .aes128GCM: unsafe Self.fetched.aes128
    case .aes256GCM: unsafe Self.fetched.aes256
    case .chaCha20Poly1305: unsafe Self.fetched.chaCha
    }
  }

  /// Looked up once for the process: a look-up takes longer than sealing a short record.
  @safe private struct Fetched: @unchecked Sendable {
    // Unchecked, because nothing changes it once it is made.
    let aes128 = unsafe EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
    let aes256 = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
    let chaCha = unsafe EVP_CIPHER_fetch(nil, "ChaCha20-Poly1305", nil)
  }
  private static let fetched = Fetched()

  // MARK: The context of a thread

  private static let contextKey: pthread_key_t = {
    var key = pthread_key_t()
    let made = unsafe pthread_key_create(&key) { context in
      unsafe EVP_CIPHER_CTX_free(context.map { OpaquePointer($0) })
    }
    precondition(made == 0, "the process has no room for one more thread's value")
    return key
  }()

  /// One cipher context for each thread, which takes a new key for each record. A stream then keeps
  /// its key of 16 or 32 bytes, and not a context of more than a thousand.
  @unsafe private static var context: OpaquePointer {
    if let context = unsafe pthread_getspecific(contextKey) { return OpaquePointer(context) }
    guard let context = unsafe EVP_CIPHER_CTX_new() else { preconditionFailure("memory is out") }
    unsafe pthread_setspecific(contextKey, UnsafeRawPointer(context))
    return unsafe context
  }

  /// The context of this thread, ready for a message with this key and nonce; nil where OpenSSL
  /// refuses, which it does only without memory.
  @unsafe func begin(
    key: UnsafePointer<UInt8>, nonce: UnsafePointer<UInt8>, seals: Bool
  ) -> OpaquePointer? {
    let context = unsafe Self.context
    // A cipher that is named again is set up again from nothing.
    let same = unsafe EVP_CIPHER_CTX_get0_cipher(context) == cipher
    let ready = unsafe EVP_CipherInit_ex2(
      context, same ? nil : cipher, key, nonce, seals ? 1 : 0, nil)
    return unsafe ready == 1 ? context : nil
  }
}
