import Bytes
import Crypto
import Foundation
import Glibc
import HTTP
import Platform
import Store
import Testing

@testable import Server

/// A data loop whose turns a test takes one by one, clients on real sockets, and a log that commits
/// when the test says so.
final class LoopWorld {
  let world: World
  var loop: DataLoop
  let port: UInt16
  let passwords = PasswordQueue()

  init(door: TLSDoor? = nil, _ change: (inout Configuration) -> Void = { _ in }) throws {
    var configuration = Configuration(
      host: "127.0.0.1", port: 0, tokenSecret: utf8("the secret of these tests"),
      dataDirectory: "")
    change(&configuration)
    world = try World(limits: configuration.limits)
    let node = NodeContext(
      configuration: configuration, database: world.database, gates: world.gates,
      passwords: passwords, logger: Logger(level: .error),
      description: NodeDescription(
        address: utf8("127.0.0.1:1"), nodeID: "abc", boot: 3, started: SystemClock.monotonic()),
      descriptors: 1_024, door: door)
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 64, share: .alone)
    port = listener.port
    loop = try DataLoop(node: node, index: 0, listener: listener)
  }

  /// Turns as often as there is something to do, and waits for no more than what is on its way.
  func turn() {
    var idle: Int32 = 0
    while idle < 2 {
      _ = loop.sleepMilliseconds()
      loop.turn(milliseconds: loop.runnable.isEmpty ? idle : 0)
      idle = loop.runnable.isEmpty ? idle + 1 : 0
    }
  }

  /// Commits what was appended, and lets the loop tell of it.
  func commit() {
    world.commitAll()
    turn()
  }

  /// A client whose connection the loop has accepted, and its slot.
  ///
  /// - Parameter sendBuffer: bytes that the node's side holds for it; little makes it slow soon.
  func connect(sendBuffer: Int32? = nil) throws -> LoopClient {
    let descriptor = try Socket.connect(host: "127.0.0.1", port: port, timeoutMilliseconds: 5_000)
    let own = Socket.local(descriptor.raw)?.port
    for _ in 0..<1_000 {
      turn()
      for slot in 0..<loop.connections.slotLimit where loop.connections.contains(slot) {
        let server = loop.connections[slot].descriptor
        guard Socket.peer(server)?.port == own else { continue }
        if let sendBuffer { Socket.setSendBuffer(server, bytes: sendBuffer) }
        return LoopClient(descriptor: descriptor, slot: slot)
      }
    }
    throw Trouble(what: "nobody accepted")
  }

  /// Sends a request and takes the turns that it needs: a long one is read while it is sent.
  func send(_ text: String, from client: LoopClient) {
    var rest = utf8(text)[...]
    for _ in 0..<10_000 where !rest.isEmpty {
      rest = rest.dropFirst(client.sendWithoutWaiting(Array(rest)))
      turn()
    }
  }

  /// Everything that comes for a client, until nothing more does.
  func received(by client: LoopClient) -> String {
    var bytes = ByteBuffer()
    for _ in 0..<3 {
      turn()
      while client.read(into: &bytes) {}
    }
    return text(bytes.copied())
  }

  func exchange(_ request: String, from client: LoopClient) -> String {
    send(request, from: client)
    return received(by: client)
  }

  /// As `received`, until a text has come; at most a few seconds.
  func received(by client: LoopClient, upTo end: String) -> String {
    var pieces: [String] = []
    for _ in 0..<2_000 {
      let piece = received(by: client)
      if !piece.isEmpty { pieces.append(piece) }
      if pieces.suffix(2).joined().contains(end) { break }
    }
    return pieces.joined()
  }

  func phase(of client: LoopClient) -> ConnectionPhase? {
    loop.connections.contains(client.slot) ? loop.connections[client.slot].phase : nil
  }

  func stream(of client: LoopClient) -> Subscriber? { loop.connections[client.slot].stream }

  func deadline(of client: LoopClient) -> DeadlineKind? { loop.deadlines.kind(of: client.slot) }

  /// A valid token.
  func token(_ user: String = "alice") -> String {
    let seconds = SystemClock.wallMilliseconds() / 1_000
    return text(
      loop.node.signer.token(subject: utf8(user).span, expiresSeconds: seconds + 60))
  }

  func put(_ key: String, _ value: String, by user: String = "alice") -> String {
    let body = "{\"value\":\(value)}"
    return """
      PUT /default/key/\(key) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token(user))\r\n\
      Content-Length: \(body.utf8.count)\r\n\r\n\(body)
      """
  }
}

struct Trouble: Error {
  let what: String
}

/// The client's end of a connection. Closes with its last reference.
final class LoopClient {
  private var descriptor: Descriptor?
  let slot: Int

  init(descriptor: consuming Descriptor, slot: Int) {
    self.descriptor = consume descriptor
    self.slot = slot
  }

  var raw: Int32 { descriptor?.raw ?? -1 }

  func send(_ text: String) { send(utf8(text)) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      guard case .bytes(let count) = Socket.write(raw, bytes.span.extracting(sent..<bytes.count))
      else { return }
      sent += count
    }
  }

  /// Sends as much as the connection takes at once, and says how much that was.
  @discardableResult
  func sendWithoutWaiting(_ bytes: [UInt8]) -> Int {
    let flags = Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT))
    return max(0, bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, $0.count, flags) })
  }

  func finishSending() { Socket.shutdownWrite(raw) }

  /// Leaves as a program that crashed does: the node sees a reset.
  func reset() {
    Socket.resetOnClose(raw)
    descriptor = nil
  }

  /// False where there is nothing more, now or ever.
  func read(into buffer: inout ByteBuffer) -> Bool {
    guard isReadable(milliseconds: 0),
      case .bytes = Socket.read(raw, into: &buffer, minimum: 1 << 16)
    else { return false }
    return true
  }

  /// Whether the node has closed its side.
  var isClosed: Bool {
    guard isReadable(milliseconds: 50) else { return false }
    var buffer = ByteBuffer()
    switch Socket.read(raw, into: &buffer, minimum: 1) {
    case .closed, .failed: return true
    case .bytes, .wouldBlock: return false
    }
  }

  private func isReadable(milliseconds: Int32) -> Bool {
    var event = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
    return poll(&event, 1, milliseconds) == 1
  }
}

extension PasswordQueue {
  /// Every job that waits.
  func takeAll() -> [PasswordJob] {
    let last = PasswordJob(
      loop: 0, token: .max, style: ReplyStyle(), purpose: .admin,
      secret: Secret(copying: [UInt8]().span), address: .unknown)
    guard submit(last) else { return [] }
    var jobs: [PasswordJob] = []
    while let job = next(), job.token != .max { jobs.append(job) }
    return jobs
  }
}

/// A GET of a path.
func get(_ path: String, _ fields: String = "") -> String {
  "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
}

/// The statuses of the answers in what came, in order.
func statuses(_ answers: String) -> [String] {
  answers.matches(of: #/HTTP/1\.1 (\d\d\d) /#).map { String($0.output.1) }
}
