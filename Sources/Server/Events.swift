// Changes on their way to the streams that watch them.

import Bytes
import HTTP
import Platform
import Store

/// One change of one key, rendered once and shared by every stream that shows it.
final class EventFrame: Sendable {
  /// The bytes as they go over the wire.
  let bytes: [UInt8]
  /// The frame is due when this position is committed.
  let lsn: UInt64
  let hash: UInt64
  let table: TableID
  let key: [UInt8]
  /// Whose record it is, or was.
  let owner: OwnerID

  init(
    bytes: [UInt8], lsn: UInt64, hash: UInt64, table: TableID, key: [UInt8], owner: OwnerID
  ) {
    self.owner = owner
    self.bytes = bytes
    self.lsn = lsn
    self.hash = hash
    self.table = table
    self.key = key
  }

  /// The frame of one change. JSON strings hold no line breaks, but white space between tokens may:
  /// each line of the value is a `data:` line of its own, which every reader joins again.
  static func render(_ record: RecordView, stamp: Stamp, owner: Span<UInt8>) -> [UInt8] {
    var token = ByteBuffer()
    RecordText.appendToken(stamp, to: &token)
    var frame = ByteBuffer(capacity: record.value.count + 256)
    EventStream.beginEvent(id: token.span, to: &frame)
    if record.isTombstone {
      EventStream.appendData(("{\"event\":\"Deleted\"}" as StaticString).bytes, to: &frame)
    } else {
      var data = ByteBuffer(capacity: record.value.count + 128)
      data.append("{\"event\":\"Updated\",\"value\":")
      RecordText.append(record, owner: owner, to: &data)
      data.append("}")
      EventStream.appendData(data.span, to: &frame)
    }
    EventStream.endEvent(&frame)
    return frame.copied()
  }
}

/// Who watches the keys of one shard: loops, by key. Guarded by the shard's lock.
struct Watchers {
  private struct Watch {
    let table: TableID
    let key: [UInt8]
    /// Streams of each loop, by the loop's index.
    var streams: [Int]
  }

  private var watches: [UInt64: [Watch]] = [:]

  var isEmpty: Bool { watches.isEmpty }

  mutating func add(_ hash: UInt64, _ table: TableID, _ key: Span<UInt8>, loop: Int) {
    var list = watches[hash] ?? []
    let index = list.firstIndex { $0.table == table && $0.key.span.equals(key) } ?? list.count
    if index == list.count {
      list.append(Watch(table: table, key: [UInt8](copying: key), streams: []))
    }
    while list[index].streams.count <= loop { list[index].streams.append(0) }
    list[index].streams[loop] += 1
    watches[hash] = list
  }

  mutating func remove(_ hash: UInt64, _ table: TableID, _ key: Span<UInt8>, loop: Int) {
    guard var list = watches[hash],
      let index = list.firstIndex(where: { $0.table == table && $0.key.span.equals(key) })
    else { return }
    list[index].streams[loop] -= 1
    if list[index].streams.allSatisfy({ $0 == 0 }) { list.remove(at: index) }
    watches[hash] = list.isEmpty ? nil : list
  }

  /// Calls `body` with the index of each loop that has a stream for this key.
  func forEachLoop(
    _ hash: UInt64, _ table: TableID, _ key: Span<UInt8>, _ body: (Int) -> Void
  ) {
    guard let list = watches[hash] else { return }
    for watch in list where watch.table == table && watch.key.span.equals(key) {
      for (loop, count) in watch.streams.enumerated() where count > 0 { body(loop) }
    }
  }
}
