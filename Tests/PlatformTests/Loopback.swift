import Bytes
import Platform
import Testing

/// A connected pair over 127.0.0.1: a blocking client and the non-blocking side of a server.
struct Loopback: ~Copyable {
  let listener: Listener
  let client: Descriptor
  let server: Descriptor

  init() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    let client = try Socket.connect(
      host: "127.0.0.1", port: listener.port, timeoutMilliseconds: 5000)
    let server = Descriptor(owning: try acceptOne(listener.descriptor.raw))
    self.listener = listener
    self.client = client
    self.server = server
  }
}

struct NothingCame: Error {}

/// Waits at most five seconds until a descriptor reports one of the events.
func awaitEvents(_ descriptor: Int32, _ events: PollEvents) throws -> PollEvents {
  let poller = try Poller()
  try poller.add(descriptor, token: 1, events: events)
  guard poller.wait(timeoutMilliseconds: 5000) == 1 else { throw NothingCame() }
  return poller[0].events
}

func acceptOne(_ listener: Int32) throws -> Int32 {
  _ = try awaitEvents(listener, .readable)
  guard case .accepted(let descriptor, _, _) = Socket.accept(listener) else { throw NothingCame() }
  return descriptor
}

/// Reads until a condition holds or the other side closes; at most five seconds.
func readBytes(_ descriptor: Int32, count: Int) throws -> [UInt8] {
  var buffer = ByteBuffer()
  while buffer.count < count {
    switch Socket.read(descriptor, into: &buffer, minimum: 4096) {
    case .bytes: continue
    case .wouldBlock: _ = try awaitEvents(descriptor, [.readable, .peerClosed])
    case .closed: return buffer.copied()
    case .failed(let code): throw SystemError(call: "recv", code: code)
    }
  }
  return buffer.copied()
}

func write(_ descriptor: Int32, _ text: String) -> WriteResult {
  let bytes = Array(text.utf8)
  return Socket.write(descriptor, bytes.span)
}
