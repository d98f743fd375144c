internal import Bytes
internal import COpenSSL
internal import Glibc

/// What stands between OpenSSL and a socket, at a fixed place in memory.
///
/// OpenSSL reads and writes through the functions below (a BIO of our own). Writing never has to
/// wait there: what the socket does not take is kept in `outgoing`. So a record that was sealed is
/// a record that was sent, as far as OpenSSL is concerned, and no call must be repeated with the
/// bytes of another one.
@safe struct TLSWire: ~Copyable {
  /// What reads and writes here; nil when `records` does. The owner of the wire frees it.
  var session: OpaquePointer?
  /// What has to be known to go on without the session. Only of a server's side.
  var notes: TLSHandshakeNotes?
  /// What seals and opens in the session's place.
  var records: TLSRecords?
  /// Of `records`: the other side said that it sends no more; why it cannot go on.
  var saidEnd = false
  var refusal: TLSFailure?
  let descriptor: Int32
  /// Records that the keys in use may yet seal or open.
  private var recordsLeft: UInt32
  private let recordsOfKeysMax: UInt32
  /// The socket gave as much as was asked for: there may be more.
  var mayHaveMore = true
  /// On a socket that blocks: the next read may wait. On others nothing waits ever.
  var waits = true
  /// The other side has closed its half of the socket.
  var hasEnded = false
  /// Records are collected in `outgoing`, to leave in one system call.
  var gathers = false
  /// The `errno` that the socket failed with; 0 while it works.
  var failure: Int32 = 0
  /// Sealed bytes that the socket has not taken. Owns no memory while empty.
  var outgoing = ByteBuffer()

  @unsafe init(session: OpaquePointer, descriptor: Int32, recordsOfKeysMax: UInt32) {
    unsafe self.session = session
    self.descriptor = descriptor
    self.recordsOfKeysMax = recordsOfKeysMax
    recordsLeft = recordsOfKeysMax
  }

  /// Counts a record; true where the keys have had their number, which then begins anew.
  mutating func isOneMoreTooMany() -> Bool {
    guard recordsLeft <= 1 else {
      recordsLeft -= 1
      return false
    }
    recordsLeft = recordsOfKeysMax
    return true
  }

  @unsafe mutating func read(_ target: UnsafeMutableRawBufferPointer) -> ReadResult {
    let result = unsafe Socket.read(descriptor, into: target, waits: waits)
    switch result {
    case .bytes(let count): mayHaveMore = count == target.count
    case .wouldBlock: mayHaveMore = false
    case .closed: hasEnded = true
    case .failed(let code): failure = code
    }
    return result
  }

  /// Takes all bytes, now or later; false where the socket has failed.
  mutating func write(_ bytes: Span<UInt8>) -> Bool {
    guard failure == 0 else { return false }
    if gathers || !outgoing.isEmpty {
      outgoing.append(bytes)
      return true
    }
    switch Socket.write(descriptor, bytes) {
    case .bytes(let count):
      if count < bytes.count { outgoing.append(bytes.extracting(count..<bytes.count)) }
    case .wouldBlock: outgoing.append(bytes)
    case .failed(let code):
      failure = code
      return false
    }
    return true
  }

  /// Hands the socket what it did not take before; true where nothing is left.
  mutating func flush() -> Bool {
    while !outgoing.isEmpty {
      switch Socket.write(descriptor, outgoing.span) {
      case .bytes(let count): outgoing.consume(count)
      case .wouldBlock: return false
      case .failed(let code):
        failure = code
        outgoing.release()
        return false
      }
    }
    if outgoing.capacity > 0 { outgoing.release() }
    return true
  }

  // MARK: Without a session

  /// Opens the next record that has come; nil where none has as a whole.
  mutating func open(into buffer: inout ByteBuffer) -> TLSRecords.Opened? {
    guard refusal == nil, !saidEnd else { return nil }
    return records?.open(into: &buffer, outgoing: &outgoing)
  }

  /// Takes bytes of records from the socket.
  mutating func receive() -> ReadResult {
    guard records != nil else { return .wouldBlock }
    let room = Self.receiveBytes
    let result = Socket.read(descriptor, into: &records!.incoming, minimum: room)
    switch result {
    case .bytes(let count): mayHaveMore = count >= room
    case .wouldBlock:
      mayHaveMore = false
      records!.rest()
      if records!.incoming.isEmpty { records!.incoming.release() }
    case .closed: hasEnded = true
    case .failed(let code): failure = code
    }
    return result
  }

  mutating func seal(_ content: Span<UInt8>) { records?.seal(content, into: &outgoing) }

  mutating func updateKeys() { records?.updateKeys(wantsAnswer: true, into: &outgoing) }

  mutating func sayEnd() { records?.sayEnd(into: &outgoing) }

  /// A stream's client says little.
  private static let receiveBytes = 4 << 10

  /// The wire that a session reads from; nil before it has one.
  @unsafe static func of(_ session: OpaquePointer?) -> UnsafeMutablePointer<TLSWire>? {
    let bio = unsafe SSL_get_rbio(session)
    guard unsafe bio != nil else { return nil }
    return unsafe BIO_get_data(bio)?.assumingMemoryBound(to: TLSWire.self)
  }

  // MARK: As OpenSSL calls it

  /// The functions of a wire, made once for the process.
  @safe struct Method: @unchecked Sendable {
    // Unchecked, because nothing changes it once it is made.
    let handle: OpaquePointer?
  }

  static let method: Method = {
    let kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
    let method = unsafe BIO_meth_new(kind, "socket")
    unsafe BIO_meth_set_read(method, readWire)
    unsafe BIO_meth_set_write(method, writeWire)
    unsafe BIO_meth_set_ctrl(method, controlWire)
    return unsafe Method(handle: method)
  }()
}

private let retryFlags =
  BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

@unsafe private func wire(of bio: OpaquePointer?) -> UnsafeMutablePointer<TLSWire> {
  unsafe BIO_get_data(bio).assumingMemoryBound(to: TLSWire.self)
}

private func readWire(
  _ bio: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ count: Int32
) -> Int32 {
  unsafe BIO_clear_flags(bio, retryFlags)
  let room = unsafe UnsafeMutableRawBufferPointer(start: target, count: Int(max(count, 0)))
  switch unsafe wire(of: bio).pointee.read(room) {
  case .bytes(let count): return Int32(count)
  case .wouldBlock:
    unsafe BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
    return -1
  case .closed: return 0
  case .failed: return -1
  }
}

private func writeWire(
  _ bio: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ count: Int32
) -> Int32 {
  unsafe BIO_clear_flags(bio, retryFlags)
  let bytes = unsafe UnsafeRawBufferPointer(start: source, count: Int(max(count, 0)))
    .assumingMemoryBound(to: UInt8.self)
  return unsafe wire(of: bio).pointee.write(bytes.span) ? count : -1
}

private func controlWire(
  _ bio: OpaquePointer?, _ command: Int32, _ number: Int, _ pointer: UnsafeMutableRawPointer?
) -> Int {
  switch command {
  case BIO_CTRL_FLUSH: 1
  case BIO_CTRL_EOF: unsafe wire(of: bio).pointee.hasEnded ? 1 : 0
  default: 0
  }
}
