import Bytes
import Durability
import Simulation

/// A log on a simulated disk, written entry by entry with a sync after each, and where its frames
/// stand.
struct LogImage {
  let disk: SimulatedDisk
  let keyring: Keyring
  var values: [[UInt8]] = []

  struct Frame {
    let segment: String
    let offset: Int
    let byteCount: Int
    let firstLSN: Int
    let count: Int
  }

  init(
    entries: Int, valueBytes: Int = 100, perCommit: Int = 1, certified: Bool = true,
    seed: UInt64 = 1, keyring: Keyring = Fixed.keyring()
  ) throws {
    disk = SimulatedDisk(seed: seed)
    self.keyring = keyring
    var log = LogWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, recovered: RecoveryReport(),
      options: LogWorld.smallOptions, random: Fixed.seeded(seed))
    for _ in 0..<entries / perCommit {
      var buffer = ByteBuffer()
      let first = UInt64(values.count) + 1
      for _ in 0..<perCommit {
        values.append(Self.value(values.count + 1, valueBytes))
        LogImage.append(values[values.count - 1], to: &buffer)
      }
      try log.commit(buffer.span, firstLSN: first, count: perCommit)
      try log.sync()
    }
    if certified {
      try log.commit(Span(), firstLSN: UInt64(values.count) + 1, count: 0)
      try log.sync()
    }
  }

  /// The same entries as they lie on another disk.
  init(_ image: LogImage, on disk: SimulatedDisk) {
    self.disk = disk
    keyring = image.keyring
    values = image.values
  }

  static func value(_ number: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
  }

  static func append(_ value: [UInt8], to buffer: inout ByteBuffer) {
    LogEntry.appendPut(
      table: Array("t".utf8).span, key: Array("key".utf8).span, value: value.span,
      owner: Array("alice".utf8).span, node: 7, boot: 1, hybridTime: 1 << 16, sequence: 1,
      version: 1, into: &buffer)
  }

  func segments() throws -> [String] { try disk.names().filter { $0.hasSuffix(".log") } }

  /// The frames with a firstLSN, by the lengths that stand in the files.
  func frames() throws -> [Frame] {
    var frames: [Frame] = []
    for segment in try segments() {
      let content = disk.content(of: segment) ?? []
      var offset = 1024
      while offset + 48 <= content.count {
        var reader = ByteReader(content.span.extracting(offset..<content.count))
        guard let length = reader.readUInt32(), length > 0, reader.skip(4),
          let firstLSN = reader.readUInt64(), let count = reader.readUInt32()
        else { break }
        frames.append(
          Frame(
            segment: segment, offset: offset, byteCount: 32 + Int(length),
            firstLSN: Int(firstLSN), count: Int(count)))
        offset += 32 + Int(length)
      }
    }
    return frames
  }

  /// Recovers a copy of the disk, or one with changes.
  func recover(
    after applied: Int = 0, changing change: (SimulatedDisk) throws -> Void = { _ in }
  ) throws -> (found: [[UInt8]], report: RecoveryReport, disk: SimulatedDisk) {
    let copy = disk.afterKill()
    try change(copy)
    var found: [[UInt8]] = []
    let report = try Recovery.replay(
      copy, keyring: keyring, after: UInt64(applied), random: Fixed.seeded(99)
    ) { entry in
      found.append([UInt8](copying: entry.value))
    }
    return (found, report, copy)
  }

  /// Flips a bit of one byte.
  static func flip(_ disk: SimulatedDisk, _ name: String, at offset: Int) {
    guard let byte = disk.content(of: name)?[offset] else { return }
    disk.overwrite(name, at: offset, with: [byte ^ 0x10])
  }
}
