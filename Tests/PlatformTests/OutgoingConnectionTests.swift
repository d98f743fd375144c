import Bytes
import Glibc
import Platform
import Testing

@Suite("A connection that is begun without waiting")
struct OutgoingConnectionTests {
  @Test("is made when its descriptor is writable", arguments: ["127.0.0.1", "::1"])
  func connected(host: String) throws {
    let listener = try Socket.listen(host: host, port: 0, backlog: 16, share: .alone)
    let address = try #require(try InternetAddress.resolve(host).first)
    let client = try Socket.beginConnect(to: address, port: listener.port)
    _ = try awaitEvents(client.raw, .writable)
    #expect(Socket.connectResult(client.raw) == .connected)
    let server = Descriptor(owning: try acceptOne(listener.descriptor.raw))
    #expect(write(client.raw, "hello") == .bytes(5))
    #expect(try readBytes(server.raw, count: 5) == Array("hello".utf8))
  }

  @Test("says that nobody listens")
  func refused() throws {
    let port = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, share: .alone).port
    let client = try Socket.beginConnect(
      to: try InternetAddress.resolve("127.0.0.1")[0], port: port)
    _ = try awaitEvents(client.raw, .writable)
    #expect(
      Socket.connectResult(client.raw)
        == .failed(SystemError(call: "connect", code: ECONNREFUSED)))
  }

  @Test("is in progress while a full backlog lets it wait")
  func inProgress() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 0, share: .alone)
    let address = try InternetAddress.resolve("127.0.0.1")[0]
    var held: [Int32] = []
    defer { for descriptor in held { Socket.close(descriptor) } }
    for _ in 0..<10 {
      held.append(try Socket.beginConnect(to: address, port: listener.port).release())
    }
    #expect(Socket.connectResult(held[9]) == .inProgress)
  }
}

@Suite("InternetAddress.resolve")
struct ResolveTests {
  @Test(
    "understands literals of both families and names",
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1"), ("localhost", "127.0.0.1"),
      ("2001:db8::1", "2001:db8::1"),
    ])
  func literals(host: String, expected: String) throws {
    #expect(try InternetAddress.resolve(host).map(\.description) == [expected])
  }

  @Test("refuses what is no name", arguments: ["", "no such host", "1.2.3.4.5"])
  func unresolvable(host: String) {
    #expect(throws: SocketError.self) { try InternetAddress.resolve(host) }
  }
}
