import Foundation
import Testing

/// Contract §3, Events: a slow reader never slows others and never grows memory without bound.
@Suite("Slow readers and vanished ones", .blocking)
struct SlowReaderTests {
  @Test("a reader that falls behind gets the newest state; nobody waits for it, memory is bounded")
  func slowReaders() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let slow = try (0..<10).map { _ in
      try EventStream(node, "/t/subscribe/k", receiveBufferBytes: 4096)
    }
    let quick = try EventStream(node, "/t/subscribe/k")
    try client.store("t", "k", "0")
    _ = try quick.event()
    let before = try ProcessFigures.residentBytes(node.process.identifier)

    // 64 MB of events for each of ten readers that do not read.
    let fill = String(repeating: "f", count: 64_000)
    let last: Int64 = 1001
    let heard = NewestVersion()
    Thread.detachNewThread { heard.read(quick, until: last) }
    var slowest = 0.0
    for index in 2...last {
      let time = try seconds {
        try client.store("t", "k", "{\"n\":\(index),\"fill\":\"\(ByteText(fill))\"}")
      }
      slowest = max(slowest, time)
    }
    let after = try ProcessFigures.residentBytes(node.process.identifier)
    #expect(slowest < 2 * Node.slowness, "a write took \(slowest) s")
    #expect(
      Node.isSanitized || after - before < 48 << 20, "memory grew by \((after - before) >> 20) MiB")
    let error = heard.wait(seconds: 30)
    #expect(error == nil, "the reader that keeps up: \(error ?? "")")

    for stream in slow {
      var versions: [Int64] = []
      repeat { versions.append(try stream.event().record().version) } while versions.last != last
      #expect(versions == versions.sorted() && Set(versions).count == versions.count)
      #expect(versions.count < Int(last), "what was missed was folded")
    }
    let record = try client.store("t", "k", "\"live again\"")
    for stream in slow { #expect(try stream.event().record() == record) }
    try node.stop()
  }

  @Test("a slow reader of a key that is deleted and written again learns the last state")
  func foldedDelete() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let stream = try EventStream(node, "/t/subscribe/k", receiveBufferBytes: 4096)
    let fill = ByteText("\"" + String(repeating: "f", count: 500_000) + "\"")
    for _ in 0..<20 { try client.store("t", "k", fill) }
    #expect(try client.delete("t", "k").status == 200)
    var last = try stream.event()
    while !last.isDeleted { last = try stream.event() }
    try client.store("t", "k", "1")
    #expect(try stream.event().record().value == "1")
    try node.stop()
  }

  @Test("active_sse_connections is exact, and 0 again within 20 s after the clients vanish")
  func counting() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    #expect(try client.activeStreams() == 0)
    // Those that a node is born with include what tests beside this one had open.
    let before = try ProcessFigures.openDescriptors(node.process.identifier)
    let streams = try (0..<30).map { try EventStream(node, "/t/subscribe/k\($0 % 3)") }
    #expect(try client.activeStreams() == 30)
    #expect(try client.send("HEAD", "/t/subscribe/k").status == 200)
    #expect(try client.activeStreams() == 30, "HEAD opens no stream")
    for stream in streams.prefix(10) { stream.connection.close() }
    for stream in streams[10..<15] { stream.connection.reset() }
    #expect(try eventually(within: 20) { try client.activeStreams() == 15 })
    try client.store("t", "k0", "1")
    for stream in streams.suffix(15) { stream.connection.close() }
    #expect(try eventually(within: 20) { try client.activeStreams() == 0 })
    let descriptors = try ProcessFigures.openDescriptors(node.process.identifier)
    #expect(descriptors < before + 10, "\(descriptors) descriptors are open, \(before) were")
    try node.stop()
  }

  @Test("what a subscriber sends behind its request costs no memory and hides no end", .blocking)
  func talkingSubscriber() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    let before = try ProcessFigures.residentBytes(node.process.identifier)
    let talking = try (0..<5).map { _ in try EventStream(node, "/t/subscribe/k") }
    let noise = ByteText([UInt8](repeating: 0x78, count: 1 << 20))
    for stream in talking {
      for _ in 0..<20 {
        do { try stream.connection.send(noise, deadline: .in(seconds: 0.3)) } catch { break }
      }
    }
    let after = try ProcessFigures.residentBytes(node.process.identifier)
    #expect(Node.isSanitized || after - before < 24 << 20, "grew by \((after - before) >> 20) MiB")
    #expect(try client.send("GET", "/heartbeat").status == 200)
    for stream in talking { stream.connection.close() }
    #expect(try eventually(within: 20) { try client.activeStreams() == 0 })
    try node.stop()
  }

  @Test("a stream that vanishes while it is far behind is forgotten too")
  func vanishedWhileBehind() throws {
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    var streams = try (0..<5).map { _ in
      try EventStream(node, "/t/subscribe/k", receiveBufferBytes: 4096)
    }
    let fill = ByteText("\"" + String(repeating: "f", count: 500_000) + "\"")
    for _ in 0..<20 { try client.store("t", "k", fill) }
    for stream in streams { stream.connection.reset() }
    streams = []
    #expect(try eventually(within: 20) { try client.activeStreams() == 0 })
    try client.store("t", "k", "1")
    try node.stop()
  }
}

/// Reads a stream on a thread of its own until a version has come, checking that none is missed.
private final class NewestVersion: @unchecked Sendable {
  private let condition = NSCondition()
  private var finished = false
  private var trouble: String?

  func read(_ stream: EventStream, until last: Int64) {
    var previous: Int64 = 1
    do {
      while previous < last {
        let version = try stream.event().record().version
        guard version > previous else { throw Trouble("\(version) behind \(previous)") }
        previous = version
      }
    } catch { trouble = "\(error)" }
    condition.withLock {
      finished = true
      condition.broadcast()
    }
  }

  /// What went wrong; nil when all was well.
  func wait(seconds: Double) -> String? {
    condition.withLock {
      let limit = Date(timeIntervalSinceNow: seconds)
      while !finished { guard condition.wait(until: limit) else { return "not finished in time" } }
      return trouble
    }
  }
}
