import Bytes
import Durability
import Simulation

/// A node that writes its log, dies, and starts again, with a record of what it promised.
///
/// The checkpoint is a number here: all entries up to `applied` count as safe elsewhere.
struct LogWorld {
  var disk: SimulatedDisk
  var random: SeededRandom
  /// Segments of one page, or of several that a crash may lose one by one.
  let options: LogOptions
  let keyring: Keyring
  let salts: RandomSource

  /// What was written under each number, from 1 on.
  var written: [[UInt8]] = []
  /// Numbers up to this one have been acknowledged.
  var acknowledged = 0
  var applied = 0
  /// Set when the disk has failed.
  var isDown = false

  static var smallOptions: LogOptions {
    var options = LogOptions(segmentBytes: 4096)
    options.segmentBytesMin = 4096
    options.entryBytesMax = 900
    options.frameBodyBytesMax = 1200
    options.preparationBytes = 2048
    return options
  }

  init(seed: UInt64, keyring: Keyring) {
    random = SeededRandom(seed: seed)
    disk = SimulatedDisk(seed: random.next())
    salts = Fixed.seeded(random.next())
    self.keyring = keyring
    var options = Self.smallOptions
    options.segmentBytes = [4096, 12_288, 20_480][Int(seed % 3)]
    self.options = options
  }

  struct Wrong: Error { let what: String }

  // MARK: Verbs

  /// Replays the log and checks it against the promises. Afterwards what was not acknowledged and
  /// did not survive is forgotten.
  @discardableResult
  mutating func recover() throws -> RecoveryReport {
    var found: [[UInt8]] = []
    let report = try Recovery.replay(
      disk, keyring: keyring, after: UInt64(applied), random: salts
    ) { entry in
      found.append([UInt8](copying: entry.value))
    }
    let last = applied + found.count
    guard report.lastLSN == UInt64(last) else {
      throw Wrong(what: "last is \(report.lastLSN), \(last) were handed on")
    }
    guard last >= acknowledged else {
      throw Wrong(what: "\(acknowledged) were acknowledged, \(last) are left")
    }
    guard last <= written.count else {
      throw Wrong(what: "\(written.count) were written, \(last) came back")
    }
    for (index, value) in found.enumerated() where value != written[applied + index] {
      throw Wrong(what: "entry \(applied + index + 1) is another one")
    }
    written.removeSubrange(last...)
    acknowledged = last  // recovery has made it durable
    return report
  }

  /// Starts, and does `rounds` random things. Ends early where the disk fails.
  mutating func run(rounds: Int) throws {
    do {
      let report = try recover()
      var log = LogWriter(
        disk: disk, keyring: keyring, identity: Fixed.identity, recovered: report,
        options: options, random: salts)
      for _ in 0..<rounds {
        try act(&log)
      }
      switch random.next(below: 4) {
      case 0:
        try log.sync()
        applied = written.count
        acknowledged = written.count
        try log.close(deleteAll: true)
      case 1:
        try log.close(deleteAll: false)
        acknowledged = written.count
      default: break  // the process is killed
      }
    } catch is LogError {
      isDown = true
    } catch RecoveryError.disk {
      isDown = true
    }
  }

  private mutating func act(_ log: inout LogWriter<SimulatedDisk>) throws {
    switch random.next(below: 16) {
    case 0...2:
      _ = try log.prepareStep()
    case 3:
      let through = acknowledged - Int(random.next(below: 4))
      applied = max(applied, through)
      try log.recycle(through: UInt64(applied))
    case 4:
      try log.commit(Span(), firstLSN: UInt64(written.count) + 1, count: 0)
    case 5...9:
      try commit(1 + Int(random.next(below: 6)), &log)
    default:
      try commit(1 + Int(random.next(below: 3)), &log)
      try log.sync()
      acknowledged = written.count
    }
  }

  mutating func commit(_ count: Int, _ log: inout LogWriter<SimulatedDisk>) throws {
    var entries = ByteBuffer()
    let first = UInt64(written.count) + 1
    for _ in 0..<count {
      let long = random.next(below: 8) == 0
      let value = (0..<Int(random.next(below: long ? 850 : 120))).map { _ in
        UInt8(random.next(below: 256))
      }
      written.append(value)
      append(value, lsn: UInt64(written.count), to: &entries)
    }
    try log.commit(entries.span, firstLSN: first, count: count)
  }

  private func append(_ value: [UInt8], lsn: UInt64, to entries: inout ByteBuffer) {
    LogEntry.appendPut(
      table: Array("t".utf8).span, key: Array("key \(lsn)".utf8).span, value: value.span,
      owner: Array("alice".utf8).span, node: 7, boot: 1, hybridTime: lsn << 16, sequence: lsn,
      version: 1, into: &entries)
  }
}
