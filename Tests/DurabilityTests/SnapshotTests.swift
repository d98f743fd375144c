import Bytes
import Crypto
import Simulation
import Store
import Testing

@testable import Durability

@Suite("Snapshot")
struct SnapshotTests {
  struct Row: Equatable {
    var table = "default"
    var key: String
    var value: String
    var version: UInt64 = 2
    var owner = "alice"
    var stamp = Stamp(hybridTime: 1 << 16, node: 7, boot: 1, sequence: 9)
  }

  private let keyring = Fixed.keyring()
  private static let time: UInt64 = 1_700_000_000_123

  @discardableResult
  private func write(
    _ rows: [Row], to disk: SimulatedDisk, limit: Int = 100, at time: UInt64 = time
  ) throws -> String {
    var writer = try SnapshotWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, milliseconds: time,
      random: Fixed.counting())
    for row in rows {
      try writer.append(
        table: Array(row.table.utf8).span, key: Array(row.key.utf8).span,
        value: Array(row.value.utf8).span, version: row.version,
        owner: Array(row.owner.utf8).span, stamp: row.stamp)
    }
    let summary = try writer.finish(limit: limit)
    #expect(summary.records == UInt64(rows.count))
    return writer.name
  }

  private func read(
    _ disk: SimulatedDisk, _ name: String, key: [UInt8] = Fixed.keyEncryptionKey
  ) throws -> [Row] {
    var reader = try SnapshotReader(disk: disk, name: name, keyEncryptionKey: key.span)
    var rows: [Row] = []
    let summary = try reader.forEachRecord { record in
      rows.append(
        Row(
          table: String(decoding: record.tableName, as: UTF8.self),
          key: String(decoding: record.key, as: UTF8.self),
          value: String(decoding: [UInt8](copying: record.value), as: UTF8.self),
          version: record.version, owner: String(decoding: record.ownerName, as: UTF8.self),
          stamp: record.stamp))
    }
    #expect(summary.records == UInt64(rows.count))
    return rows
  }

  private func text(_ disk: SimulatedDisk, _ name: String) throws -> String {
    let key = Fixed.keyEncryptionKey
    var reader = try SnapshotReader(disk: disk, name: name, keyEncryptionKey: key.span)
    var bytes: [UInt8] = []
    try reader.forEachPiece { bytes += [UInt8](copying: $0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Rows whose document takes several chunks.
  private static let many = (0..<300).map { number in
    Row(
      key: "key \(number)", value: "{\"n\":\"" + String(repeating: "x", count: number * 5) + "\"}")
  }

  @Test("wrapped anew, a snapshot of before opens with the key of then or with the keyring")
  func rewrapped() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write(Self.many, to: disk)
    let newKey = [UInt8](repeating: 200, count: 32)
    let rewrapped = try keyring.rewrapped(keyEncryptionKey: newKey.span)
    #expect(try read(disk, name) == Self.many)
    #expect(throws: SnapshotError.wrongKey(name)) { try read(disk, name, key: newKey) }
    var reader = try SnapshotReader(
      disk: disk, name: name, keyEncryptionKey: newKey.span, keyring: rewrapped)
    #expect(try reader.verify().records == 300)
  }

  @Test("a keyring whose key has the number and not the bytes is no keyring for it")
  func foreignKeyring() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write(Self.many, to: disk)
    let newKey = [UInt8](repeating: 200, count: 32)
    let foreign = try Keyring.open(SimulatedDisk(seed: 2), keyEncryptionKey: newKey.span)
    #expect(throws: SnapshotError.wrongKey(name)) {
      var reader = try SnapshotReader(
        disk: disk, name: name, keyEncryptionKey: newKey.span, keyring: foreign)
      return try reader.verify()
    }
  }

  @Test("a long snapshot is made durable as it grows, so that its end is short")
  func syncedOnTheWay() throws {
    let disk = SimulatedDisk(seed: 1)
    var writer = try SnapshotWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, milliseconds: 1,
      random: Fixed.counting())
    let value = [UInt8](repeating: 0x31, count: 1 << 20)
    let key: [UInt8] = [0x6b]
    let stamp = Stamp(hybridTime: 1 << 16, node: 7, boot: 1, sequence: 9)
    for version in 1...9 as ClosedRange<UInt64> {
      try writer.append(
        table: key.span, key: key.span, value: value.span, version: version, owner: key.span,
        stamp: stamp)
    }
    #expect(disk.syncs == 2)
    _ = try writer.finish(limit: 1)
  }

  @Test("the head and the document have these bytes")
  func golden() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write([Row(key: "a", value: #"{"x":1}"#)], to: disk)
    let content = try #require(disk.content(of: name))
    #expect(
      hex(Array(content.prefix(160)))
        == "44594e41534e503188776655443322117b68e5cf8b0100000000010001000000"
        + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        + "08d3c799fa96c3648485868788898a8b8c8d8e8f909192939495969798999a9b"
        + "9c9d9e9fa0a1a2a3a7e71363abdb18df5131152f12eff8961b14642300d5f093"
        + "cd39ec764ec4c66cde5dcd3606098927508b3909fa93705300000000d6327776")
    #expect(content.count == 160 + 398)
    #expect(
      hex(SHA256.hash(of: Array(content.dropFirst(160)).span))
        == "983cdd3e75682da36f0df2ec5cd7eef80dc58bce6848fa60a7224378e7fbc48a")
    #expect(
      try text(disk, name) == """
        {"format":1,"kind":"dynaswift snapshot","time":1700000000123,\
        "cluster":"1122334455667788","node":"000000000000aabb","boot":3,\
        "consistency":"each shard at one moment, shards one after the other","records":[
        {"table":"default","key":"a","value":{"x":1},"version":2,"timestamp":1,"owner":"alice",\
        "stamp":"0000000000010000-0000000000000007-1-9"}
        ],"count":{"records":1,"valueBytes":7}}

        """)
  }

  @Test("every record comes back as it was")
  func roundTrip() throws {
    let rows = [
      Row(key: "", value: "{}"),
      Row(
        key: "quote \" slash \\ line\nNUL \0 é 漢 😀",
        value: #"{"a":"}]{[\"\\","b":[1,2,{"c":null}]}"#),
      Row(key: "spaced", value: "{ \"a\" :\n\n [ 1 ,\r\n 2 ] }", version: .max),
      Row(table: "records", key: "\"records\":[", value: #"{"count":{"records":9}}"#, owner: ""),
      Row(key: "long", value: "{\"s\":\"" + String(repeating: "0123456789", count: 30_000) + "\"}"),
      Row(
        key: "deep",
        value: String(repeating: "{\"a\":", count: 127) + "{}"
          + String(repeating: "}", count: 127)),
      Row(
        key: "stamp", value: "{}",
        stamp: Stamp(hybridTime: .max, node: .max, boot: .max, sequence: .max)),
      Row(key: "lone surrogate", value: #"{"\ud800":"\udfff"}"#),
    ]
    let disk = SimulatedDisk(seed: 1)
    #expect(try read(disk, try write(rows, to: disk)) == rows)
    #expect(try read(disk, try write(Self.many, to: disk, at: 5)) == Self.many)
  }

  @Test("a snapshot of nothing is one too")
  func empty() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write([], to: disk)
    #expect(try read(disk, name).isEmpty)
    #expect(
      try text(disk, name).hasSuffix(
        "\"records\":[\n],\"count\":{\"records\":0,\"valueBytes\":0}}\n"))
  }

  @Test("a document of any length around a whole number of chunks comes back")
  func chunkBoundary() throws {
    let disk = SimulatedDisk(seed: 1)
    let bare = try text(disk, try write([Row(key: "k", value: "{}")], to: disk)).utf8.count
    for length in (2 * 65_536 - bare - 12)...(2 * 65_536 - bare + 4) {
      let row = Row(key: "k", value: "{\"\":\"" + String(repeating: "x", count: length - 6) + "\"}")
      let disk = SimulatedDisk(seed: 1)
      #expect(try read(disk, try write([row], to: disk)) == [row])
    }
  }

  @Test("a document that arrives in pieces of any size is the same")
  func pieces() throws {
    let disk = SimulatedDisk(seed: 1)
    let rows = [
      Row(key: "a\\\"", value: #"{"}":"\\"}"#), Row(key: "b", value: "{\"x\":\n{}}"),
    ]
    let document = Array(try text(disk, try write(rows, to: disk)).utf8)
    for size in 1...40 {
      var parser = SnapshotParser()
      var keys: [String] = []
      var offset = 0
      while offset < document.count {
        let piece = Array(document[offset..<min(document.count, offset + size)])
        let isGood = parser.feed(piece.span) {
          keys.append(String(decoding: $0.key, as: UTF8.self))
        }
        #expect(isGood)
        offset += size
      }
      #expect(keys == ["a\\\"", "b"])
      #expect(parser.finish()?.records == 2)
    }
  }

  @Test("a document that ends early, or counts wrongly, is none")
  func incomplete() throws {
    let disk = SimulatedDisk(seed: 1)
    let document = Array(
      try text(disk, try write([Row(key: "a", value: "{}"), Row(key: "b", value: "{}")], to: disk))
        .utf8)
    for count in 0..<document.count - 1 {
      var parser = SnapshotParser()
      let isGood = parser.feed(Array(document.prefix(count)).span) { _ in }
      #expect(!isGood || parser.finish() == nil)
    }
    let wrong = String(decoding: document, as: UTF8.self)
      .split(separator: "\"count\":{\"records\":2").joined(separator: "\"count\":{\"records\":3")
    var parser = SnapshotParser()
    _ = parser.feed(Array(wrong.utf8).span) { _ in }
    #expect(parser.finish() == nil)
  }

  @Test("another key is refused, and the key alone opens it elsewhere")
  func keys() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write(Self.many, to: disk)
    #expect(throws: SnapshotError.wrongKey(name)) {
      try read(disk, name, key: [UInt8](repeating: 1, count: 32))
    }
    let elsewhere = SimulatedDisk(seed: 9)
    let content = try #require(disk.content(of: name))
    try AtomicFile.replace(elsewhere, "copy", content.span)
    #expect(try read(elsewhere, "copy") == Self.many)
  }

  @Test("a flipped bit is refused, with the number of its chunk")
  func flipped() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write(Self.many, to: disk)
    let count = try #require(disk.content(of: name)).count
    for offset in stride(from: 0, to: count, by: 9_973) {
      let copy = disk.afterKill()
      LogImage.flip(copy, name, at: offset)
      let expected: SnapshotError =
        offset < 160
        ? .notASnapshot(name) : .damaged(name, chunk: (offset - 160) / (65_536 + 16))
      #expect(throws: expected) { try read(copy, name) }
    }
  }

  @Test("chunks that were cut off, swapped, repeated or added to are refused")
  func rearranged() throws {
    let disk = SimulatedDisk(seed: 1)
    let name = try write(Self.many, to: disk)
    let content = try #require(disk.content(of: name))
    let sealed = 65_536 + 16
    let head = Array(content.prefix(160))
    var chunks: [[UInt8]] = []
    for start in stride(from: 160, to: content.count, by: sealed) {
      chunks.append(Array(content[start..<min(content.count, start + sealed)]))
    }
    #expect(chunks.count >= 3)
    func check(_ parts: [[UInt8]], chunk: Int) throws {
      let other = SimulatedDisk(seed: 2)
      let bytes = head + parts.flatMap { $0 }
      try AtomicFile.replace(other, "s", bytes.span)
      #expect(throws: SnapshotError.damaged("s", chunk: chunk)) { try read(other, "s") }
    }
    for count in 1..<chunks.count { try check(Array(chunks.prefix(count)), chunk: count - 1) }
    try check([], chunk: 0)
    try check([chunks[1], chunks[0]] + chunks.dropFirst(2), chunk: 0)
    try check([chunks[0], chunks[0]] + chunks.dropFirst(2), chunk: 1)
    try check([chunks[0]] + chunks.dropFirst(2), chunk: 1)
    try check(chunks + [[0]], chunk: chunks.count - 1)
    try check(chunks + [chunks[0]], chunk: chunks.count - 1)
    try check(
      chunks.dropLast() + [Array(chunks[chunks.count - 1].dropLast())], chunk: chunks.count - 1)
  }

  @Test("only the newest are kept, and removed after the new one is safe")
  func limit() throws {
    let disk = SimulatedDisk(seed: 1)
    for time in [9, 10, 11, 100] { try write([], to: disk, limit: 3, at: UInt64(time)) }
    #expect(
      try SnapshotDirectory.list(disk)
        == ["snapshot_10.json.enc", "snapshot_11.json.enc", "snapshot_100.json.enc"])
    try write([], to: disk, limit: 0, at: 101)
    #expect(try SnapshotDirectory.list(disk) == ["snapshot_101.json.enc"])
  }

  @Test("two snapshots of one millisecond are two files")
  func sameTime() throws {
    let disk = SimulatedDisk(seed: 1)
    try write([], to: disk, at: 5)
    #expect(try write([], to: disk, at: 5) == "snapshot_6.json.enc")
    #expect(try SnapshotDirectory.list(disk).count == 2)
  }

  @Test(
    "names of other things are no snapshots",
    arguments: [
      "snapshot_.json.enc", "snapshot_1.json", "snapshot_01.json.enc", "snapshot_1.json.enc.tmp",
      "snapshot_-1.json.enc", "x", "snapshot_99999999999999999999.json.enc",
    ])
  func names(name: String) {
    #expect(SnapshotDirectory.milliseconds(ofName: name) == nil)
  }

  @Test(
    "a stamp has one text, and other texts are none",
    arguments: [
      "", "-", "1-2-3", "1-2-3-4-5", "1-2-3-", "1-2-x-4", "1-2-a-4", "g-2-3-4", "1-2-4294967296-4",
      "1-2-3-18446744073709551616", "10000000000000000-2-3-4", "-1-2-3-4", "1-2-3-+4",
    ])
  func stampText(text: String) {
    #expect(Stamp(text: Array(text.utf8)) == nil)
    let stamp = Stamp(hybridTime: 0xabcd, node: .max, boot: .max, sequence: .max)
    var written = ByteBuffer()
    stamp.append(to: &written)
    #expect(Stamp(text: written.copied()) == stamp)
  }

  @Test("without room nothing stays behind, and the older snapshots do")
  func outOfSpace() throws {
    let disk = SimulatedDisk(seed: 1)
    let old = try write([], to: disk, at: 1)
    disk.setCapacity(100 << 10)
    do {
      try write(Self.many, to: disk, limit: 1, at: 2)
      Issue.record("there was no room")
    } catch let error as SnapshotError {
      #expect(error.isOutOfSpace)
    }
    #expect(try disk.names() == [old])
    disk.setCapacity(1 << 20)
    #expect(try read(disk, try write(Self.many, to: disk, at: 3)) == Self.many)
  }

  @Test(
    "whatever the moment of a crash, the old snapshot is there, or the new one, whole",
    arguments: 0..<UInt64(12))
  func crash(seed: UInt64) throws {
    let old = [Row(key: "old", value: "{}")]
    for step in 1... {
      let disk = SimulatedDisk(seed: seed)
      try write(old, to: disk, at: 1)
      disk.crash(at: disk.steps + step)
      let isDone = (try? write(Self.many, to: disk, limit: 1, at: 2)) != nil
      let after = disk.afterCrash()
      let names = try SnapshotDirectory.list(after)
      #expect(!names.isEmpty)
      for name in names {
        #expect(try read(after, name) == (name == "snapshot_1.json.enc" ? old : Self.many))
      }
      // The next snapshot clears away what was left half made.
      try write(old, to: after, at: 3)
      #expect(try after.names().allSatisfy { !$0.hasSuffix(".tmp") })
      if isDone {
        #expect(names == ["snapshot_2.json.enc"])
        break
      }
    }
  }
}
