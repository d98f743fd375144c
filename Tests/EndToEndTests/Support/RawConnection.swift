import Foundation

/// A plain socket: sends bytes as they are, reads responses strictly, waits with deadlines only.
final class RawConnection: @unchecked Sendable {
  private var descriptor: Int32
  /// Bytes received that no response has used yet.
  private(set) var received: [UInt8] = []
  private var used = 0
  private(set) var ended = false
  /// Something that lasts as long as the connection.
  var companion: AnyObject?

  /// Takes over a connected socket.
  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to `port` of 127.0.0.1, coming from `source`, with a receive buffer of
  /// `receiveBufferBytes` where a slow reader is wanted.
  init(
    port: UInt16, source: String? = nil, receiveBufferBytes: Int32? = nil,
    deadline: Deadline = .patient
  ) throws {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    descriptor = socket(AF_INET, type, 0)
    guard descriptor >= 0 else { throw Trouble("socket: errno \(errno)") }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    if var bytes = receiveBufferBytes { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4) }
    if let source {
      try Self.withAddress(source, 0) { address, length in
        guard bind(descriptor, address, length) == 0 else { throw Trouble("bind: errno \(errno)") }
      }
    }
    try Self.withAddress("127.0.0.1", port) { address, length in
      guard connect(descriptor, address, length) == 0 else {
        throw Trouble("connect to \(port): errno \(errno)")
      }
    }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { close() }

  /// Another descriptor of the same socket.
  func duplicate() throws -> Int32 {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else { throw Trouble("dup: errno \(errno)") }
    return copy
  }

  private static func withAddress<Result>(
    _ host: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
  ) rethrows -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  // MARK: Sending

  /// Sends all bytes; throws when the other side does not take them before the deadline.
  func send(_ bytes: ByteText, deadline: Deadline = .patient) throws {
    var at = 0
    while at < bytes.count {
      let count = bytes.bytes[at...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        at += count
      } else if errno == EAGAIN {
        guard wait(for: POLLOUT, deadline) else { throw Trouble("peer takes no more bytes") }
      } else if errno != EINTR {
        throw Trouble("send: errno \(errno)")
      }
    }
  }

  /// Sends the bytes in pieces of `size`, each in a system call of its own.
  func send(_ bytes: ByteText, inPiecesOf size: Int) throws {
    for start in stride(from: 0, to: bytes.count, by: size) {
      try send(ByteText(bytes.bytes[start..<min(start + size, bytes.count)]))
    }
  }

  /// Says that nothing more comes, while answers are still wanted.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }

  /// Vanishes with a reset instead of an orderly end.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  // MARK: Receiving

  private var unread: ArraySlice<UInt8> { received[used...] }

