internal import Bytes
internal import COpenSSL

// Long streams without OpenSSL's session, which takes 14 KiB: records are sealed and opened by
// `TLSRecords`, with the keys that the handshake agreed on.

extension TLSSession {
  /// Whether OpenSSL's session is gone. The connection goes on by the same calls.
  public var isReleased: Bool { unsafe wire.pointee.session == nil }

  /// `write`, and from then on without OpenSSL's session where that can be: TLS 1.3, the first keys of the
  /// connection, nothing half read and nothing half sent. Where it cannot be it is tried again
  /// by the next call.
  public mutating func writeReleasing(_ bytes: Span<UInt8>) -> TLSWriteResult {
    guard unsafe wire.pointee.session != nil, !bytes.isEmpty else { return write(bytes) }
    if let stopped = stoppedFlush() { return stopped }
    guard let records = makeRecords() else { return write(bytes) }
    return release(to: records, writing: bytes)
  }

  /// The record protocol where OpenSSL stands now; nil where it cannot be told for certain.
  private func makeRecords() -> TLSRecords? {
    guard isEstablished, let session = unsafe wire.pointee.session,
      unsafe SSL_is_server(session) == 1, unsafe SSL_version(session) == TLS1_3_VERSION,
      unsafe SSL_get_shutdown(session) == 0, unsafe wire.pointee.failure == 0,
      unsafe !wire.pointee.hasEnded, unsafe SSL_has_pending(session) == 0,
      // A client may have asked for shorter records than ours.
      unsafe SSL_SESSION_get_max_fragment_length(SSL_get_session(session)) == 0,
      // Not between the head of a record and its end.
      unsafe SSL_rstate_string(session)[1] == CChar(UInt8(ascii: "H")),
      let suite = unsafe TLSCipherSuite(
        rawValue: SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(session))),
      let wire = unsafe Optional(wire), unsafe wire.pointee.notes?.isOutdated == false
    else { return nil }
    return unsafe wire.pointee.notes?.records(of: suite)
  }

  /// Has OpenSSL seal one more record, and compares it with the own one: both must be the same to the
  /// last bit, which only the right secret, key, number and form of a record can do.
  private mutating func release(
    to records: consuming TLSRecords, writing bytes: Span<UInt8>
  ) -> TLSWriteResult {
    let first = bytes.extracting(0..<min(bytes.count, Self.recordBytesMax))
    var own = ByteBuffer()
    records.seal(first, into: &own)
    unsafe wire.pointee.gathers = true
    let stopped = seal(first)
    unsafe wire.pointee.gathers = false
    if let stopped { return stopped }
    if unsafe own.span.equals(wire.pointee.outgoing.span) {
      unsafe SSL_free(wire.pointee.session)
      unsafe wire.pointee.session = nil
      unsafe wire.pointee.notes = nil
      unsafe wire.pointee.records = consume records
    }
    if let stopped = stoppedFlush() {
      if case .failed = stopped { return stopped }
      return .bytes(first.count)
    }
    guard first.count < bytes.count else { return .bytes(first.count) }
    let rest = write(bytes.extracting(first.count..<bytes.count))
    if case .bytes(let count) = rest { return .bytes(first.count + count) }
    if case .failed = rest { return rest }
    return .bytes(first.count)
  }

  // MARK: The same calls, without OpenSSL's session

  /// Opens what has come: until there are bytes for the application, or nothing more has come.
  mutating func readReleased(into buffer: inout ByteBuffer) -> TLSReadResult {
    let before = buffer.count
    while true {
      while let opened = unsafe wire.pointee.open(into: &buffer) {
        switch opened {
        case .content, .nothing: continue
        case .end: unsafe wire.pointee.saidEnd = true
        case .alert(let code):
          unsafe wire.pointee.refusal = .alert(reason: "alert number \(code)")
        case .failed(let error):
          unsafe wire.pointee.refusal = .protocolError(reason: error.reason)
          _ = unsafe wire.pointee.flush()
        }
        break
      }
      // What came before the end is told first.
      if buffer.count > before { return .bytes(buffer.count - before) }
      if let failure = unsafe wire.pointee.refusal { return .failed(failure) }
      if unsafe wire.pointee.saidEnd { return .closed }
      if unsafe wire.pointee.hasEnded { return .truncated }
      guard unsafe wire.pointee.flush() || wire.pointee.outgoing.count < Self.owedBytesMax else {
        return .wantsWrite
      }
      switch unsafe wire.pointee.receive() {
      case .bytes: continue
      case .wouldBlock: return .wantsRead
      case .closed: return .truncated
      case .failed(let code): return .failed(.system(code))
      }
    }
  }
}

extension TLSHandshakeNotes {
  fileprivate func records(of suite: TLSCipherSuite) -> TLSRecords? {
    withSecrets(of: suite) { client, server in
      TLSRecords(
        reading: TLSTrafficKeys(suite: suite, secret: client, sequence: opened),
        writing: TLSTrafficKeys(suite: suite, secret: server, sequence: sealed))
    }
  }
}
