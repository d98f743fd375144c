import Bytes
import Testing

@testable import Server

@Suite("Commit queue")
struct CommitQueueTests {
  @Test("nobody is let go before their position is committed")
  func order() {
    var queue = CommitQueue()
    #expect(queue.isEmpty && queue.next(committed: .max) == nil)
    queue.park(1, until: 10)
    queue.park(2, until: 10)
    queue.park(3, until: 12)
    #expect(!queue.isEmpty)
    #expect(queue.next(committed: 9) == nil)
    #expect(queue.next(committed: 10) == 1)
    #expect(queue.next(committed: 11) == 2)
    #expect(queue.next(committed: 11) == nil)
    #expect(queue.next(committed: 12) == 3)
    #expect(queue.isEmpty && queue.next(committed: .max) == nil)
  }

  @Test("who waits for less waits for those before all the same, and is let go with them")
  func backwards() {
    var queue = CommitQueue()
    queue.park(1, until: 10)
    queue.park(2, until: 5)
    #expect(queue.next(committed: 7) == nil)
    #expect(queue.next(committed: 10) == 1)
    #expect(queue.next(committed: 10) == 2)
  }

  @Test("who comes back while the others still wait goes to the end")
  func again() {
    var queue = CommitQueue()
    queue.park(1, until: 1)
    queue.park(2, until: 2)
    #expect(queue.next(committed: 1) == 1)
    queue.park(1, until: 3)
    #expect(queue.next(committed: 3) == 2)
    #expect(queue.next(committed: 3) == 1)
    #expect(queue.isEmpty)
  }

  @Test("a queue that never runs empty does not grow")
  func memory() {
    var queue = CommitQueue()
    for position in 1...64 as ClosedRange<UInt64> { queue.park(position, until: position) }
    var most = 0
    for position in 65...1_000_000 as ClosedRange<UInt64> {
      queue.park(position, until: position)
      let taken = queue.next(committed: position - 64)
      if taken != position - 64 { Issue.record("\(String(describing: taken)) came") }
      most = max(most, queue.placeCount)
    }
    #expect(most < 4096)
  }

  @Test("it does what a list does", arguments: [1, 2, 3] as [UInt64])
  func model(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = CommitQueue()
    var model: [(token: UInt64, lsn: UInt64)] = []
    var appended: UInt64 = 0
    var committed: UInt64 = 0
    for step in 0..<50_000 as Range<UInt64> {
      if random.next(below: 2) == 0 {
        appended += random.next(below: 3)
        model.append((step, appended))
        queue.park(step, until: appended)
      } else {
        committed = max(committed, appended - min(appended, random.next(below: 3_000)))
        var expected: UInt64?
        if let first = model.first, first.lsn <= committed {
          expected = first.token
          model.removeFirst()
        }
        if queue.next(committed: committed) != expected { Issue.record("step \(step)") }
      }
      if queue.isEmpty != model.isEmpty { Issue.record("step \(step): empty?") }
    }
  }
}
