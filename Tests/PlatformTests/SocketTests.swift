import Bytes
import Platform
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Socket")
struct SocketTests {
  @Test("bytes written by one side are read by the other")
  func roundTrip() throws {
    let pair = try Loopback()
    #expect(write(pair.client.raw, "hello") == .bytes(5))
    #expect(try readBytes(pair.server.raw, count: 5) == Array("hello".utf8))
    #expect(write(pair.server.raw, "you") == .bytes(3))
    #expect(try readBytes(pair.client.raw, count: 3) == Array("you".utf8))
  }

  @Test("an accepted connection reports the address and port of its client")
  func peerAddress() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    let client = try Socket.connect(
      host: "127.0.0.1", port: listener.port, timeoutMilliseconds: 5000)
    _ = try awaitEvents(listener.descriptor.raw, .readable)
    guard case .accepted(let raw, let address, let port) = Socket.accept(listener.descriptor.raw)
    else {
      Issue.record("nothing was accepted")
      return
    }
    let server = Descriptor(owning: raw)
    #expect(address.description == "127.0.0.1")
    #expect(address.isIPv4)
    #expect(Socket.local(client.raw)?.port == port)
    #expect(Socket.peerAddressText(server.raw) == "127.0.0.1:\(port)")
  }

  @Test("a listener that nobody dialled has nothing to accept")
  func acceptWouldBlock() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    guard case .wouldBlock = Socket.accept(listener.descriptor.raw) else {
      Issue.record("accepted a connection that nobody made")
      return
    }
  }

  @Test("accepting at a descriptor that is no listener fails")
  func acceptFails() throws {
    let pair = try Loopback()
    guard case .failed(EINVAL) = Socket.accept(pair.server.raw) else {
      Issue.record("accepted from a connection")
      return
    }
  }

  @Test("reading with nothing there would block")
  func readWouldBlock() throws {
    let pair = try Loopback()
    var buffer = ByteBuffer()
    #expect(Socket.read(pair.server.raw, into: &buffer, minimum: 10) == .wouldBlock)
    #expect(buffer.count == 0)
  }

  @Test("a client that shuts down its side is read as closed and still gets its answer")
  func halfClose() throws {
    let pair = try Loopback()
    #expect(write(pair.client.raw, "last") == .bytes(4))
    Socket.shutdownWrite(pair.client.raw)
    #expect(try readBytes(pair.server.raw, count: 100) == Array("last".utf8))
    var buffer = ByteBuffer()
    #expect(Socket.read(pair.server.raw, into: &buffer, minimum: 10) == .closed)
    #expect(write(pair.server.raw, "answer") == .bytes(6))
    #expect(try readBytes(pair.client.raw, count: 6) == Array("answer".utf8))
  }

  @Test("writing to a side that reads nothing blocks after a while, and loses nothing")
  func writeWouldBlock() throws {
    let pair = try Loopback()
    let block = [UInt8](repeating: 7, count: 1 << 20)
    var sent = 0
    var blocked = false
    while !blocked, sent < 1 << 30 {
      switch Socket.write(pair.server.raw, block.span) {
      case .bytes(let count): sent += count
      case .wouldBlock: blocked = true
      case .failed(let code): throw SystemError(call: "send", code: code)
      }
    }
    #expect(blocked)
    Socket.shutdownWrite(pair.server.raw)
    #expect(try readBytes(pair.client.raw, count: sent).count == sent)
  }

  @Test("writing to a connection that was reset fails and raises no signal")
  func writeAfterReset() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    let client = try Socket.connect(
      host: "127.0.0.1", port: listener.port, timeoutMilliseconds: 5000
    ).release()
    let server = Descriptor(owning: try acceptOne(listener.descriptor.raw))
    Socket.resetOnClose(client)
    Socket.close(client)
    _ = try awaitEvents(server.raw, [.readable])
    var buffer = ByteBuffer()
    #expect(Socket.read(server.raw, into: &buffer, minimum: 1) == .failed(ECONNRESET))
    #expect(write(server.raw, "x") == .failed(EPIPE))
  }
}

