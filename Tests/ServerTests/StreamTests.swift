import Bytes
import Store
import Testing

@testable import Server

@Suite("Stream")
struct StreamTests {
  private func stream() -> Stream {
    let key = utf8("k")
    let place = Place(table: TableID(rawValue: 1), hash: 1)
    return Stream(
      place: place, reader: nil, group: StreamGroup(table: place.table, key: key), position: 0)
  }

  private func frame(_ number: UInt64, bytes: Int = 100) -> EventFrame {
    EventFrame(
      bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes), lsn: number,
      hash: 1, table: TableID(rawValue: 1), key: utf8("k"), owner: OwnerID(rawValue: 0))
  }

  private func positions(_ stream: Stream) -> [UInt64] { stream.backlog.map(\.lsn) }

  @Test("frames wait in their order, and leave it whole")
  func order() {
    let stream = stream()
    for number in 1...3 as ClosedRange<UInt64> { stream.enqueue(frame(number)) }
    #expect(positions(stream) == [1, 2, 3])
    stream.advance(60)
    #expect(positions(stream) == [1, 2, 3] && stream.sent == 60)
    stream.advance(40)
    #expect(positions(stream) == [2, 3] && stream.sent == 0)
    stream.advance(100)
    stream.advance(100)
    #expect(stream.backlog.isEmpty && stream.sent == 0)
  }

  @Test("a frame whose beginning was sent goes on where it stopped")
  func begun() {
    let stream = stream()
    stream.enqueue(frame(1), sent: 30)
    #expect(stream.sent == 30)
    stream.enqueue(frame(2))
    #expect(stream.sent == 30)
    stream.advance(70)
    #expect(positions(stream) == [2] && stream.sent == 0)
  }

  @Test("up to the bound every frame is kept")
  func withinBound() {
    let stream = stream()
    let count = Limits.streamBacklogBytesMax / 1024
    for number in 0..<count { stream.enqueue(frame(UInt64(number), bytes: 1024)) }
    #expect(stream.backlog.count == count)
  }

  @Test("beyond the bound the newest takes the place of all that were not begun")
  func fold() {
    let stream = stream()
    let count = UInt64(Limits.streamBacklogBytesMax / 1024)
    for number in 0..<count { stream.enqueue(frame(number, bytes: 1024)) }
    stream.enqueue(frame(count, bytes: 1024))
    #expect(positions(stream) == [count])
    #expect(stream.sent == 0)
    stream.enqueue(frame(count + 1, bytes: 1024))
    #expect(positions(stream) == [count, count + 1])
  }

  @Test("a frame that was begun is finished, and the newest follows")
  func foldBehindBegun() {
    let stream = stream()
    stream.enqueue(frame(0, bytes: 40_000), sent: 1)
    for number in 1...10 as ClosedRange<UInt64> {
      stream.enqueue(frame(number, bytes: 40_000))
      #expect(positions(stream) == [0, number])
    }
    stream.advance(39_999)
    #expect(positions(stream) == [10])
  }

  @Test("a single frame longer than the bound is sent all the same")
  func longFrame() {
    let stream = stream()
    stream.enqueue(frame(1, bytes: 1 << 20))
    #expect(positions(stream) == [1])
    stream.enqueue(frame(2, bytes: 1 << 20))
    #expect(positions(stream) == [2])
    stream.advance(5)
    stream.enqueue(frame(3, bytes: 1 << 20))
    stream.enqueue(frame(4, bytes: 1 << 20))
    #expect(positions(stream) == [2, 4])
  }

  @Test(
    "whatever a reader misses: its bytes are whole frames in order, the newest last, in bounded memory",
    arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func reader(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let stream = stream()
    var newest: UInt64 = 0
    var lengths: [UInt64: Int] = [:]
    var finished: [UInt64] = []
    for _ in 0..<20_000 {
      if random.next(below: 100) < 60 {
        newest += 1
        let length = 1 + Int(random.next(below: random.next(below: 20) == 0 ? 90_000 : 3_000))
        lengths[newest] = length
        stream.enqueue(frame(newest, bytes: length))
      } else if let first = stream.backlog.first {
        let count = min(1 + Int(random.next(below: 4_000)), first.bytes.count - stream.sent)
        stream.advance(count)
        if stream.backlog.first !== first { finished.append(first.lsn) }
      }
      let held = stream.backlog.dropFirst(stream.sent > 0 ? 1 : 0)
      let bytes = held.reduce(0) { $0 + $1.bytes.count }
      if held.count > 1, bytes > Limits.streamBacklogBytesMax { Issue.record("\(bytes) bytes") }
      if let last = stream.backlog.last, last.lsn != newest { Issue.record("not the newest") }
    }
    while let first = stream.backlog.first {
      stream.advance(first.bytes.count - stream.sent)
      finished.append(first.lsn)
    }
    #expect(finished == finished.sorted() && Set(finished).count == finished.count)
    #expect(finished.last == newest)
    #expect(finished.count < Int(newest), "this reader was never slow")
  }
}
