import Bytes
import Platform
import Testing

@Suite("Poller")
struct PollerTests {
  @Test("reports a readable descriptor under its token")
  func readable() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 0xfedc_ba98_7654_3210, events: .readable)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    _ = write(pair.client.raw, "x")
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller[0].token == 0xfedc_ba98_7654_3210)
    #expect(poller[0].events == .readable)
  }

  @Test("level-triggered, an unread byte is reported again and again")
  func levels() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 1, events: .readable)
    _ = write(pair.client.raw, "x")
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller.wait(timeoutMilliseconds: 0) == 1)
  }

  @Test("edge-triggered, an unread byte is reported once, and again when another arrives")
  func edges() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 1, events: [.readable, .edgeTriggered])
    _ = write(pair.client.raw, "x")
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    _ = write(pair.client.raw, "y")
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
  }

  @Test("modifying an edge-triggered descriptor reports anew what holds")
  func modify() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 1, events: [.readable, .edgeTriggered])
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    try poller.modify(
      pair.server.raw, token: 2, events: [.readable, .writable, .edgeTriggered])
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller[0] == (2, .writable))
  }

  @Test("a half-closed peer is told from a plain readable one")
  func peerClosed() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(
      pair.server.raw, token: 1, events: [.readable, .peerClosed, .edgeTriggered])
    Socket.shutdownWrite(pair.client.raw)
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller[0].events == [.readable, .peerClosed])
  }

  @Test("a connection that is closed on both sides hangs up")
  func hangup() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 1, events: [])
    Socket.shutdownWrite(pair.server.raw)
    Socket.shutdownWrite(pair.client.raw)
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    #expect(poller[0].events.contains(.hangup))
  }

  @Test("a removed descriptor is silent")
  func remove() throws {
    let pair = try Loopback()
    let poller = try Poller()
    try poller.add(pair.server.raw, token: 1, events: .writable)
    #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
    try poller.remove(pair.server.raw)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
  }

  @Test("one turn reports at most what the array holds, and the next the rest")
  func manyEvents() throws {
    let poller = try Poller()
    var wakeups: [Wakeup] = []
    for index in 0..<600 {
      let wakeup = try Wakeup()
      wakeup.wake()
      try poller.add(
        wakeup.descriptor, token: UInt64(index), events: [.readable, .edgeTriggered])
      wakeups.append(wakeup)
    }
    var seen = Set<UInt64>()
    let first = poller.wait(timeoutMilliseconds: 5000)
    #expect(first == Poller.eventsMax)
    for index in 0..<first { seen.insert(poller[index].token) }
    let second = poller.wait(timeoutMilliseconds: 5000)
    for index in 0..<second { seen.insert(poller[index].token) }
    #expect(seen.count == 600)
  }

  @Test("adding twice and changing what was never added are errors")
  func misuse() throws {
    let pair = try Loopback()
    let poller = try Poller()
    #expect(throws: SystemError.self) {
      try poller.modify(pair.server.raw, token: 1, events: .readable)
    }
    try poller.add(pair.server.raw, token: 1, events: .readable)
    #expect(throws: SystemError.self) {
      try poller.add(pair.server.raw, token: 1, events: .readable)
    }
  }
}
