internal import Bytes
internal import COpenSSL

/// One direction of a TLS 1.3 connection: what its records are sealed with (RFC 8446 §5.2, §5.3, §7).
///
/// No nonce is ever used twice with a key: it is made of the number of the record, which only grows,
/// and both begin anew with a new secret. What is secret is wiped when it ends.
@safe struct TLSTrafficKeys: ~Copyable {
  let suite: TLSCipherSuite
  // At one place for as long as they live, so that no copies stay behind: the secret in 48 bytes,
  // the key in 32, the IV in 12.
  private let secrets: UnsafeMutablePointer<UInt8>
  /// Records that these keys have sealed or opened.
  private(set) var sequence: UInt64

  /// Bytes of a record's head.
  static let headBytes = 5
  /// Bytes of content in a record at most (RFC 8446 §5.1).
  static let contentBytesMax = 16 << 10
  /// What may stand behind a head: content, its kind, padding, and the tag (RFC 8446 §5.2).
  static let sealedBytesMax = contentBytesMax + 256
  private static let secretsBytes =
    TLSCipherSuite.secretBytesMax + TLSCipherSuite.keyBytesMax + TLSCipherSuite.ivBytes

  private var key: UnsafeMutablePointer<UInt8> {
    unsafe secrets + TLSCipherSuite.secretBytesMax
  }
  private var iv: UnsafeMutablePointer<UInt8> { unsafe key + TLSCipherSuite.keyBytesMax }

  /// - Parameters:
  ///   - secret: an application traffic secret, as long as the suite's hash.
  ///   - sequence: records that were sealed or opened under it.
  init(suite: TLSCipherSuite, secret: Span<UInt8>, sequence: UInt64) {
    precondition(secret.count == suite.secretBytes, "a traffic secret is as long as its hash")
    self.suite = suite
    self.sequence = sequence
    unsafe secrets = .allocate(capacity: Self.secretsBytes)
    unsafe secrets.initialize(repeating: 0, count: Self.secretsBytes)
    for index in 0..<secret.count { unsafe secrets[index] = secret[index] }
    derive()
  }

  deinit {
    unsafe OPENSSL_cleanse(secrets, Self.secretsBytes)
    unsafe secrets.deallocate()
  }

  // MARK: Keys (RFC 8446 §7)

  /// The next secret, with new keys and numbers (§7.2).
  mutating func update() {
    var next = [48 of UInt8](repeating: 0)
    var bytes = next.mutableSpan
    unsafe bytes.withUnsafeMutableBufferPointer { next in
      unsafe expand("traffic upd", into: next.baseAddress!, count: suite.secretBytes)
      unsafe secrets.update(from: next.baseAddress!, count: suite.secretBytes)
      unsafe OPENSSL_cleanse(next.baseAddress, next.count)
    }
    sequence = 0
    derive()
  }

  /// Key and IV of the secret (§7.3).
  private func derive() {
    unsafe expand("key", into: key, count: suite.keyBytes)
    unsafe expand("iv", into: iv, count: TLSCipherSuite.ivBytes)
  }

  /// HKDF-Expand-Label without a context (§7.1). At most as much as the hash gives at once, so that
  /// it is one HMAC (RFC 5869 §2.3).
  @unsafe private func expand(
    _ label: StaticString, into target: UnsafeMutablePointer<UInt8>, count: Int
  ) {
    precondition(count <= suite.secretBytes, "more than one block of the hash")
    var info = ByteBuffer(capacity: 32)
    info.append(UInt8(count >> 8))
    info.append(UInt8(count & 0xff))
    info.append(UInt8(6 + label.utf8CodeUnitCount))
    info.append("tls13 ")
    info.append(label)
    info.append(0 as UInt8)
    info.append(1 as UInt8)
    var block = [48 of UInt8](repeating: 0)
    var bytes = block.mutableSpan
    unsafe bytes.withUnsafeMutableBufferPointer { block in
      var length: UInt32 = 0
      let made = unsafe info.span.withUnsafeBufferPointer { info in
        unsafe HMAC(
          suite.digest, secrets, Int32(suite.secretBytes), info.baseAddress, info.count,
          block.baseAddress, &length)
      }
      precondition(
        unsafe made != nil && Int(length) == suite.secretBytes, "OpenSSL refused an HMAC")
      unsafe target.update(from: block.baseAddress!, count: count)
      unsafe OPENSSL_cleanse(block.baseAddress, block.count)
    }
  }

  /// The number of the record, with the IV (§5.3).
  private func nonce() -> [12 of UInt8] {
    [12 of UInt8] { index in
      let shift = 8 * UInt64(11 - index)
      let number = index < 4 ? 0 : UInt8(truncatingIfNeeded: sequence >> shift)
      return unsafe iv[index] ^ number
    }
  }

  // MARK: Records (RFC 8446 §5.2)

  /// Appends a record with this content, of at most 16 KiB.
  mutating func seal(_ kind: TLSContentKind, _ content: Span<UInt8>, into buffer: inout ByteBuffer)
  {
    precondition(content.count <= Self.contentBytesMax, "more than a record holds")
    seal(content, last: kind.rawValue, into: &buffer)
  }

