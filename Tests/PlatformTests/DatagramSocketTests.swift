import Bytes
import Foundation
import Platform
import Testing

/// UDP sockets and what the machine knows of its routes.
@Suite("Datagrams")
struct DatagramSocketTests {
  /// Until there is something to read, a second at most.
  private func wait(_ descriptor: Int32) {
    var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&event, 1, 1_000)
  }

  private func receive(_ socket: borrowing DatagramSocket, bytesMax: Int = 2_048) -> (
    [UInt8], UInt16
  )? {
    var buffer = ByteBuffer()
    let deadline = Date(timeIntervalSinceNow: 5)
    while Date() < deadline {
      if let sender = socket.receive(into: &buffer, bytesMax: bytesMax) {
        return (buffer.copied(), sender.port)
      }
      wait(socket.descriptor.raw)
    }
    return nil
  }

  @Test("a datagram arrives whole, with its sender's port", arguments: ["127.0.0.1", "::1"])
  func roundTrip(host: String) throws {
    let first = try DatagramSocket.bound(host: host, port: 0)
    let second = try DatagramSocket.bound(host: host, port: 0)
    let bytes = (0..<1_353).map { UInt8(truncatingIfNeeded: $0) }
    let isSent = first.send(bytes.span, to: InternetAddress(literal: host)!, port: second.port)
    #expect(isSent)
    let received = receive(second)
    let port = first.port
    #expect(received?.0 == bytes)
    #expect(received?.1 == port)
  }

  @Test("a socket of both families takes and reaches IPv4")
  func bothFamilies() throws {
    let both = try DatagramSocket.bound(host: "::", port: 0)
    let four = try DatagramSocket.bound(host: "127.0.0.1", port: 0)
    let (ping, pong): ([UInt8], [UInt8]) = ([1], [2])
    let loopback = InternetAddress(literal: "127.0.0.1")!
    four.send(ping.span, to: loopback, port: both.port)
    let first = receive(both)
    #expect(first?.0 == ping)
    both.send(pong.span, to: loopback, port: four.port)
    let second = receive(four)
    #expect(second?.0 == pong)
  }

  @Test("a datagram that is too long is passed over, and the next one taken")
  func tooLong() throws {
    let socket = try DatagramSocket.bound(host: "127.0.0.1", port: 0)
    let loopback = InternetAddress(literal: "127.0.0.1")!
    let (long, short) = ([UInt8](repeating: 1, count: 33), [UInt8](repeating: 2, count: 32))
    socket.send(long.span, to: loopback, port: socket.port)
    socket.send(short.span, to: loopback, port: socket.port)
    let received = receive(socket, bytesMax: 32)
    #expect(received?.0 == short)
  }

  @Test("nothing to read is nil, and a port in use is named")
  func nothing() throws {
    let socket = try DatagramSocket.bound(host: "127.0.0.1", port: 0)
    var buffer = ByteBuffer()
    let isNothing = socket.receive(into: &buffer, bytesMax: 100) == nil
    #expect(isNothing)
    let port = socket.port
    #expect(throws: SocketError.inUse(host: "127.0.0.1", port: port)) {
      let again = try DatagramSocket.bound(host: "127.0.0.1", port: port)
      _ = consume again
    }
  }

  @Test("loopback is reached from loopback, and kinds of addresses are told apart")
  func routes() throws {
    let source = try #require(Routing.source(toReach: InternetAddress(literal: "127.0.0.1")!))
    #expect(source.isLoopback)
    #expect(InternetAddress(literal: "0.0.0.0")!.isWildcard)
    #expect(InternetAddress(literal: "::")!.isWildcard)
    #expect(InternetAddress(literal: "[::1]")!.isLoopback)
    #expect(InternetAddress(literal: "169.254.3.4")!.isLinkLocal)
    #expect(InternetAddress(literal: "fe80::1")!.isLinkLocal)
    #expect(InternetAddress(literal: "255.255.255.255")!.isMulticast)
    #expect(!InternetAddress(literal: "10.0.0.1")!.isLoopback)
    for name in ["localhost", "", "10.0.0", "1.2.3.4.5", "node-1"] {
      #expect(InternetAddress(literal: name) == nil)
    }
  }

  @Test("names are looked up on another thread, and failures are told")
  func resolver() throws {
    let wakeup = try Wakeup()
    let resolver = Resolver(wakeup: wakeup)
    let thread = try Platform.Thread.start(name: "resolver") { resolver.run() }
    resolver.ask("localhost")
    resolver.ask("no-such-name.invalid")
    var found: [ResolvedName] = []
    let deadline = Date(timeIntervalSinceNow: 60)
    while found.count < 2, Date() < deadline {
      var names: [ResolvedName] = []
      resolver.take(into: &names)
      found += names
      if found.count < 2 { wait(wakeup.descriptor) }
      wakeup.drain()
    }
    resolver.close()
    thread.join()
    try #require(found.count == 2)
    #expect(found[0].addresses.first?.isLoopback == true)
    #expect(found[1].addresses.isEmpty && found[1].failure != nil)
  }
}
