public import Bytes

/// Which writes a shard has seen: for each origin (a node during one boot) the sequences of its
/// writes in this shard.
///
/// "Seen" says that the write, or one that won against it, is or was here; not that it is stored.
/// Clocks make catching up exact, and let a tombstone go exactly when nothing older can arrive any
/// more. Entries stand in the order of (node, boot), so that equal clocks have equal bytes on every
/// node. Source: Gonçalves and others, "DottedDB" (SRDS 2017).
public struct ShardClock: Equatable, Sendable {
  struct Entry: Equatable, Sendable {
    let node: UInt64
    let boot: UInt32
    var sequences: SequenceSet
  }

  /// Ascending by (node, boot); none is empty.
  private(set) var entries: [Entry] = []

  public init() {}

  /// The clock of these writes; the cost is that of sorting them. Sequences of 0 are left out.
  public init(dots: [Dot]) {
    for dot in dots.sorted() where dot.sequence > 0 {
      let run = SequenceSet.Run(first: dot.sequence, last: dot.sequence)
      if let last = entries.last, last.node == dot.node, last.boot == dot.boot {
        entries[entries.count - 1].sequences.append(run)
      } else {
        var sequences = SequenceSet()
        sequences.append(run)
        entries.append(Entry(node: dot.node, boot: dot.boot, sequences: sequences))
      }
    }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// How many writes were seen.
  public var count: UInt64 { entries.reduce(0) { $0 &+ $1.sequences.count } }

  /// How many numbers the clock keeps; what it costs in memory and on the wire.
  public var size: Int { entries.reduce(0) { $0 + 2 + 2 * $1.sequences.beyond.count } }

  // MARK: Writes

  public func contains(_ dot: Dot) -> Bool {
    let index = firstIndex(notBefore: dot.node, dot.boot)
    return isEntry(index, of: dot.node, dot.boot)
      && entries[index].sequences.contains(dot.sequence)
  }

  /// Counts a write as seen. Allocates nothing where it is the next one of its origin.
  ///
  /// - Returns: false where it was seen before, and for sequence 0, which no write has.
  @discardableResult
  public mutating func add(_ dot: Dot) -> Bool {
    guard dot.sequence > 0 else { return false }
    let index = firstIndex(notBefore: dot.node, dot.boot)
    if isEntry(index, of: dot.node, dot.boot) {
      return entries[index].sequences.insert(dot.sequence)
    }
    var sequences = SequenceSet()
    _ = sequences.insert(dot.sequence)
    entries.insert(Entry(node: dot.node, boot: dot.boot, sequences: sequences), at: index)
    return true
  }

  // MARK: Clocks

  /// Whether everything that `other` has seen was seen here.
  public func covers(_ other: ShardClock) -> Bool {
    var index = 0
    for entry in other.entries {
      while index < entries.count && Self.isBefore(entries[index], entry) { index += 1 }
      guard isEntry(index, of: entry.node, entry.boot),
        entries[index].sequences.isSuperset(of: entry.sequences)
      else { return false }
    }
    return true
  }

  /// How many writes `other` has seen that were not seen here.
  public func missingCount(of other: ShardClock) -> UInt64 {
    var (index, count) = (0, UInt64(0))
    for entry in other.entries {
      while index < entries.count && Self.isBefore(entries[index], entry) { index += 1 }
      count &+=
        isEntry(index, of: entry.node, entry.boot)
        ? entries[index].sequences.missingCount(of: entry.sequences) : entry.sequences.count
    }
    return count
  }

  /// Counts as seen all that `other` has seen.
  public mutating func merge(_ other: ShardClock) {
    if other.entries.isEmpty || self == other { return }
    var united: [Entry] = []
    united.reserveCapacity(max(entries.count, other.entries.count))
    var (left, right) = (0, 0)
    while left < entries.count || right < other.entries.count {
      if right == other.entries.count {
        united.append(entries[left])
        left += 1
      } else if left == entries.count || Self.isBefore(other.entries[right], entries[left]) {
        united.append(other.entries[right])
        right += 1
      } else if Self.isBefore(entries[left], other.entries[right]) {
        united.append(entries[left])
        left += 1
      } else {
        var entry = entries[left]
        entry.sequences.formUnion(other.entries[right].sequences)
        united.append(entry)
        left += 1
        right += 1
      }
    }
    entries = united
  }

  // MARK: Bytes

  /// Appends the clock; docs/formats/log.md has the layout. Equal clocks have equal bytes.
  public func encode(into buffer: inout ByteBuffer) {
    buffer.appendVarint(UInt64(entries.count))
    for entry in entries {
      buffer.appendUInt64(entry.node)
      buffer.appendVarint(UInt64(entry.boot))
      buffer.appendVarint(entry.sequences.base)
      buffer.appendVarint(UInt64(entry.sequences.beyond.count))
      var end = entry.sequences.base
      for run in entry.sequences.beyond {
        buffer.appendVarint(run.first - end)
        buffer.appendVarint(run.last - run.first)
        end = run.last
      }
    }
  }

  /// Reads a clock; nil where the bytes are none, or not in the one form that a clock has. Holds no
  /// more memory than a small multiple of the bytes that are there, whatever they announce.
  public init?(reading reader: inout ByteReader) {
    guard let count = reader.readVarint(), count <= UInt64(reader.remaining / Self.entryBytesMin)
    else { return nil }
    entries.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let node = reader.readUInt64(), let boot = reader.readVarint(), boot <= UInt32.max,
        let sequences = SequenceSet(reading: &reader), !sequences.isEmpty
      else { return nil }
      let entry = Entry(node: node, boot: UInt32(boot), sequences: sequences)
      if let last = entries.last, !Self.isBefore(last, entry) { return nil }
      entries.append(entry)
    }
  }

  /// A number that differs between different clocks, as good as surely: the hash of their bytes.
  /// `scratch` is overwritten. 0 for an empty clock.
  public func digest(scratch: inout ByteBuffer) -> UInt64 {
    if entries.isEmpty { return 0 }
    scratch.clear()
    encode(into: &scratch)
    return StableHash.bytes(scratch.span, seed: 0)
  }

  /// Node, boot, base and the number of runs.
  private static let entryBytesMin = 11

  // MARK: Parts

  private func isEntry(_ index: Int, of node: UInt64, _ boot: UInt32) -> Bool {
    index < entries.count && entries[index].node == node && entries[index].boot == boot
  }

  private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    left.node != right.node ? left.node < right.node : left.boot < right.boot
  }

  private func firstIndex(notBefore node: UInt64, _ boot: UInt32) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      let entry = entries[middle]
      if entry.node != node ? entry.node < node : entry.boot < boot {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

extension SequenceSet {
  /// The base, the number of runs, and of each the distance from the end before and its length − 1.
  init?(reading reader: inout ByteReader) {
    guard let base = reader.readVarint(), let count = reader.readVarint(),
      count <= UInt64(reader.remaining / 2)
    else { return nil }
    var runs: [Run] = []
    runs.reserveCapacity(Int(count))
    var end = base
    for _ in 0..<count {
      guard let distance = reader.readVarint(), let more = reader.readVarint() else { return nil }
      let (first, overflows) = end.addingReportingOverflow(distance)
      let (last, overflowsToo) = first.addingReportingOverflow(more)
      if overflows || overflowsToo { return nil }
      runs.append(Run(first: first, last: last))
      end = last
    }
    self.init(base: base, beyond: runs)
  }
}
