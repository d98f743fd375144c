public import Bytes
internal import COpenSSL
internal import Glibc

/// What became of `TLSSession.handshake`.
public enum TLSHandshakeResult: Equatable, Sendable {
  case done
  /// It goes on when the socket is readable.
  case wantsRead
  /// It goes on when the socket is writable.
  case wantsWrite
  /// The other side left.
  case closed
  /// It cannot be; an alert that says why is on its way to the other side.
  case failed(TLSFailure)
}

/// What became of `TLSSession.read`.
public enum TLSReadResult: Equatable, Sendable {
  case bytes(Int)
  /// Nothing is there. Try again when the socket is readable.
  case wantsRead
  /// Nothing is read before the other side takes what it is owed. Try again when writable.
  case wantsWrite
  /// The other side said that it will send no more.
  case closed
  /// The other side sends no more and did not say so: what came may be a part only.
  case truncated
  case failed(TLSFailure)
}

/// What became of `TLSSession.write`, `flush` and `shutdown`.
public enum TLSWriteResult: Equatable, Sendable {
  /// So many bytes are taken: sent, or kept sealed until `flush` sends them.
  case bytes(Int)
  /// Only before the end of the handshake. Try again when the socket is readable.
  case wantsRead
  /// The socket takes no more. Try again when it is writable.
  case wantsWrite
  case failed(TLSFailure)
}

/// One side of a TLS connection over a non-blocking socket that somebody else owns and closes.
///
/// It waits for nothing: every call does what can be done at once and says what it waits for. It
/// belongs to one thread at a time.
///
/// With an edge-triggered poller: call `read` until `mayReadMore` is false or it says `wantsRead`,
/// whatever the socket itself may have (OpenSSL may hold what came with earlier bytes), and after
/// each writable event `flush`.
@safe public struct TLSSession: ~Copyable {
  // One pointer, so that a connection without a session has room for little more than its absence.
  // The wire stays in place, where OpenSSL finds it, for as long as the session lives.
  let wire: UnsafeMutablePointer<TLSWire>
  /// OpenSSL's session. Nobody asks for it once it is released.
  private var handle: OpaquePointer { unsafe wire.pointee.session! }

  /// A full record (RFC 8446 §5.1).
  static let recordBytesMax = 16 << 10
  /// What is sealed at once, and leaves in one system call: four full records.
  private static let sealedAtOnceMax = 64 << 10
  /// A client that asks for answers to its messages of the protocol (key updates) and does not
  /// take them is not read any further.
  static let owedBytesMax = 16 << 10
  /// Records, of both directions together, after which a connection of TLS 1.3 takes new keys. With
  /// AES-GCM 2^24.5 full ones a direction are the limit (RFC 8446 §5.5).
  public static let recordsOfKeysMax: UInt32 = 1 << 23

  /// The side of a server, on a socket that was accepted.
  ///
  /// - Parameter recordsOfKeysMax: records after which both sides take new keys.
  public init(
    _ context: TLSContext, accepting descriptor: Int32,
    recordsOfKeysMax: UInt32 = Self.recordsOfKeysMax
  ) throws(TLSFailure) {
    let session = try unsafe Self.make(context)
    unsafe SSL_set_accept_state(session)
    unsafe wire = Self.connect(session, to: descriptor, recordsOfKeysMax)
    unsafe wire.pointee.notes = TLSHandshakeNotes()
  }

  /// The side of a client, on a socket that is connected (or about to be).
  ///
  /// - Parameters:
  ///   - serverName: a DNS name, which is also sent (SNI), or an IP address. The server's
  ///     certificate must name it.
  ///   - recordsOfKeysMax: records after which both sides take new keys.
  public init(
    _ context: TLSContext, connecting descriptor: Int32, serverName: String,
    recordsOfKeysMax: UInt32 = Self.recordsOfKeysMax
  ) throws(TLSFailure) {
    let session = try unsafe Self.make(context)
    unsafe SSL_set_connect_state(session)
    guard unsafe Self.expect(serverName, of: session) else {
      unsafe SSL_free(session)
      throw .certificate(reason: "\(serverName) is no name that a certificate could have")
    }
    unsafe wire = Self.connect(session, to: descriptor, recordsOfKeysMax)
  }

  @unsafe private static func make(_ context: TLSContext) throws(TLSFailure) -> OpaquePointer {
    guard let session = unsafe SSL_new(context.handle) else { throw .outOfMemory }
    guard let bio = unsafe BIO_new(TLSWire.method.handle) else {
      unsafe SSL_free(session)
      throw .outOfMemory
    }
    unsafe SSL_set_bio(session, bio, bio)
    return unsafe session
  }

