import Bytes
import Store
import Testing

@testable import Durability

@Suite("Log entry")
struct LogEntryTests {
  private func put(
    table: String = "default", key: String = "k", value: [UInt8] = Array("{}".utf8),
    owner: String = "alice", node: UInt64 = 0x0102_0304_0506_0708, boot: UInt32 = 3,
    hybridTime: UInt64 = 0x1112_1314_1516_1718, sequence: UInt64 = 300, version: UInt64 = 2
  ) -> [UInt8] {
    var buffer = ByteBuffer()
    LogEntry.appendPut(
      table: Array(table.utf8).span, key: Array(key.utf8).span, value: value.span,
      owner: Array(owner.utf8).span, node: node, boot: boot, hybridTime: hybridTime,
      sequence: sequence, version: version, into: &buffer)
    return buffer.copied()
  }

  private func tombstone() -> [UInt8] {
    var buffer = ByteBuffer()
    LogEntry.appendTombstone(
      table: Array("t".utf8).span, key: Array("gone".utf8).span, owner: Array("bob".utf8).span,
      node: 1, boot: 1, hybridTime: 5 << 16, sequence: 1, version: 9, into: &buffer)
    return buffer.copied()
  }

  @Test("a put has these bytes")
  func goldenPut() {
    #expect(
      hex(put())
        == "27000000" + "01" + "1817161514131211" + "0807060504030201" + "03" + "ac02" + "02"
        + "07" + "05" + "01" + hex(Array("default".utf8)) + hex(Array("alice".utf8)) + "6b" + "7b7d"
    )
  }

  @Test("a tombstone has these bytes")
  func goldenTombstone() {
    #expect(
      hex(tombstone())
        == "1f000000" + "02" + "0000050000000000" + "0100000000000000" + "01" + "01" + "09"
        + "01" + "03" + "04" + "74" + hex(Array("bob".utf8)) + hex(Array("gone".utf8)))
  }

  @Test("a clock ceiling has these bytes")
  func goldenCeiling() {
    var buffer = ByteBuffer()
    LogEntry.appendClockCeiling(0x1234, into: &buffer)
    #expect(hex(buffer.copied()) == "09000000" + "03" + "3412000000000000")
  }

  @Test("a clock of a shard has these bytes and is read back")
  func goldenClock() throws {
    let clock = ShardClock(dots: [
      Dot(node: 7, boot: 2, sequence: 1), Dot(node: 7, boot: 2, sequence: 2),
      Dot(node: 7, boot: 2, sequence: 5), Dot(node: 7, boot: 2, sequence: 6),
    ])
    var buffer = ByteBuffer()
    LogEntry.appendClock(clock, ofShard: 0x0103, into: &buffer)
    #expect(
      hex(buffer.copied()) == "11000000" + "04" + "0301" + "01" + "0700000000000000" + "02" + "02"
        + "01" + "03" + "01")
    #expect(buffer.count <= LogEntry.byteBound(of: clock))
    var reader = LogEntryReader(buffer.span)
    let entry = reader.next()
    let read = entry?.shardClock
    #expect(read?.shard == 0x0103)
    #expect(read?.clock == clock)
  }

  @Test("a clock that is cut off, too long, or of no shard is no entry")
  func damagedClock() {
    var buffer = ByteBuffer()
    LogEntry.appendClock(
      ShardClock(dots: [Dot(node: 1, boot: 1, sequence: 9)]), ofShard: 5, into: &buffer)
    let body = Array(buffer.copied().dropFirst(4))
    for count in 0..<body.count {
      if LogEntryView(body: Array(body.prefix(count)).span) != nil { Issue.record("\(count)") }
    }
    if LogEntryView(body: (body + [0]).span) != nil { Issue.record("a byte too many") }
    var other = body
    other[2] = 4
    if LogEntryView(body: other.span) != nil { Issue.record("shard 1029") }
  }

  @Test("what was written is read back")
  func roundTrip() throws {
    let read = EntryCopy.read(put() + tombstone())
    #expect(read.isAtEnd)
    let first = try #require(read.entries.first)
    #expect(first.kind == .put)
    #expect(first.table == "default")
    #expect(first.owner == "alice")
    #expect(first.key == "k")
    #expect(first.value == Array("{}".utf8))
    #expect(
      first.stamp
        == Stamp(
          hybridTime: 0x1112_1314_1516_1718, node: 0x0102_0304_0506_0708, boot: 3, sequence: 300))
    #expect(first.version == 2)
    let second = try #require(read.entries.last)
    #expect(read.entries.count == 2)
    #expect(second.kind == .tombstone)
    #expect(second.key == "gone")
    #expect(second.value.isEmpty)
    #expect(second.version == 9)
  }

  @Test("the greatest numbers and empty names survive")
  func extremes() {
    let bytes = put(
      table: "", key: "", value: [], owner: "", node: .max, boot: .max, hybridTime: .max,
      sequence: .max, version: .max)
    #expect(bytes.count <= LogEntry.overheadMax)
    let entry = EntryCopy.read(bytes).entries.first
    #expect(
      entry?.stamp == Stamp(hybridTime: .max, node: .max, boot: .max, sequence: .max))
    #expect(entry?.version == .max)
    #expect(entry?.key == "")
  }

  @Test("an ordinary entry adds at most 45 bytes to its names, key and value")
  func overhead() {
    let value = [UInt8](repeating: 1, count: 359)
    let bytes = put(key: "key00042", value: value, hybridTime: 1_700_000_000_000 << 16)
    #expect(bytes.count - 7 - 5 - 8 - 359 <= 45)
  }

  @Test("an entry that is cut off anywhere is none")
  func truncated() {
    let bytes = put()
    for count in 0..<bytes.count {
      let read = EntryCopy.read(Array(bytes.prefix(count)))
      #expect(read.entries.isEmpty)
      #expect(read.isAtEnd == (count == 0))
    }
  }

  @Test("a body that ends early or says so is no entry")
  func lengthLies() {
    let body = Array(tombstone().dropFirst(4))
    for count in 0..<body.count {
      if LogEntryView(body: Array(body.prefix(count)).span) != nil { Issue.record("\(count)") }
    }
    if LogEntryView(body: (body + [0]).span) != nil { Issue.record("a byte too many") }
  }

  @Test("bytes behind an entry are the next one's")
  func trailing() {
    let read = EntryCopy.read(put() + [1, 2, 3])
    #expect(read.entries.count == 1)
    #expect(!read.isAtEnd)
    #expect(read.offset == put().count)
  }

  @Test("a kind that is not known is refused", arguments: [0, 5, 255] as [UInt8])
  func unknownKind(kind: UInt8) {
    var bytes = put()
    bytes[4] = kind
    #expect(EntryCopy.read(bytes).entries.isEmpty)
  }

  @Test("a number has one form only", arguments: [[0x80, 0x00], [0xff, 0x80, 0x00]] as [[UInt8]])
  func shortestForm(bytes: [UInt8]) {
    var reader = ByteReader(bytes.span)
    let number = reader.readVarint()
    #expect(number == nil)
  }

  @Test("a number of more than 64 bits is refused")
  func tooLarge() {
    let bytes = [UInt8](repeating: 0xff, count: 9) + [2]
    var reader = ByteReader(bytes.span)
    let number = reader.readVarint()
    #expect(number == nil)
  }

  @Test("every number comes back", arguments: (0..<64).map { UInt64(1) << UInt64($0) })
  func numbers(power: UInt64) {
    for number in [power - 1, power, power | 1] {
      var buffer = ByteBuffer()
      buffer.appendVarint(number)
      var reader = ByteReader(buffer.span)
      let read = reader.readVarint()
      #expect(read == number)
      #expect(reader.remaining == 0)
    }
  }

  @Test("arbitrary bytes never stop the readers")
  func arbitrary() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<2000 {
      var bytes = put() + tombstone()
      for _ in 0..<3 {
        bytes[Int(random.next(below: UInt64(bytes.count)))] = UInt8(random.next(below: 256))
      }
      fuzzLogFrame(bytes.span)
    }
  }
}
