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
    _ = unsafe buffer.fill(minimum: plaintext.count + Self.tagBytes) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      let tag = unsafe target + plaintext.count
      var none: Int32 = 0
      let sealed =
        unsafe Self.begin(sealing, nonce, associatedData)
        && Self.pass(plaintext, through: sealing, to: target)
        && EVP_CipherFinal_ex(sealing, tag, &none) == 1
        && EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1
      precondition(sealed, "OpenSSL refused to seal")
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
    let ciphertext = sealed.extracting(0..<count)
    let tag = sealed.extracting(count..<sealed.count)
    var isGenuine = false
    _ = unsafe buffer.fill(minimum: count + 1) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      var none: Int32 = 0
      isGenuine =
        unsafe Self.begin(opening, nonce, associatedData)
        && Self.pass(ciphertext, through: opening, to: target)
        && Self.expect(tag, of: opening)
        && EVP_CipherFinal_ex(opening, target + count, &none) == 1
      if isGenuine { return count }
      // Nobody may ever see what was deciphered and is not authentic.
      unsafe OPENSSL_cleanse(target, count)
      return 0
    }
    return isGenuine
  }

  /// Starts a message, in the direction and with the key that the context was made with.
  private static func begin(
    _ context: OpaquePointer, _ nonce: Nonce, _ associatedData: Span<UInt8>
  ) -> Bool {
    let nonce = nonce.bytes
    let started = unsafe nonce.span.withUnsafeBufferPointer { nonce in
      unsafe EVP_CipherInit_ex2(context, nil, nil, nonce.baseAddress, -1, nil) == 1
    }
    return unsafe started && pass(associatedData, through: context, to: nil)
  }

  /// Seals or opens the next bytes; without a target they are associated data.
  private static func pass(
    _ bytes: Span<UInt8>, through context: OpaquePointer, to target: UnsafeMutablePointer<UInt8>?
  ) -> Bool {
    var written: Int32 = 0
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      // Without bytes there is no pointer, which OpenSSL would take for the end of the message.
      unsafe bytes.isEmpty
        || EVP_CipherUpdate(context, target, &written, bytes.baseAddress, Int32(bytes.count)) == 1
    }
  }

  private static func expect(_ tag: Span<UInt8>, of context: OpaquePointer) -> Bool {
    unsafe tag.withUnsafeBufferPointer { tag in
      // OpenSSL reads the tag and never writes it.
      let start = unsafe UnsafeMutablePointer(mutating: tag.baseAddress)
      return unsafe EVP_CIPHER_CTX_ctrl(
        context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), start) == 1
    }
  }
}