  @unsafe private static func connect(
    _ session: OpaquePointer, to descriptor: Int32, _ recordsOfKeysMax: UInt32
  ) -> UnsafeMutablePointer<TLSWire> {
    let wire = UnsafeMutablePointer<TLSWire>.allocate(capacity: 1)
    unsafe wire.initialize(
      to: TLSWire(
        session: session, descriptor: descriptor, recordsOfKeysMax: recordsOfKeysMax))
    let bio = unsafe SSL_get_rbio(session)
    unsafe BIO_set_data(bio, wire)
    unsafe BIO_set_init(bio, 1)
    return unsafe wire
  }

  /// Has a session accept only certificates for this name; false where it is none.
  @unsafe private static func expect(_ serverName: String, of session: OpaquePointer) -> Bool {
    var name = serverName[...]
    if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
    let bare = String(name)
    // An empty name would switch the check off.
    guard !bare.isEmpty, !bare.utf8.contains(0) else { return false }
    let parameters = unsafe SSL_get0_param(session)
    unsafe X509_VERIFY_PARAM_set_hostflags(
      parameters,
      UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS) | UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
    defer { ERR_clear_error() }
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, bare) == 1 { return true }
    return unsafe copenssl_set_server_name(session, bare) == 1
      && X509_VERIFY_PARAM_set1_host(parameters, bare, 0) == 1
  }

  deinit {
    unsafe SSL_free(wire.pointee.session)
    unsafe wire.deinitialize(count: 1)
    unsafe wire.deallocate()
  }

  // MARK: The handshake

  /// Goes on with the handshake. Repeat it until it is `.done` or cannot be.
  public mutating func handshake() -> TLSHandshakeResult {
    guard unsafe wire.pointee.flush() else { return failure.map { .failed($0) } ?? .wantsWrite }
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(handle)
    if result == 1 { return .done }
    switch unsafe SSL_get_error(handle, result) {
    case SSL_ERROR_WANT_READ: return unsafe wire.pointee.outgoing.isEmpty ? .wantsRead : .wantsWrite
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: return .failed(takeFailure())
    }
  }

  /// Whether the handshake is done.
  public var isEstablished: Bool { unsafe isReleased || SSL_is_init_finished(handle) == 1 }

  // MARK: Bytes

  /// Another `read` may give something at once, without a further event of the socket.
  public var mayReadMore: Bool {
    if unsafe wire.pointee.mayHaveMore || wire.pointee.hasEnded { return true }
    if isReleased {
      return unsafe wire.pointee.saidEnd || wire.pointee.refusal != nil
        || wire.pointee.records?.hasRecord == true
    }
    return unsafe SSL_has_pending(handle) == 1
      || SSL_get_shutdown(handle) & SSL_RECEIVED_SHUTDOWN != 0
  }

  /// Appends what is there to a buffer, with room for at least `minimum` bytes in one call.
  public mutating func read(into buffer: inout ByteBuffer, minimum: Int) -> TLSReadResult {
    guard unsafe wire.pointee.flush() || wire.pointee.outgoing.count < Self.owedBytesMax else {
      return .wantsWrite
    }
    if isReleased { return readReleased(into: &buffer) }
    var result = TLSReadResult.wantsRead
    _ = unsafe buffer.fill(minimum: max(minimum, 1)) { target in
      unsafe result = read(into: target)
      if case .bytes(let count) = result { return count }
      return 0
    }
    return result
  }

  /// One call of OpenSSL gives one record at most: as many as fit are read.
  @unsafe private mutating func read(
    into target: UnsafeMutableRawBufferPointer
  ) -> TLSReadResult {
    var filled = 0
    defer { unsafe wire.pointee.waits = true }
    while filled < target.count {
      unsafe wire.pointee.waits = filled == 0
      var count = 0
      ERR_clear_error()
      let result = unsafe SSL_read_ex(
        handle, target.baseAddress! + filled, target.count - filled, &count)
      if result == 1 {
        filled += count
        countRecord()
        if unsafe SSL_has_pending(handle) == 0 && !wire.pointee.mayHaveMore { break }
        continue
      }
      let code = unsafe SSL_get_error(handle, result)
      if filled > 0 {
        // An end that comes behind bytes is told by the next call.
        if code != SSL_ERROR_WANT_READ { unsafe wire.pointee.mayHaveMore = true }
        break
      }
      switch code {
      case SSL_ERROR_WANT_READ: return .wantsRead
      case SSL_ERROR_WANT_WRITE: return .wantsWrite
      case SSL_ERROR_ZERO_RETURN: return unsafe wire.pointee.hasEnded ? .truncated : .closed
      default: return .failed(takeFailure())
      }
    }
    return .bytes(filled)
  }

  /// Seals bytes and hands them to the socket. Bytes that are counted as taken must not be written
  /// again; some of them may wait for `flush`. No bytes are `.bytes(0)`.
  public mutating func write(_ bytes: Span<UInt8>) -> TLSWriteResult {
    var taken = 0
    while true {
      if let stopped = stoppedFlush() { return taken > 0 ? .bytes(taken) : stopped }
      if taken == bytes.count { return .bytes(taken) }
      let end = min(bytes.count, taken + Self.sealedAtOnceMax)
      unsafe wire.pointee.gathers = end - taken > Self.recordBytesMax
      defer { unsafe wire.pointee.gathers = false }
      while taken < end {
        let record = bytes.extracting(taken..<min(end, taken + Self.recordBytesMax))
        if let stopped = seal(record) { return taken > 0 ? .bytes(taken) : stopped }
        taken += record.count
      }
    }
  }

  /// Seals what fits into one record; nil where it is done. OpenSSL makes several of it where the other side
  /// has asked for shorter ones (RFC 6066 §4).
  mutating func seal(_ record: Span<UInt8>) -> TLSWriteResult? {
    if isReleased {
      if let failure = unsafe wire.pointee.refusal { return .failed(failure) }
      unsafe wire.pointee.seal(record)
      countRecord()
      return nil
    }
    var sealed = 0
    while sealed < record.count {
      var count = 0
      ERR_clear_error()
      let result = unsafe record.extracting(sealed..<record.count).withUnsafeBytes {
        unsafe SSL_write_ex(handle, $0.baseAddress, $0.count, &count)
      }
      guard result == 1 else {
        switch unsafe SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        default: return .failed(takeFailure())
        }
      }
      sealed += count
      countRecord()
    }
    return nil
  }

  /// Has both sides take new keys where the ones in use have sealed enough.
  ///
  /// A read of a part of a record counts as one, which only makes it sooner. TLS 1.2 has no such
  /// message: there the keys stay.
  private mutating func countRecord() {
    guard unsafe wire.pointee.isOneMoreTooMany() else { return }
    if isReleased { return unsafe wire.pointee.updateKeys() }
    ERR_clear_error()
    // The message leaves at once, also where this side only reads. Should it fail, the next call
    // fails too and says why.
    if unsafe SSL_key_update(handle, SSL_KEY_UPDATE_REQUESTED) == 1 {
      _ = unsafe SSL_do_handshake(handle)
    }
    ERR_clear_error()
  }

  /// Hands the socket what it did not take before; `.bytes(0)` where nothing is left.
  public mutating func flush() -> TLSWriteResult { stoppedFlush() ?? .bytes(0) }

  mutating func stoppedFlush() -> TLSWriteResult? {
    if unsafe wire.pointee.flush() { return nil }
    return failure.map { .failed($0) } ?? .wantsWrite
  }

  /// Says to the other side that nothing more comes (close_notify); reading goes on. `.bytes(0)`
  /// when it is said: only then may the socket be closed. Repeat it while it is `.wantsWrite`.
  public mutating func shutdown() -> TLSWriteResult {
    if isReleased {
      unsafe wire.pointee.sayEnd()
    } else if isEstablished, unsafe SSL_get_shutdown(handle) & SSL_SENT_SHUTDOWN == 0 {
      ERR_clear_error()
      // 0 says that the other side has not said it too, which nobody waits for.
      _ = unsafe SSL_shutdown(handle)
      ERR_clear_error()
    }
    return flush()
  }

  // MARK: The other side

  /// Whether the other side has shown a certificate, which then was accepted.
  public var hasPeerCertificate: Bool {
    unsafe !isReleased && SSL_get0_peer_certificate(handle) != nil
  }

  /// The name in the other side's certificate, as in `CN=node,O=DynaSwift`; nil where it showed none.
  public var peerSubject: String? {
    guard !isReleased, let certificate = unsafe SSL_get0_peer_certificate(handle),
      let text = unsafe BIO_new(BIO_s_mem())
    else { return nil }
    defer { unsafe BIO_free(text) }
    let name = unsafe X509_get_subject_name(certificate)
    guard unsafe copenssl_print_name(text, name) >= 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe BIO_read(text, $0.baseAddress, Int32($0.count))
    }
    return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
  }

  /// `TLSv1.3` or `TLSv1.2`.
  public var version: String {
    if isReleased { return "TLSv1.3" }
    if let text = unsafe SSL_get_version(handle) { return unsafe String(cString: text) }
    return ""
  }

  /// Whether the handshake took up an earlier session.
  public var isResumed: Bool { unsafe !isReleased && SSL_session_reused(handle) == 1 }

  // MARK: Failures

  private var failure: TLSFailure? {
    let code = unsafe wire.pointee.failure
    return code == 0 ? nil : .system(code)
  }

  private mutating func takeFailure() -> TLSFailure {
    let verification = unsafe isEstablished ? Int(X509_V_OK) : SSL_get_verify_result(handle)
    let told = TLSFailure.taken(verification: verification)
    if case .alert = told { return told }
    return failure ?? told
  }
}