  private func wait(for events: Int32, _ deadline: Deadline) -> Bool {
    var source = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let ready = poll(&source, 1, deadline.millisecondsLeft)
      if ready > 0 { return true }
      if ready == 0 { return false }
    }
  }

  /// Receives something more; false when the other side has ended (or reset) the connection.
  private func receive(_ deadline: Deadline, upTo limit: Int = 262_144) throws -> Bool {
    if ended { return false }
    guard wait(for: POLLIN, deadline) else {
      throw Trouble("nothing received in time; so far: \(ByteText(unread))")
    }
    var chunk = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &chunk, limit, 0)
    if count > 0 {
      if used > 1 << 20 {
        received.removeFirst(used)
        used = 0
      }
      received += chunk[..<count]
      return true
    }
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return true }
    ended = true
    return false
  }

  /// Reads the head of the next response; nil when the connection ended cleanly before it.
  func readHead(_ deadline: Deadline = .patient) throws -> Response? {
    while true {
      if let end = endOfHead() {
        let head = received[used..<end]
        used = end
        return try ResponseHead.parse(head)
      }
      guard try receive(deadline) else {
        if unread.isEmpty { return nil }
        throw Trouble("connection ended inside a head: \(ByteText(unread))")
      }
    }
  }

  private func endOfHead() -> Int? {
    var at = used
    while at + 3 < received.count {
      if received[at] == 13, received[at + 1] == 10, received[at + 2] == 13,
        received[at + 3] == 10
      {
        return at + 4
      }
      at += 1
    }
    return nil
  }

  /// Reads a whole final response. Interim ones (1xx) before it are skipped.
  ///
  /// - Parameter method: of the request answered: a response to HEAD has no body.
  func readResponse(to method: String = "GET", _ deadline: Deadline = .patient) throws -> Response {
    while true {
      guard var response = try readHead(deadline) else {
        throw Trouble("connection ended where a response was due")
      }
      if response.status < 200 { continue }
      let body = BodyReader(self, of: response, to: method)
      var bytes: [UInt8] = []
      while let chunk = try body.next(deadline) { bytes += chunk }
      response.body = ByteText(bytes)
      return response
    }
  }

  /// Takes up to `count` bytes, at least one; nil at the end of the connection.
  func take(upTo count: Int, _ deadline: Deadline) throws -> ArraySlice<UInt8>? {
    while unread.isEmpty { guard try receive(deadline) else { return nil } }
    let taken = unread.prefix(count)
    used += taken.count
    return taken
  }

  /// Takes a line that ends with CRLF, without the ending.
  func takeLine(_ deadline: Deadline) throws -> ByteText {
    while true {
      if let end = unread.firstIndex(of: 10) {
        let line = received[used..<end]
        used = end + 1
        guard line.last == 13 else { throw Trouble("line without CRLF: \(ByteText(line))") }
        return ByteText(line.dropLast())
      }
      guard try receive(deadline) else { throw Trouble("connection ended inside a line") }
    }
  }

  /// Reads to the end of the connection and returns what still came.
  func readToEnd(_ deadline: Deadline = .patient) throws -> ByteText {
    while try receive(deadline) {}
    let rest = ByteText(unread)
    used = received.count
    return rest
  }

  /// Whether anything at all arrives (or the connection ends) within that time.
  func stirs(withinMilliseconds milliseconds: Int32) -> Bool {
    !unread.isEmpty || wait(for: POLLIN, .in(seconds: Double(milliseconds) / 1000))
  }
}

/// Hands out the body of one response as it arrives.
final class BodyReader {
  private enum Framing {
    case none
    case length(Int)
    case chunked
    case toTheEnd
  }

  private let connection: RawConnection
  private var framing: Framing
  private var chunkLeft = 0

  init(_ connection: RawConnection, of response: Response, to method: String) {
    self.connection = connection
    let status = response.status
    if method == "HEAD" || status < 200 || status == 204 || status == 304 {
      framing = .none
    } else if let coding = response["Transfer-Encoding"] {
      framing = coding.lowercased() == "chunked" ? .chunked : .toTheEnd
    } else if let length = response["Content-Length"] {
      framing = .length(Int(length) ?? 0)
    } else {
      framing = .toTheEnd
    }
  }

  /// The next bytes of the body; nil at its end.
  func next(_ deadline: Deadline = .patient) throws -> ArraySlice<UInt8>? {
    switch framing {
    case .none: return nil
    case .length(0):
      framing = .none
      return nil
    case .length(let left):
      guard let bytes = try connection.take(upTo: left, deadline) else {
        throw Trouble("connection ended \(left) bytes before the end of a body")
      }
      framing = .length(left - bytes.count)
      return bytes
    case .chunked: return try nextOfChunk(deadline)
    case .toTheEnd:
      guard let bytes = try connection.take(upTo: 65536, deadline) else {
        framing = .none
        return nil
      }
      return bytes
    }
  }

  private func nextOfChunk(_ deadline: Deadline) throws -> ArraySlice<UInt8>? {
    if chunkLeft == 0 {
      let line = try connection.takeLine(deadline).string
      guard !line.isEmpty, line.utf8.count <= 16, let size = Int(line, radix: 16), size >= 0 else {
        throw Trouble("bad chunk size: \(line)")
      }
      if size == 0 {
        guard try connection.takeLine(deadline).isEmpty else { throw Trouble("unexpected trailer") }
        framing = .none
        return nil
      }
      chunkLeft = size
    }
    guard let bytes = try connection.take(upTo: chunkLeft, deadline) else {
      throw Trouble("connection ended inside a chunk")
    }
    chunkLeft -= bytes.count
    if chunkLeft == 0, try !connection.takeLine(deadline).isEmpty {
      throw Trouble("chunk longer than its size")
    }
    return bytes
  }
}
