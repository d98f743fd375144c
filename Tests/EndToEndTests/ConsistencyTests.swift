import Foundation
import Testing

/// What many clients see of the same keys at the same time: one history, whoever looks.
@Suite("Consistency", .blocking)
struct ConsistencyTests {
  static let node = SharedNode()

  @Test("a write that was acknowledged is seen by every read that begins after it")
  func readAfterWrite() throws {
    let (node, table) = (try Self.node(), uniqueTable())
    try Client(node, as: "alice").store(table, "k", "0")
    let acknowledged = Newest()
    let finished = Newest()
    let troubles = try inParallel(9) { index -> String? in
      let client = Client(node, as: "alice")
      if index < 3 {
        for number in 0..<150 {
          acknowledged.raise(try client.store(table, "k", "\(number)").version)
        }
        finished.raise(Int64(index) + 1)
        return nil
      }
      var last: Int64 = 0
      while finished.value < 3 {
        let floor = acknowledged.value
        let version: Int64
        switch index % 3 {
        case 0: version = try client.get(table, "k").record().version
        case 1:
          let body = try client.send("GET", "/\(table)/store").body
          version = try Record(try JSONText.members(of: body)[0].raw).version
        default:
          let body = try client.send("POST", "/\(table)/keys", #"["k"]"#).body
          version = try Record(try JSONText.members(of: body)[0].raw).version
        }
        if version < floor { return "read \(version) after \(floor) was acknowledged" }
        if version < last { return "read \(version) after \(last) had been read" }
        last = version
      }
      return nil
    }
    for trouble in troubles.compactMap({ $0 }) { Issue.record("\(trouble)") }
    #expect(acknowledged.value == 451)
  }

  @Test("an event never comes before its write can be read")
  func readAfterEvent() throws {
    let (node, table) = (try Self.node(), uniqueTable())
    let streams = try (0..<4).map { _ in try EventStream(node, "/\(table)/subscribe/k") }
    Thread.detachNewThread {
      let client = Client(node, as: "alice")
      for number in 0..<200 { _ = try? client.store(table, "k", "\(number)") }
    }
    let troubles = try inParallel(streams.count) { index -> String? in
      let client = Client(node)
      while true {
        let heard = try streams[index].event().record()
        let read = try client.get(table, "k").record()
        if read.version < heard.version { return "heard \(heard.version), read \(read.version)" }
        if heard.version == 200 { return nil }
      }
    }
    for trouble in troubles.compactMap({ $0 }) { Issue.record("\(trouble)") }
  }

  @Test("a subscriber that comes back again and again misses no last state and hears none twice")
  func reconnecting() throws {
    let (node, table) = (try Self.node(), uniqueTable())
    let target = "/\(table)/subscribe/k"
    let client = Client(node, as: "alice")
    try client.store(table, "k", "0")
    var stream = try EventStream(node, target)
    try client.store(table, "k", "1")
    var heard = try stream.event()
    var versions = [try heard.record().version]
    let last: Int64 = 400
    Thread.detachNewThread {
      let writer = Client(node, as: "alice")
      for number in 3...last { _ = try? writer.store(table, "k", "\(number)") }
    }
    var random = SeededRandom(seed: 11)
    while versions.last != last {
      if Int.random(in: 0..<4, using: &random) == 0 {
        stream.connection.close()
        stream = try EventStream(node, target, lastEventID: heard.id)
      }
      heard = try stream.event()
      versions.append(try heard.record().version)
    }
    #expect(zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 }, "\(versions)")
  }

  @Test("a list read while keys come holds every key that was acknowledged before it began")
  func growingList() throws {
    let (node, table) = (try Self.node(), uniqueTable())
    try Client(node, as: "alice").store(table, "a", "1")
    let acknowledged = Newest()
    let troubles = try inParallel(4) { index -> String? in
      let client = Client(node, as: "alice")
      if index == 0 {
        for number in 1...600 {
          try client.store(table, "k\(number)", "1")
          acknowledged.raise(Int64(number))
        }
        return nil
      }
      while acknowledged.value < 600 {
        let floor = acknowledged.value
        let target = index == 1 ? "store" : "keys"
        let body = try client.send("GET", "/\(table)/\(target)").body
        let keys =
          index == 1
          ? try JSONText.members(of: body).map(\.name)
          : try JSONText.elements(of: body).map { try JSONText.string($0) }
        let numbers = Set(keys.compactMap { Int64($0.string.dropFirst()) })
        if keys != keys.sorted() || Set(keys).count != keys.count { return "not in order" }
        for number in stride(from: Int64(1), through: floor, by: 1) where !numbers.contains(number)
        {
          return "k\(number) of \(floor) is missing"
        }
      }
      return nil
    }
    for trouble in troubles.compactMap({ $0 }) { Issue.record("\(trouble)") }
  }

  @Test("5,000 writes, sent before any answer is read, are answered in order and kept")
  func deepWrites() throws {
    let (node, table) = (try Self.node(), uniqueTable())
    let client = Client(node, as: "alice")
    let link = try RawConnection(port: node.port)
    let requests = (0..<5000).map {
      client.request("PUT", "/\(table)/key/k\($0 % 50)", "{\"value\":\($0)}").bytes
    }
    let all = ByteText(requests.joined())
    Thread.detachNewThread { [link] in try? link.send(all) }
    for number in 0..<5000 {
      let record = try link.readResponse(to: "PUT").record()
      guard record.value == "\(number)", record.version == Int64(number / 50 + 1) else {
        throw Trouble("answer \(number) is \(record)")
      }
    }
    #expect(try client.get(table, "k49").record().value == "4999")
  }
}

/// The greatest number that any thread has told.
private final class Newest: @unchecked Sendable {
  private let lock = NSLock()
  private var number: Int64 = 0

  func raise(_ to: Int64) { lock.withLock { number = max(number, to) } }
  var value: Int64 { lock.withLock { number } }
}
