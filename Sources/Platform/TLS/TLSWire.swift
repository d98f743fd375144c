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
  /// What reads and writes here. The owner of the wire frees it.
  let session: OpaquePointer
  let descriptor: Int32
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

  @unsafe init(session: OpaquePointer, descriptor: Int32) {
    unsafe self.session = session
    self.descriptor = descriptor
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
