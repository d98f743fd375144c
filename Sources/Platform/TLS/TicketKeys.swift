internal import Bytes
internal import COpenSSL

/// The keys that seal session tickets: with one a client resumes without a full handshake.
///
/// The whole process shares them, so that a ticket of one loop is good on every other, and after
/// the certificates were read anew. They never leave its memory. A key seals for `lifetimeSeconds`
/// and opens for as long again: whoever steals the memory of the process can read, of the
/// connections resumed before, those of the last hours at most (and of TLS 1.2 only: those of
/// TLS 1.3 agree on fresh keys).
struct TicketKeys {
  /// A ticket is good for as long as a key seals (RFC 8446 §4.6.1 allows a week).
  static let lifetimeSeconds: UInt64 = 3 * 3600

  private static let shared = Locked(TicketKeys())

  private struct Key {
    var name = [UInt8](repeating: 0, count: 16)
    var cipher = [UInt8](repeating: 0, count: 32)
    var mac = [UInt8](repeating: 0, count: 32)
    let made: Instant

    init(made: Instant) {
      self.made = made
      fill(&name)
      fill(&cipher)
      fill(&mac)
    }

    private func fill(_ bytes: inout [UInt8]) {
      precondition(unsafe RAND_bytes(&bytes, Int32(bytes.count)) == 1, "no randomness")
    }

    mutating func wipe() {
      unsafe cipher.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
      unsafe mac.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
  }

  /// The newest last; at most two.
  private var keys: [Key] = []

  /// Has a context seal its tickets with these keys.
  static func use(in context: TLSContext) {
    unsafe SSL_CTX_set_timeout(context.handle, Int(lifetimeSeconds))
    // One ticket a handshake: further ones cost time and serve clients that open several
    // connections at once from one of ours.
    _ = unsafe SSL_CTX_set_num_tickets(context.handle, 1)
    _ = unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context.handle, sealOrOpen)
  }

  /// Makes a new key where the newest has sealed long enough.
  private mutating func rotate(now: Instant) {
    let lifetime = Self.lifetimeSeconds * 1_000_000_000
    if let newest = keys.last, now.nanoseconds - newest.made.nanoseconds < lifetime { return }
    if keys.count > 1 {
      keys[0].wipe()
      keys.removeFirst()
    }
    keys.append(Key(made: now))
  }

  @unsafe fileprivate static func seal(
    _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?
  ) -> Int32 {
    guard unsafe RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 else {
      return -1
    }
    return shared.withLock { keys in
      keys.rotate(now: SystemClock.monotonic())
      guard let key = keys.keys.last else { return -1 }
      for index in 0..<16 { unsafe name[index] = key.name[index] }
      let isSet = unsafe EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, vector, nil)
      return unsafe isSet == 1 && setMAC(mac, key.mac) ? 1 : -1
    }
  }

  @unsafe fileprivate static func open(
    _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?
  ) -> Int32 {
    let wanted = unsafe Array(UnsafeBufferPointer(start: name, count: 16))
    return shared.withLock { keys in
      keys.rotate(now: SystemClock.monotonic())
      guard let index = keys.keys.lastIndex(where: { $0.name == wanted }) else { return 0 }
      let key = keys.keys[index]
      let isSet = unsafe EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, vector, nil)
      guard unsafe isSet == 1 && setMAC(mac, key.mac) else { return -1 }
      // 2 asks for a new ticket.
      return index == keys.keys.count - 1 ? 1 : 2
    }
  }

  @unsafe private static func setMAC(_ context: OpaquePointer?, _ key: [UInt8]) -> Bool {
    var key = key
    return unsafe key.withUnsafeMutableBytes { bytes in
      unsafe copenssl_set_ticket_mac(context, bytes.baseAddress, bytes.count) == 1
    }
  }
}

/// OpenSSL asks for the key of a ticket: to seal a new one, or to open the one that came.
private func sealOrOpen(
  _ session: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?,
  _ vector: UnsafeMutablePointer<UInt8>?, _ cipher: OpaquePointer?, _ mac: OpaquePointer?,
  _ seals: Int32
) -> Int32 {
  guard let name = unsafe name, let vector = unsafe vector else { return -1 }
  return seals == 1
    ? unsafe TicketKeys.seal(name, vector, cipher, mac)
    : unsafe TicketKeys.open(name, vector, cipher, mac)
}