  /// Appends a record whose inner text is `content` and one byte more: the kind, where there is no padding.
  mutating func seal(_ content: Span<UInt8>, last: UInt8, into buffer: inout ByteBuffer) {
    let length = content.count + 1 + TLSCipherSuite.tagBytes
    let head = Self.head(length)
    let nonce = nonce()
    _ = unsafe buffer.fill(minimum: Self.headBytes + length) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      for index in 0..<Self.headBytes { unsafe target[index] = head[index] }
      let body = unsafe target + Self.headBytes
      var end = content.count
      var last = last
      let sealed = unsafe nonce.span.withUnsafeBufferPointer { nonce in
        guard
          let context = unsafe suite.begin(key: key, nonce: nonce.baseAddress!, seals: true),
          unsafe Self.pass(head.span, through: context, to: nil),
          unsafe Self.pass(content, through: context, to: body)
        else { return false }
        var (written, none): (Int32, Int32) = (0, 0)
        guard unsafe EVP_CipherUpdate(context, body + end, &written, &last, 1) == 1 else {
          return false
        }
        end += 1
        return unsafe EVP_CipherFinal_ex(context, body + end, &none) == 1
          && EVP_CIPHER_CTX_ctrl(
            context, EVP_CTRL_AEAD_GET_TAG, Int32(TLSCipherSuite.tagBytes), body + end) == 1
      }
      precondition(sealed, "OpenSSL refused to seal")
      return Self.headBytes + length
    }
    advance()
  }

  /// Appends the content of a record, and says what kind it is. Where the record cannot be used nothing is
  /// appended, and the connection is to end.
  ///
  /// - Parameter record: head and all, as long as the head says.
  mutating func open(
    _ record: Span<UInt8>, into buffer: inout ByteBuffer
  ) -> Result<TLSContentKind, TLSRecordError> {
    let count = record.count - Self.headBytes - TLSCipherSuite.tagBytes
    guard count >= 1 else { return .failure(.badRecord) }
    let head = record.extracting(0..<Self.headBytes)
    let body = record.extracting(Self.headBytes..<Self.headBytes + count)
    let tag = record.extracting(Self.headBytes + count..<record.count)
    let nonce = nonce()
    var result = Result<TLSContentKind, TLSRecordError>.failure(.badRecord)
    _ = unsafe buffer.fill(minimum: count) { room in
      let target = unsafe room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      let isAuthentic = unsafe nonce.span.withUnsafeBufferPointer { nonce in
        var none: Int32 = 0
        guard let context = unsafe suite.begin(key: key, nonce: nonce.baseAddress!, seals: false)
        else { return false }
        return unsafe Self.pass(head, through: context, to: nil)
          && Self.pass(body, through: context, to: target)
          && Self.expect(tag, of: context)
          && EVP_CipherFinal_ex(context, target + count, &none) == 1
      }
      var end = 0
      if isAuthentic {
        // Padding is zeros; before it stands the kind.
        end = count - 1
        while unsafe end > 0 && target[end] == 0 { end -= 1 }
        result = unsafe Self.kind(target[end], contentBytes: end)
      }
      if case .success = result { return end }
      // Nobody may ever see what was deciphered and is not to be used.
      unsafe OPENSSL_cleanse(target, count)
      return 0
    }
    advance()
    return result
  }

  private static func kind(
    _ code: UInt8, contentBytes: Int
  ) -> Result<TLSContentKind, TLSRecordError> {
    if contentBytes > contentBytesMax { return .failure(.tooLong) }
    guard let kind = TLSContentKind(rawValue: code) else { return .failure(.unexpected) }
    return .success(kind)
  }

  private mutating func advance() {
    // 2^64 records are more than any connection lives to see.
    precondition(sequence < .max, "the numbers of a connection's records are used up")
    sequence += 1
  }

  private static func head(_ length: Int) -> [5 of UInt8] {
    [
      TLSContentKind.applicationData.rawValue, 3, 3, UInt8(length >> 8), UInt8(length & 0xff),
    ]
  }

  /// Seals or opens the next bytes; without a target they are associated data.
  @unsafe private static func pass(
    _ bytes: Span<UInt8>, through context: OpaquePointer, to target: UnsafeMutablePointer<UInt8>?
  ) -> Bool {
    var written: Int32 = 0
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      // Without bytes there is no pointer, which OpenSSL would take for the end of the message.
      unsafe bytes.isEmpty
        || EVP_CipherUpdate(context, target, &written, bytes.baseAddress, Int32(bytes.count)) == 1
    }
  }

  @unsafe private static func expect(_ tag: Span<UInt8>, of context: OpaquePointer) -> Bool {
    unsafe tag.withUnsafeBufferPointer { tag in
      // OpenSSL reads the tag and never writes it.
      let start = unsafe UnsafeMutablePointer(mutating: tag.baseAddress)
      return unsafe EVP_CIPHER_CTX_ctrl(
        context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), start) == 1
    }
  }
}
