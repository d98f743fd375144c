internal import COpenSSL

/// What has to be known of a handshake to go on without the session that made it: the traffic secrets, and how
/// many records each side has sealed with the keys that come of them.
///
/// OpenSSL tells the secrets by its key log, and each record and message by its message callback. They
/// are kept here and nowhere else, and wiped.
@safe struct TLSHandshakeNotes: ~Copyable {
  /// The client's secret in the first 48 bytes, the server's behind it.
  private let secrets: UnsafeMutablePointer<UInt8>
  private var clientBytes = 0
  private var serverBytes = 0
  /// Records of the client, and of this server, under the application keys.
  private(set) var opened: UInt64 = 0
  private(set) var sealed: UInt64 = 0
  /// Keys have been updated since: the secrets here are old.
  private(set) var isOutdated = false

  private static let secretBytes = TLSCipherSuite.secretBytesMax

  init() {
    unsafe secrets = .allocate(capacity: 2 * Self.secretBytes)
    unsafe secrets.initialize(repeating: 0, count: 2 * Self.secretBytes)
  }

  deinit {
    unsafe OPENSSL_cleanse(secrets, 2 * Self.secretBytes)
    unsafe secrets.deallocate()
  }

  /// Calls `body` with the secrets of client and server; nil where they are not those of the suite.
  func withSecrets<Result: ~Copyable>(
    of suite: TLSCipherSuite, _ body: (_ client: Span<UInt8>, _ server: Span<UInt8>) -> Result
  ) -> Result? {
    guard clientBytes == suite.secretBytes, serverBytes == suite.secretBytes else { return nil }
    let client = unsafe UnsafeBufferPointer(start: secrets, count: clientBytes)
    let server = unsafe UnsafeBufferPointer(start: secrets + Self.secretBytes, count: serverBytes)
    return unsafe body(client.span, server.span)
  }

  // MARK: What OpenSSL tells

  /// Has the sessions of a context tell what is noted here.
  @unsafe static func take(from context: OpaquePointer) {
    unsafe SSL_CTX_set_keylog_callback(context, keyLogged)
    unsafe SSL_CTX_set_msg_callback(context, messageSeen)
  }

  /// A line of the key log: a label, the client's random number, the secret; in hexadecimal digits.
  /// Source: draft-ietf-tls-keylogfile.
  @unsafe fileprivate mutating func note(keyLogLine line: UnsafePointer<CChar>) {
    let isClient = unsafe Self.begins(line, with: "CLIENT_TRAFFIC_SECRET_0 ")
    guard isClient || (unsafe Self.begins(line, with: "SERVER_TRAFFIC_SECRET_0 ")) else { return }
    let target = unsafe isClient ? secrets : secrets + Self.secretBytes
    // Label and random number have the same length in both.
    var digit = unsafe line + 24 + 64 + 1
    var count = 0
    while count < Self.secretBytes, let high = unsafe Self.value(ofDigit: digit[0]),
      let low = unsafe Self.value(ofDigit: digit[1])
    {
      unsafe target[count] = high << 4 | low
      count += 1
      unsafe digit += 2
    }
    if isClient { clientBytes = count } else { serverBytes = count }
  }

  @unsafe private static func begins(
    _ line: UnsafePointer<CChar>, with label: StaticString
  ) -> Bool {
    // A shorter line differs at its end, which is 0.
    for index in 0..<label.utf8CodeUnitCount
    where unsafe UInt8(bitPattern: line[index]) != label.utf8Start[index] { return false }
    return true
  }

  private static func value(ofDigit digit: CChar) -> UInt8? {
    switch UInt8(bitPattern: digit) {
    case let code where code >= 0x30 && code <= 0x39: code - 0x30
    case let code where code >= 0x61 && code <= 0x66: code - 0x61 + 10
    case let code where code >= 0x41 && code <= 0x46: code - 0x41 + 10
    default: nil
    }
  }

  /// A record was begun to be read, or written.
  fileprivate mutating func noteRecord(isOwn: Bool) {
    if isOwn { sealed += 1 } else { opened += 1 }
  }

  /// A message of the handshake was read, or written with the record that ends with it.
  fileprivate mutating func noteMessage(kind: UInt8, isOwn: Bool) {
    switch Int32(kind) {
    case SSL3_MT_FINISHED:
      // The application keys of that side begin behind it (RFC 8446 §4.4.4).
      if isOwn { sealed = 0 } else { opened = 0 }
    case SSL3_MT_KEY_UPDATE: isOutdated = true
    default: break
    }
  }
}

private func keyLogged(_ session: OpaquePointer?, _ line: UnsafePointer<CChar>?) {
  guard let wire = unsafe TLSWire.of(session), let line = unsafe line else { return }
  unsafe wire.pointee.notes?.note(keyLogLine: line)
}

private func messageSeen(
  _ isOwn: Int32, _ version: Int32, _ kind: Int32, _ bytes: UnsafeRawPointer?, _ count: Int,
  _ session: OpaquePointer?, _ context: UnsafeMutableRawPointer?
) {
  // One of records' heads, or one of messages; there are others.
  guard kind == SSL3_RT_HEADER || kind == SSL3_RT_HANDSHAKE,
    let wire = unsafe TLSWire.of(session)
  else { return }
  if kind == SSL3_RT_HEADER {
    unsafe wire.pointee.notes?.noteRecord(isOwn: isOwn == 1)
  } else if count > 0, let bytes = unsafe bytes {
    let first = unsafe bytes.load(as: UInt8.self)
    unsafe wire.pointee.notes?.noteMessage(kind: first, isOwn: isOwn == 1)
  }
}
