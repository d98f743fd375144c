public import Bytes
import COpenSSL

/// AES-256-GCM (NIST SP 800-38D): what it seals can be neither read nor changed without the key.
///
/// One context per direction stays alive, so that a message costs a new nonce and not a new key
/// schedule. It belongs to one owner at a time: it may move between threads, never be shared.
/// OpenSSL wipes the key when the contexts end.
@safe public struct AEAD: ~Copyable, @unchecked Sendable {
  /// Bytes of a key.
  public static let keyBytes = 32
  /// Bytes that sealing adds.
  public static let tagBytes = 16

  private let sealing: OpaquePointer
  private let opening: OpaquePointer

  /// `key` has 32 bytes, of a good random source or derived from one.
  public init(key: Span<UInt8>) {
    precondition(key.count == Self.keyBytes, "an AES-256 key has 32 bytes")
    guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil),
      let sealing = unsafe EVP_CIPHER_CTX_new(), let opening = unsafe EVP_CIPHER_CTX_new()
    else { preconditionFailure("OpenSSL offers no AES-256-GCM, or memory is out") }
    unsafe self.sealing = sealing
    unsafe self.opening = opening
    let ready = unsafe key.withUnsafeBufferPointer { key in
      unsafe EVP_EncryptInit_ex2(sealing, cipher, key.baseAddress, nil, nil) == 1
        && EVP_DecryptInit_ex2(opening, cipher, key.baseAddress, nil, nil) == 1
    }
    unsafe EVP_CIPHER_free(cipher)  // the contexts hold references of their own
    precondition(ready, "OpenSSL refused an AES-256-GCM key")
  }

  deinit {
    unsafe EVP_CIPHER_CTX_free(sealing)
    unsafe EVP_CIPHER_CTX_free(opening)
  }

  /// Appends the ciphertext, as long as `plaintext`, and then the tag of 16 bytes.
  ///
  /// `associatedData` is not stored but must be the same for opening. Never seal two messages with
  /// the same nonce. At most 2 GiB.
  public mutating func seal(
    nonce: Nonce, associatedData: Span<UInt8>, plaintext: Span<UInt8>, into buffer: inout ByteBuffer
  ) {
    precondition(
      plaintext.count <= Int(Int32.max) && associatedData.count <= Int(Int32.max),
      "sealed more than OpenSSL takes at once")
    let nonce = nonce.bytes
    _ = unsafe buffer.fill(minimum: plaintext.count + Self.tagBytes) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      var written: Int32 = 0
      var ok = unsafe nonce.span.withUnsafeBufferPointer {
        unsafe EVP_EncryptInit_ex2(sealing, nil, nil, $0.baseAddress, nil) == 1
      }
      if !associatedData.isEmpty {
        ok = unsafe associatedData.withUnsafeBufferPointer {
          unsafe EVP_EncryptUpdate(sealing, nil, &written, $0.baseAddress, Int32($0.count)) == 1
        } && ok
      }
      if !plaintext.isEmpty {
        ok = unsafe plaintext.withUnsafeBufferPointer {
          unsafe EVP_EncryptUpdate(sealing, target, &written, $0.baseAddress, Int32($0.count)) == 1
        } && ok
      }
      let tag = unsafe target + plaintext.count
      ok = unsafe EVP_EncryptFinal_ex(sealing, tag, &written) == 1 && ok
      ok = unsafe EVP_CIPHER_CTX_ctrl(
        sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1 && ok
      precondition(ok, "OpenSSL refused to seal")
      return plaintext.count + Self.tagBytes
    }
  }

  /// Appends the plaintext of `sealed` (ciphertext and tag). Where key, nonce, associated data or a
  /// single bit is not what it was, it appends nothing and returns false.
  public mutating func open(
    nonce: Nonce, associatedData: Span<UInt8>, sealed: Span<UInt8>, into buffer: inout ByteBuffer
  ) -> Bool {
    let count = sealed.count - Self.tagBytes
    guard count >= 0, count <= Int(Int32.max), associatedData.count <= Int(Int32.max) else {
      return false
    }
    let nonce = nonce.bytes
    var genuine = false
    _ = unsafe buffer.fill(minimum: count + 1) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      var written: Int32 = 0
      var ok = unsafe nonce.span.withUnsafeBufferPointer {
        unsafe EVP_DecryptInit_ex2(opening, nil, nil, $0.baseAddress, nil) == 1
      }
      if !associatedData.isEmpty {
        ok = unsafe associatedData.withUnsafeBufferPointer {
          unsafe EVP_DecryptUpdate(opening, nil, &written, $0.baseAddress, Int32($0.count)) == 1
        } && ok
      }
      ok = unsafe sealed.withUnsafeBufferPointer { sealed in
        let start = sealed.baseAddress!
        let deciphered = unsafe count == 0
          || EVP_DecryptUpdate(opening, target, &written, start, Int32(count)) == 1
        // OpenSSL reads the tag and never writes it.
        let tag = unsafe UnsafeMutablePointer(mutating: start + count)
        return unsafe deciphered
          && EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), tag) == 1
      } && ok
      genuine = unsafe ok && EVP_DecryptFinal_ex(opening, target + count, &written) == 1
      if genuine { return count }
      // Nobody may ever see what was deciphered but not authentic.
      unsafe OPENSSL_cleanse(target, count)
      return 0
    }
    return genuine
  }
}
