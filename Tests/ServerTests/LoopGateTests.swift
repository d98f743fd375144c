import Bytes
import Platform
import Store
import Testing

@testable import Server

@Suite("Loop gate")
struct LoopGateTests {
  private func frame(_ number: UInt64) -> EventFrame {
    EventFrame(
      bytes: [], lsn: number, hash: 0, table: TableID(rawValue: 0), key: [],
      owner: OwnerID(rawValue: 0))
  }

  @Test("events are taken in the order in which they were left, behind those taken before")
  func order() throws {
    let gate = try LoopGate(index: 0)
    var events: [EventFrame] = []
    gate.takeEvents(into: &events)
    #expect(events.isEmpty)
    gate.post(frame(1))
    gate.post(frame(2))
    gate.takeEvents(into: &events)
    gate.post(frame(3))
    gate.takeEvents(into: &events)
    gate.takeEvents(into: &events)
    #expect(events.map(\.lsn) == [1, 2, 3])
  }

  @Test("a loop that was left an event is woken by the commit that makes it due")
  func waking() throws {
    let gate = try LoopGate(index: 0)
    let log = CommitLog(gates: [gate])
    let poller = try Poller()
    try poller.add(gate.wakeup.descriptor, token: 1, events: .readable)
    gate.post(frame(1))
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    log.publish(1)
    #expect(poller.wait(timeoutMilliseconds: 0) == 1)
  }

  @Test("nothing that threads leave is lost or doubled")
  func threads() throws {
    let gate = try LoopGate(index: 0)
    let handles = try (0..<3).map { thread in
      Handover(
        try Thread.start(name: "poster-\(thread)") {
          for number in 0..<5_000 { gate.post(frame(UInt64(thread * 5_000 + number))) }
        })
    }
    var events: [EventFrame] = []
    while events.count < 10_000 { gate.takeEvents(into: &events) }
    for handle in handles { handle.take().join() }
    gate.takeEvents(into: &events)
    #expect(events.map(\.lsn).sorted() == (0..<15_000).map(UInt64.init))
    for thread in 0..<3 as Range<UInt64> {
      let own = events.map(\.lsn).filter { $0 / 5_000 == thread }
      #expect(own == own.sorted())
    }
  }
}
