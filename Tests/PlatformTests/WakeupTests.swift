import Glibc
import Platform
import Testing

@Suite("Wakeup")
struct WakeupTests {
  @Test("wakes a poller until it is drained, and then again")
  func wakes() throws {
    let wakeup = try Wakeup()
    let poller = try Poller()
    try poller.add(wakeup.descriptor, token: 9, events: .readable)
    for _ in 0..<3 {
      #expect(poller.wait(timeoutMilliseconds: 0) == 0)
      wakeup.wake()
      #expect(poller.wait(timeoutMilliseconds: 5000) == 1)
      wakeup.drain()
    }
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
  }

  @Test("many rings before the answer are one write")
  func coalesces() throws {
    let wakeup = try Wakeup()
    for _ in 0..<100 { wakeup.wake() }
    var count: UInt64 = 0
    #expect(read(wakeup.descriptor, &count, 8) == 8)
    #expect(count == 1)
  }

  @Test("a ring from another thread is never lost")
  func neverLost() throws {
    let wakeup = try Wakeup()
    let poller = try Poller()
    try poller.add(wakeup.descriptor, token: 1, events: [.readable, .edgeTriggered])
    let box = Mailbox<Int>(wakeup: wakeup)
    let rounds = 20_000
    let sender = try Thread.start(name: "sender") {
      for number in 0..<rounds { box.post(number) }
    }
    var received: [Int] = []
    var batch: [Int] = []
    while received.count < rounds {
      guard poller.wait(timeoutMilliseconds: 5000) > 0 else { break }
      wakeup.drain()
      box.take(into: &batch)
      received += batch
    }
    sender.join()
    #expect(received == Array(0..<rounds))
  }
}

@Suite("Mailbox")
struct MailboxTests {
  @Test("gives what was left in the order of arrival, once")
  func order() throws {
    let box = Mailbox<String>(wakeup: try Wakeup())
    box.post("a")
    box.post("b")
    var batch = ["stale"]
    box.take(into: &batch)
    #expect(batch == ["a", "b"])
    box.take(into: &batch)
    #expect(batch.isEmpty)
  }

  @Test("rings only when it was empty")
  func rings() throws {
    let wakeup = try Wakeup()
    let box = Mailbox<Int>(wakeup: wakeup)
    box.post(1)
    wakeup.drain()
    box.post(2)
    var count: UInt64 = 0
    #expect(read(wakeup.descriptor, &count, 8) == -1)
    var batch: [Int] = []
    box.take(into: &batch)
    box.post(3)
    #expect(read(wakeup.descriptor, &count, 8) == 8)
  }

  @Test("loses nothing and repeats nothing from several senders")
  func manySenders() throws {
    let wakeup = try Wakeup()
    let poller = try Poller()
    try poller.add(wakeup.descriptor, token: 1, events: .readable)
    let box = Mailbox<Int>(wakeup: wakeup)
    let each = 5_000
    let first = try Thread.start(name: "first") { for number in 0..<each { box.post(number) } }
    let second = try Thread.start(name: "second") {
      for number in 0..<each { box.post(each + number) }
    }
    var received: [Int] = []
    var batch: [Int] = []
    while received.count < 2 * each, poller.wait(timeoutMilliseconds: 5000) > 0 {
      wakeup.drain()
      box.take(into: &batch)
      received += batch
    }
    first.join()
    second.join()
    #expect(received.filter { $0 < each } == Array(0..<each))
    #expect(received.filter { $0 >= each } == Array(each..<2 * each))
  }
}
