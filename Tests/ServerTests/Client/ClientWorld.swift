import Bytes
import HTTP
import Platform
import Testing

@testable import Server

/// A client connection and the scripted server at its other end, both moved by the test alone.
final class ClientWorld {
  let listener: Listener
  let poller: Poller
  var client: HTTPClientConnection
  /// The client's time; a test that waits for a deadline sets it.
  var now = SystemClock.monotonic()
  /// What became of the requests, as `tag: status body` or `tag: why`, with `?` behind it where
  /// the request may have arrived.
  var heard: [String] = []
  var answers: [HTTPAnswer] = []
  private var server: Int32 = -1
  private let serverContext: TLSContext?
  private var session: TLSSession?
  /// How the server's side of the handshake ended.
  private(set) var handshake = TLSHandshakeResult.wantsRead

  /// - Parameter host: the name that the server must have.
  init(
    tls: (server: TLSContext, client: TLSContext)? = nil, host: String = "127.0.0.1",
    _ change: (inout HTTPClientLimits) -> Void = { _ in }
  ) throws {
    var limits = HTTPClientLimits()
    change(&limits)
    listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    poller = try Poller()
    serverContext = tls?.server
    client = try HTTPClientConnection(
      to: try InternetAddress.resolve("127.0.0.1")[0], port: listener.port, host: host,
      tls: tls?.client, limits: limits, now: now)
    try poller.add(client.descriptor, token: 1, events: HTTPClientConnection.pollEvents)
  }

  deinit { close() }

  /// A world whose connection is open on both sides.
  static func open(
    tls: (server: TLSContext, client: TLSContext)? = nil,
    _ change: (inout HTTPClientLimits) -> Void = { _ in }
  ) throws -> ClientWorld {
    let world = try ClientWorld(tls: tls, change)
    try world.accept()
    try world.until {
      world.client.state == .open && (tls == nil || world.handshake == .done)
    }
    return world
  }

  func accept() throws {
    try until {
      guard case .accepted(let raw, _, _) = Socket.accept(listener.descriptor.raw) else {
        return false
      }
      server = raw
      return true
    }
    if let serverContext { session = try TLSSession(serverContext, accepting: server) }
  }

  // MARK: The client

  func get(_ target: StaticString, tag: UInt64, seconds: UInt64 = 30) {
    client.send(.get, target, tag: tag, deadline: now.advanced(bySeconds: seconds))
    drain()
  }

  func send(
    _ method: HTTP.Method, _ target: String, fields: String = "", body: [UInt8] = [], tag: UInt64,
    seconds: UInt64 = 30
  ) {
    client.send(
      method, utf8(target).span, fields: utf8(fields).span, body: body.span, tag: tag,
      deadline: now.advanced(bySeconds: seconds))
    drain()
  }

  func flush() {
    client.flush(now: now)
    drain()
  }

  /// Lets this much time pass for the client.
  func pass(milliseconds: UInt64) {
    now = now.advanced(byMilliseconds: milliseconds)
    client.expire(now: now)
    drain()
  }

  var isClosed: Bool { client.isClosed }

  func turn(milliseconds: Int32 = 0) {
    let count = poller.wait(timeoutMilliseconds: milliseconds)
    for index in 0..<count { client.happened(poller[index].events, now: now) }
    drain()
    guard serverContext != nil, server >= 0 else { return }
    switch handshake {
    case .wantsRead, .wantsWrite: handshake = session!.handshake()
    case .done: _ = session!.flush()
    case .closed, .failed: close()
    }
  }

  /// Turns until a condition holds, at most for ten seconds.
  func until(_ condition: () throws -> Bool) throws {
    let limit = SystemClock.monotonic().advanced(bySeconds: 10)
    while true {
      if try condition() { return }
      guard SystemClock.monotonic() < limit else { throw Trouble(what: "waited in vain") }
      turn(milliseconds: 1)
    }
  }

  func hear(_ count: Int) throws { try until { heard.count >= count } }

  private func drain() {
    while let outcome = client.nextOutcome() {
      switch outcome {
      case .response(let tag, let answer):
        answers.append(answer)
        heard.append("\(tag): \(answer.status) \(text(answer.body))")
      case .failed(let tag, let failure, let mayHaveArrived):
        heard.append("\(tag): \(failure)\(mayHaveArrived ? "?" : "")")
      }
    }
  }

  // MARK: The server

  /// Sends bytes as the server, and lets the client take what does not fit the sockets.
  func serve(_ bytes: String) throws {
    let bytes = utf8(bytes)
    var sent = 0
    try until {
      sent += try write(bytes.span.extracting(sent..<bytes.count))
      return sent == bytes.count
    }
  }

  /// Sends the bytes one by one, and lets the client read each.
  func serveSingly(_ bytes: String) throws {
    for byte in utf8(bytes) {
      guard !isClosed else { return }
      _ = try write([byte].span)
      turn()
    }
  }

  private func write(_ bytes: Span<UInt8>) throws -> Int {
    if serverContext == nil {
      switch Socket.write(server, bytes) {
      case .bytes(let count): return count
      case .wouldBlock: return 0
      case .failed(let code): throw SystemError(call: "send", code: code)
      }
    }
    switch session!.write(bytes) {
    case .bytes(let count): return count
    case .wantsRead, .wantsWrite: return 0
    case .failed(let failure): throw failure
    }
  }

  /// Reads as the server until it has `count` bytes.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes = ByteBuffer()
    try until {
      while bytes.count < count, readOnce(into: &bytes) {}
      return bytes.count >= count
    }
    return bytes.copied()
  }

  /// Says whether there was anything.
  private func readOnce(into bytes: inout ByteBuffer) -> Bool {
    if serverContext == nil {
      if case .bytes = Socket.read(server, into: &bytes, minimum: 65_536) { return true }
    } else if case .bytes = session!.read(into: &bytes, minimum: 65_536) {
      return true
    }
    return false
  }

  /// What the server's side of TLS hears now.
  func readSealed() -> TLSReadResult {
    var bytes = ByteBuffer()
    return session!.read(into: &bytes, minimum: 65_536)
  }

  /// Sends bytes past TLS.
  func serveInTheClear(_ bytes: String) {
    let bytes = utf8(bytes)
    _ = Socket.write(server, bytes.span)
  }

  /// Closes the server's side in good order: nothing is left unread, which would be a reset.
  func hangUp() {
    if serverContext != nil, server >= 0 { _ = session!.shutdown() }
    breakOff()
  }

  /// Closes the server's side, under TLS without a word.
  func breakOff() {
    var rest = ByteBuffer()
    while server >= 0, case .bytes = Socket.read(server, into: &rest, minimum: 4_096) {}
    close()
  }

  /// Says that the server sends no more; it reads on.
  func endAnswers() { Socket.shutdownWrite(server) }

  /// Resets the connection.
  func reset() {
    Socket.resetOnClose(server)
    close()
  }

  private func close() {
    session = nil
    if server >= 0 { Socket.close(server) }
    server = -1
  }
}