@Suite("Socket.listen")
struct ListenTests {
  @Test("port 0 is replaced by a port of the system's choice")
  func anyPort() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: .alone)
    #expect(listener.port != 0)
    #expect(Socket.local(listener.descriptor.raw)?.port == listener.port)
  }

  @Test(
    "addresses of both families and names are understood",
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("[::1]", "::1"),
      ("::", "::"), ("localhost", "127.0.0.1"),
    ])
  func hosts(host: String, bound: String) throws {
    let listener = try Socket.listen(host: host, port: 0, backlog: 16, share: .alone)
    #expect(Socket.local(listener.descriptor.raw)?.address.description == bound)
  }

  @Test("an IPv4 client of a dual-stack listener has its IPv4 address")
  func dualStack() throws {
    let listener = try Socket.listen(host: "::", port: 0, backlog: 16, share: .alone)
    let client = try Socket.connect(
      host: "127.0.0.1", port: listener.port, timeoutMilliseconds: 5000)
    let server = Descriptor(owning: try acceptOne(listener.descriptor.raw))
    #expect(Socket.peer(server.raw)?.address.description == "127.0.0.1")
    _ = client
  }

  @Test(
    "what is no address is refused by its name", arguments: ["", "no such host", "1.2.3.4.5", "[]"])
  func unresolvable(host: String) {
    #expect {
      _ = try Socket.listen(host: host, port: 0, backlog: 16, share: .alone)
    } throws: { error in
      guard case .unresolvable(host, _) = error as? SocketError else { return false }
      return true
    }
  }

  @Test("an address of another machine is refused with the call that failed")
  func foreignAddress() {
    #expect(throws: SocketError.system(SystemError(call: "bind", code: EADDRNOTAVAIL))) {
      _ = try Socket.listen(host: "192.0.2.1", port: 0, backlog: 16, share: .alone)
    }
  }

  @Test(
    "a port in use is refused, whether it is shared or not",
    arguments: [
      (PortShare.alone, PortShare.alone), (.alone, .first), (.first, .alone), (.first, .first),
      (.alone, .further),
    ])
  func inUse(holder: PortShare, comer: PortShare) throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 16, share: holder)
    let port = listener.port
    #expect(throws: SocketError.inUse(host: "127.0.0.1", port: port)) {
      _ = try Socket.listen(host: "127.0.0.1", port: port, backlog: 16, share: comer)
    }
  }

  @Test("connections are spread over the first listener and the ones that join it")
  func sharing() throws {
    let first = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 128, share: .first)
    let further = try Socket.listen(
      host: "127.0.0.1", port: first.port, backlog: 128, share: .further)
    var clients: [Int32] = []
    defer { for client in clients { Socket.close(client) } }
    for _ in 0..<64 {
      clients.append(
        try Socket.connect(host: "127.0.0.1", port: first.port, timeoutMilliseconds: 5000).release()
      )
    }
    func acceptAll(_ listener: Int32) throws -> Int {
      var count = 0
      while case .accepted(let descriptor, _, _) = Socket.accept(listener) {
        Socket.close(descriptor)
        count += 1
      }
      return count
    }
    let counts = (try acceptAll(first.descriptor.raw), try acceptAll(further.descriptor.raw))
    #expect(counts.0 + counts.1 == 64)
    #expect(counts.0 > 0 && counts.1 > 0)
  }
}

@Suite("Socket.connect")
struct ConnectTests {
  @Test("nobody listening is refused with the reason")
  func refused() throws {
    let port = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, share: .alone).port
    #expect(throws: SocketError.system(SystemError(call: "connect", code: ECONNREFUSED))) {
      _ = try Socket.connect(host: "127.0.0.1", port: port, timeoutMilliseconds: 5000)
    }
  }

  @Test("a full backlog times out")
  func timesOut() throws {
    let listener = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 0, share: .alone)
    let port = listener.port
    var held: [Int32] = []
    defer { for descriptor in held { Socket.close(descriptor) } }
    var error: SocketError?
    for _ in 0..<10 where error == nil {
      do throws(SocketError) {
        held.append(
          try Socket.connect(host: "127.0.0.1", port: port, timeoutMilliseconds: 50).release())
      } catch let failure {
        error = failure
      }
    }
    #expect(error == .timedOut(host: "127.0.0.1", port: port))
  }

  @Test("a blocking read gives up after the time that was set")
  func readTimeout() throws {
    let pair = try Loopback()
    Socket.setTimeouts(pair.client.raw, milliseconds: 20)
    var buffer = ByteBuffer()
    #expect(Socket.read(pair.client.raw, into: &buffer, minimum: 1) == .wouldBlock)
  }
}
