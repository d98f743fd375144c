import Bytes
import Glibc
import HTTP
import Platform
import Testing

@testable import Server

@Suite("A client that waits")
struct HTTPClientTests {
  /// The status and body of a GET, or why there is none.
  private func get(
    _ client: inout HTTPClient, _ port: UInt16, host: String = "127.0.0.1",
    milliseconds: UInt64 = 10_000
  ) -> String {
    let nothing: [UInt8] = []
    do throws(HTTPClientFailure) {
      let answer = try client.send(
        .get, utf8("/").span, fields: nothing.span, body: nothing.span, to: host, port: port,
        deadline: SystemClock.monotonic().advanced(byMilliseconds: milliseconds))
      return "\(answer.status) \(text(answer.body))"
    } catch {
      return "\(error)"
    }
  }

  private static func answer(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  @Test("keeps its connection for the next request")
  func keepAlive() throws {
    let server = try ScriptedServer()
    let thread = try server.play([Self.answer("one"), Self.answer("two")])
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, server.port) == "200 one")
    #expect(get(&client, server.port) == "200 two")
    thread.join()
  }

  @Test("connects anew where the server has closed the kept connection")
  func reconnect() throws {
    let server = try ScriptedServer()
    let first = try server.play([Self.answer("one")])
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, server.port) == "200 one")
    first.join()
    let second = try server.play([Self.answer("two")])
    #expect(get(&client, server.port) == "200 two")
    second.join()
  }

  @Test("connects anew where the server says that it closes")
  func connectionClose() throws {
    let server = try ScriptedServer()
    let first = try server.play([
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none"
    ])
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, server.port) == "200 one")
    first.join()
    let second = try server.play([Self.answer("two")])
    #expect(get(&client, server.port) == "200 two")
    second.join()
  }

  @Test("does not repeat a request that may have arrived")
  func noRepetition() throws {
    let server = try ScriptedServer()
    let thread = try server.play([""])
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, server.port) == "closed the connection without an answer")
    thread.join()
  }

  @Test("says why it cannot reach a server")
  func unreachable() throws {
    let port = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, share: .alone).port
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, port) == "cannot be reached: connect: Connection refused")
    #expect(get(&client, port, host: "no such host").hasPrefix("cannot resolve no such host: "))
  }

  @Test("gives up a server that does not answer, and takes its next request elsewhere")
  func deadline() throws {
    let silent = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    var client = try HTTPClient(tls: nil, limits: HTTPClientLimits())
    #expect(get(&client, silent.port, milliseconds: 50) == "did not answer in time")
    let server = try ScriptedServer()
    let thread = try server.play([Self.answer("one")])
    #expect(get(&client, server.port) == "200 one")
    thread.join()
  }
}

/// A listener whose connections are each served by a script, on a thread of its own.
private struct ScriptedServer: ~Copyable {
  private let listener: Listener
  var port: UInt16 { listener.port }

  init() throws {
    listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
  }

  /// Serves the next connection: each part answers one request, and behind the last the connection
  /// is closed, at the latest when the thread has ended.
  func play(_ script: [String]) throws -> Thread.Handle {
    let raw = listener.descriptor.raw
    return try Thread.start(name: "script") { try? Self.serve(script, raw) }
  }

  private static func serve(_ script: [String], _ listener: Int32) throws {
    try awaitReadable(listener)
    guard case .accepted(let raw, _, _) = Socket.accept(listener) else { return }
    let connection = Descriptor(owning: raw)
    for part in script {
      var request = ByteBuffer()
      while !text(request.copied()).hasSuffix("\r\n\r\n") {
        try awaitReadable(connection.raw)
        guard case .bytes = Socket.read(connection.raw, into: &request, minimum: 4_096) else {
          return
        }
      }
      _ = Socket.write(connection.raw, utf8(part).span)
    }
  }

  private static func awaitReadable(_ descriptor: Int32) throws {
    let poller = try Poller()
    try poller.add(descriptor, token: 0, events: .readable)
    guard poller.wait(timeoutMilliseconds: 10_000) == 1 else {
      throw Trouble(what: "nobody came")
    }
  }
}
