import Bytes

/// This node's own durable writes, the latest of them: what peers are pushed.
///
/// One row for all peers, each with a place in it, so that a dead peer costs no memory of its own.
/// Entries are numbered from 0 on; the oldest are dropped when the bounds are reached, and a peer
/// that still needed them pulls.
struct Outbox: Sendable {
  /// Entries as they were committed together.
  private struct Chunk: Sendable {
    var bytes: [UInt8]
    let positions: [UInt64]
    /// Where each entry begins in `bytes`.
    let offsets: [UInt32]
    /// The number of the first.
    let first: UInt64
  }

  private var chunks: [Chunk] = []
  /// Chunks before this one are dropped, and wait to be removed together.
  private var firstChunk = 0
  private var bytes = 0

  /// The number that the next entry gets.
  private(set) var end: UInt64 = 0
  /// The position of the last entry that was appended, and of all before it.
  private(set) var lastPosition: UInt64 = 0

  /// The oldest entry that is still here; `end` where there is none.
  var start: UInt64 { firstChunk < chunks.count ? chunks[firstChunk].first : end }

  /// Appends entries, `LogEntry`s one behind the other, and drops the oldest beyond the bounds.
  /// Nothing is appended where the bytes are not as many entries as there are positions.
  mutating func append(_ entries: [UInt8], positions: [UInt64], settings: ClusterSettings) {
    guard let last = positions.last,
      let offsets = Self.offsets(of: entries.span, count: positions.count)
    else { return }
    chunks.append(Chunk(bytes: entries, positions: positions, offsets: offsets, first: end))
    end += UInt64(positions.count)
    bytes += entries.count
    lastPosition = last
    while settings.mutant != .unboundedQueue, firstChunk < chunks.count - 1,
      bytes > settings.queueBytesMax || end - start > UInt64(settings.queueEntriesMax)
    {
      dropFirstChunk()
    }
    removeDropped()
  }

  /// What all entries take.
  var byteCount: Int { bytes }

  /// Whether one commit alone is more than is to be kept.
  func isOver(_ settings: ClusterSettings) -> Bool {
    bytes > settings.queueBytesMax || end - start > UInt64(settings.queueEntriesMax)
  }

  /// Lets go of what every peer has: entries before `number`.
  mutating func drop(before number: UInt64) {
    while firstChunk < chunks.count,
      chunks[firstChunk].first + UInt64(chunks[firstChunk].positions.count) <= number
    {
      dropFirstChunk()
    }
    removeDropped()
  }

  private mutating func dropFirstChunk() {
    bytes -= chunks[firstChunk].bytes.count
    chunks[firstChunk].bytes = []
    firstChunk += 1
  }

  private mutating func removeDropped() {
    // Moving the rest down costs as much as it frees.
    guard firstChunk * 2 >= chunks.count else { return }
    chunks.removeSubrange(..<firstChunk)
    firstChunk = 0
  }

  /// A batch from entry `number` (one that is here) on, within the bounds of one.
  func batch(
    from number: UInt64, settings: ClusterSettings, into buffer: inout ByteBuffer
  ) -> (count: Int, lastPosition: UInt64) {
    var index = indexOfChunk(containing: number)
    var (count, used) = (0, 0)
    var lastPosition: UInt64 = 0
    var next = number
    while index < chunks.count, count < settings.pushEntriesMax {
      let chunk = chunks[index]
      let from = Int(next - chunk.first)
      let start = Int(chunk.offsets[from])
      var to = from
      while to < chunk.positions.count, count + to - from < settings.pushEntriesMax {
        let entryEnd =
          to + 1 < chunk.offsets.count ? Int(chunk.offsets[to + 1]) : chunk.bytes.count
        if used + entryEnd - start > settings.pushBytesMax, count + to - from > 0 { break }
        to += 1
      }
      let end = to < chunk.offsets.count ? Int(chunk.offsets[to]) : chunk.bytes.count
      if to == from { break }
      buffer.append(chunk.bytes.span.extracting(start..<end))
      used += end - start
      count += to - from
      next += UInt64(to - from)
      lastPosition = chunk.positions[to - 1]
      if to < chunk.positions.count { break }
      index += 1
    }
    return (count, lastPosition)
  }

  /// The position of an entry that is still here.
  func position(of number: UInt64) -> UInt64? {
    guard number >= start, number < end else { return nil }
    let chunk = chunks[indexOfChunk(containing: number)]
    return chunk.positions[Int(number - chunk.first)]
  }

  /// Bytes from entry `number` on, those of its chunk included.
  func byteCount(from number: UInt64) -> Int {
    guard number < end else { return 0 }
    return chunks[max(firstChunk, indexOfChunk(containing: max(number, start)))...]
      .reduce(0) { $0 + $1.bytes.count }
  }

  private func indexOfChunk(containing number: UInt64) -> Int {
    var (low, high) = (firstChunk, chunks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if chunks[middle].first <= number { low = middle } else { high = middle }
    }
    return low
  }

  /// Where entries begin: each starts with the length of what follows, in four bytes.
  private static func offsets(of entries: Span<UInt8>, count: Int) -> [UInt32]? {
    var offsets: [UInt32] = []
    offsets.reserveCapacity(count)
    var reader = ByteReader(entries)
    for _ in 0..<count {
      offsets.append(UInt32(truncatingIfNeeded: reader.offset))
      guard let length = reader.readUInt32(), reader.skip(Int(length)) else { return nil }
    }
    return reader.remaining == 0 ? offsets : nil
  }
}
