import Bytes
import Durability
import Platform
import Store
import Testing

@testable import Server

@Suite("Commit log")
struct CommitLogTests {
  private func append(
    _ log: CommitLog, value: String = "1", isDead: Bool = false
  ) throws -> UInt64 {
    let bytes = utf8(value)
    let record = Record(
      table: TableID(rawValue: 0), key: utf8("k").span, value: isDead ? nil : bytes.span,
      version: 1, hybridTime: 5, sequence: 1, origin: OriginID(rawValue: 0),
      owner: OwnerID(rawValue: 0))
    return try log.append(
      table: utf8("t").span, owner: utf8("alice").span,
      stamp: Stamp(hybridTime: 5, node: 1, boot: 1, sequence: 1), record: record.view)
  }

  /// Entries that a budget admits, and the bytes they take.
  private func fill(_ log: CommitLog, value: String) -> Int {
    var count = 0
    while (try? append(log, value: value)) != nil, count < 1_000_000 { count += 1 }
    return count
  }

  @Test("nothing is admitted before the disk has reserved room")
  func noRoom() {
    let log = CommitLog(gates: [])
    #expect(throws: WriteRefusal.diskFull) { try append(log) }
    #expect(log.appended == 0 && log.committed == 0 && log.acceptsWrites)
  }

  @Test("positions ascend by one, from what was recovered on")
  func positions() throws {
    let log = CommitLog(gates: [])
    log.admit(bytes: 1 << 20, diskIsLow: false)
    log.resume(after: 41)
    #expect(log.appended == 41 && log.committed == 41)
    #expect(try append(log) == 42)
    #expect(try append(log, isDead: true) == 43)
    #expect(log.appended == 43 && log.committed == 41)
  }

  @Test("a batch is taken whole and once, and the next one goes on behind it")
  func take() throws {
    let log = CommitLog(gates: [])
    log.admit(bytes: 1 << 20, diskIsLow: false)
    var entries = ByteBuffer()
    #expect(log.take(into: &entries).count == 0)
    for _ in 0..<3 { _ = try append(log) }
    var taken = log.take(into: &entries)
    #expect(taken == (1, 3))
    var reader = LogEntryReader(entries.span)
    var count = 0
    while reader.next() != nil { count += 1 }
    let isAtEnd = reader.isAtEnd
    #expect(count == 3 && isAtEnd)

    entries.clear()
    _ = try append(log)
    taken = log.take(into: &entries)
    #expect(taken == (4, 1))
    entries.clear()
    taken = log.take(into: &entries)
    #expect(taken == (5, 0) && entries.isEmpty)
  }

  @Test(
    "what is admitted never takes more bytes than were reserved, frames and all",
    arguments: [0, 1, 10, 1_000, 100_000])
  func budget(valueBytes: Int) {
    let log = CommitLog(gates: [])
    let reserved = 1 << 20
    log.admit(bytes: reserved, diskIsLow: false)
    let count = fill(log, value: String(repeating: "1", count: valueBytes))
    var entries = ByteBuffer()
    _ = log.take(into: &entries)
    let overhead = LogWriter<FileDisk>.frameOverhead
    #expect(entries.count + count * overhead <= reserved)
    // And not much less: an entry's bound is near what it takes.
    #expect(count >= reserved / (valueBytes + 7 + LogEntry.overheadMax + overhead))
  }

  @Test("room that is reported anew counts what waits already")
  func admission() {
    let log = CommitLog(gates: [])
    log.admit(bytes: 10_000, diskIsLow: false)
    let first = fill(log, value: "1")
    log.admit(bytes: 10_000, diskIsLow: false)
    let more = fill(log, value: "1")
    #expect(more < first, "only what the entries took less than their bound")
    var entries = ByteBuffer()
    _ = log.take(into: &entries)
    #expect(entries.count + (first + more) * LogWriter<FileDisk>.frameOverhead <= 10_000)
    log.admit(bytes: 10_000, diskIsLow: false)
    #expect(fill(log, value: "1") == first)
  }

  @Test("less room than waits already admits nothing, and does not trap")
  func negative() {
    let log = CommitLog(gates: [])
    log.admit(bytes: 10_000, diskIsLow: false)
    _ = fill(log, value: "1")
    log.admit(bytes: 0, diskIsLow: false)
    #expect(throws: WriteRefusal.diskFull) { try append(log) }
  }

  @Test("a low disk refuses, and says so")
  func low() throws {
    let log = CommitLog(gates: [])
    log.admit(bytes: 1 << 20, diskIsLow: true)
    #expect(!log.acceptsWrites)
    #expect(throws: WriteRefusal.diskFull) { try append(log) }
    log.admit(bytes: 1 << 20, diskIsLow: false)
    #expect(log.acceptsWrites)
    #expect(try append(log) == 1)
  }

  @Test("a commit wakes the loops that wait for one, and only those")
  func waking() throws {
    let gates = try (0..<2).map { try LoopGate(index: $0) }
    let log = CommitLog(gates: gates)
    let poller = try Poller()
    for gate in gates {
      try poller.add(gate.wakeup.descriptor, token: UInt64(gate.index), events: .readable)
    }
    log.publish(1)
    #expect(log.committed == 1)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    gates[1].waitForCommit()
    log.publish(2)
    #expect(poller.wait(timeoutMilliseconds: 0) == 1)
    #expect(poller[0].token == 1)
    gates[1].wakeup.drain()
    log.publish(3)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0, "who waits once is woken once")
  }

  @Test("what may be recycled is told once; closing says what becomes of the segments")
  func messages() {
    let log = CommitLog(gates: [])
    #expect(log.takeRecyclable() == nil)
    log.recycle(through: 7)
    #expect(log.takeRecyclable() == 7 && log.takeRecyclable() == nil)
    log.report(segmentBytes: 123, isCrowded: true)
    #expect(log.segmentBytes == 123 && log.isCrowded)
    #expect(!log.isClosing)
    log.close(deleteAll: true)
    #expect(log.isClosing && log.closesEmpty)
  }
}
