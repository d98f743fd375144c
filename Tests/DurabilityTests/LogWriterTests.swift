import Bytes
import Durability
import Simulation
import Testing

@Suite("Log writer")
struct LogWriterTests {
  private let keyring = Fixed.keyring()

  private func writer(
    _ disk: SimulatedDisk, _ recovered: RecoveryReport = RecoveryReport(),
    options: LogOptions = LogWorld.smallOptions, random: @escaping RandomSource = Fixed.seeded(5)
  ) -> LogWriter<SimulatedDisk> {
    LogWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, recovered: recovered,
      options: options, random: random)
  }

  private func entry(_ number: Int, bytes: Int = 100) -> [UInt8] {
    var buffer = ByteBuffer()
    LogImage.append(LogImage.value(number, bytes), to: &buffer)
    return buffer.copied()
  }

  private func replay(_ disk: SimulatedDisk, after applied: UInt64 = 0) throws -> (
    values: [[UInt8]], report: RecoveryReport
  ) {
    var values: [[UInt8]] = []
    let report = try Recovery.replay(
      disk, keyring: keyring, after: applied, random: Fixed.seeded(77)
    ) { values.append([UInt8](copying: $0.value)) }
    return (values, report)
  }

  @Test("a new log takes no room before it is asked to")
  func lazy() throws {
    let disk = SimulatedDisk(seed: 1)
    let log = writer(disk)
    #expect(log.bytesAvailable == 0)
    #expect(disk.steps == 0)
  }

  @Test("preparation makes a spare segment in steps, under its name only when it is whole")
  func preparation() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    var steps = 0
    while try log.prepareStep() != .ready {
      steps += 1
      #expect(try disk.names() == ["wal-0000000000000001.log.tmp"])
      #expect(log.bytesAvailable == 0)
    }
    #expect(steps == 3)
    #expect(try disk.names() == ["wal-0000000000000001.log"])
    #expect(log.bytesAvailable == 4096 - 1024 - 48)
    #expect(try disk.afterCrash().names() == ["wal-0000000000000001.log"])
  }

  @Test("entries are durable after sync and not before")
  func durability() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    #expect(log.lastLSN == 1)
    #expect(log.durableLSN == 0)
    try log.sync()
    #expect(log.durableLSN == 1)
    for _ in 0..<10 { #expect(try replay(disk.afterCrash()).values.count == 1) }
  }

  @Test("many entries of one commit come back in order, over several frames and segments")
  func largeBatch() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    var batch = ByteBuffer()
    for number in 1...70 { batch.append(entry(number, bytes: number * 11)) }
    try log.commit(batch.span, firstLSN: 1, count: 70)
    try log.sync()
    let (values, report) = try replay(disk.afterCrash())
    #expect(values == (1...70).map { LogImage.value($0, $0 * 11) })
    #expect(report.segments.count > 5)
    #expect(report.lastLSN == 70)
  }

  @Test("an entry longer than a segment gets one that is long enough")
  func longEntry() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    try log.commit((entry(2, bytes: 20_000) + entry(3)).span, firstLSN: 2, count: 2)
    try log.sync()
    let values = try replay(disk.afterCrash()).values
    #expect(values.map { $0.count } == [100, 20_000, 100])
  }

  @Test("a value of 1 MiB fits a segment of the default size")
  func megabyte() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk, options: LogOptions())
    while try log.prepareStep() != .ready {}
    let long = entry(1, bytes: 1 << 20)
    #expect(long.count + LogWriter<SimulatedDisk>.frameOverhead <= log.bytesAvailable)
    let before = disk.usedBytes
    try log.commit(long.span, firstLSN: 1, count: 1)
    try log.sync()
    #expect(disk.usedBytes == before)
    #expect(try replay(disk.afterCrash()).values[0].count == 1 << 20)
  }

  @Test("what bytesAvailable promises can be committed on a full disk", arguments: 0..<UInt64(30))
  func promise(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let disk = SimulatedDisk(seed: seed, capacity: 64 << 10)
    var log = writer(disk)
    var lsn: UInt64 = 1
    var promised = 0
    for _ in 0..<120 {
      if random.next(below: 3) == 0 {
        disk.setCapacity(64 << 10)
        _ = try log.prepareStep()
        promised = log.bytesAvailable
      }
      disk.setCapacity(disk.usedBytes)
      var batch = ByteBuffer()
      var count = 0
      for _ in 0..<random.next(below: 12) {
        let next = entry(Int(lsn), bytes: Int(random.next(below: 850)))
        guard promised >= next.count + LogWriter<SimulatedDisk>.frameOverhead else { continue }
        promised -= next.count + LogWriter<SimulatedDisk>.frameOverhead
        batch.append(next)
        count += 1
      }
      let isCertified = random.next(below: 4) == 0
      if isCertified { try log.commit(Span(), firstLSN: lsn, count: 0) }
      guard count > 0 || isCertified else { continue }
      if count > 0 { try log.commit(batch.span, firstLSN: lsn, count: count) }
      lsn += UInt64(count)
      if isCertified {
        promised = log.bytesAvailable
      } else {
        #expect(log.bytesAvailable >= promised)
      }
    }
    #expect(lsn > 1)
  }

  @Test("without room preparation says so, leaves nothing behind, and goes on when there is some")
  func outOfSpace() throws {
    let disk = SimulatedDisk(seed: 1, capacity: 12 << 10)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    try log.sync()
    disk.setCapacity(6 << 10)
    for _ in 0..<3 { #expect(try log.prepareStep() == .outOfSpace) }
    #expect(try disk.names() == ["wal-0000000000000001.log"])
    // The free space shrinks behind the back of a preparation that has begun.
    disk.setCapacity(12 << 10)
    #expect(try log.prepareStep() == .working)
    disk.setCapacity(6 << 10)
    #expect(try log.prepareStep() == .outOfSpace)
    #expect(try disk.names() == ["wal-0000000000000001.log"])
    // Meanwhile what fits is written.
    #expect(log.bytesAvailable >= 200)
    try log.commit(entry(2).span, firstLSN: 2, count: 1)
    try log.sync()
    disk.setCapacity(64 << 10)
    while try log.prepareStep() != .ready {}
    try log.commit(entry(3, bytes: 3000).span, firstLSN: 3, count: 1)
    try log.sync()
    #expect(try replay(disk.afterCrash()).values.count == 3)
  }

  @Test("segments are an eighth of what is free, where that is less than usual")
  func adaptive() throws {
    let disk = SimulatedDisk(seed: 1, capacity: 8 << 20)
    var log = writer(disk, options: LogOptions())
    while try log.prepareStep() != .ready {}
    #expect(disk.usedBytes == 1 << 20)
    let small = SimulatedDisk(seed: 1, capacity: 1 << 20)
    var smallLog = writer(small, options: LogOptions())
    while try smallLog.prepareStep() != .ready {}
    #expect(small.usedBytes == 256 << 10)
  }

  @Test("frames of an earlier use of a segment are never replayed")
  func recycled() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    var lsn: UInt64 = 1
    func commit(_ count: Int, _ log: inout LogWriter<SimulatedDisk>) throws {
      for _ in 0..<count {
        try log.commit(entry(Int(lsn)).span, firstLSN: lsn, count: 1)
        try log.sync()
        lsn += 1
      }
    }
    try commit(40, &log)
    try log.recycle(through: 40)
    #expect(try disk.names().count == 3)
    _ = try log.prepareStep()
    try commit(20, &log)
    // The current segment was used before: what is behind its last frame is an old one.
    let name = try #require(try disk.names().filter { $0.hasSuffix(".log") }.last)
    let content = try #require(disk.content(of: name))
    #expect(content.suffix(500).contains { $0 != 0 })
    let (values, report) = try replay(disk.afterCrash(), after: 40)
    #expect(values == (41...60).map { LogImage.value($0, 100) })
    #expect(report.torn == nil)
  }

  @Test("a checkpoint of everything and a clean stop leave no file of the log")
  func cleanStop() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    for number in 1...40 { try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1) }
    _ = try log.prepareStep()
    try log.close(deleteAll: true)
    #expect(try disk.names().isEmpty)
    let report = try replay(disk, after: 40).report
    #expect(report.lastLSN == 40)
    #expect(report.segments.isEmpty)
  }

  @Test("a stop without a checkpoint keeps every entry and drops the spare")
  func stop() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    while try log.prepareStep() != .ready {}
    try log.close(deleteAll: false)
    #expect(try disk.names() == ["wal-0000000000000001.log"])
    #expect(try replay(disk.afterCrash()).values.count == 1)
  }

  @Test("without a descriptor a recycled segment stays what it was, and is used once there is one")
  func noDescriptors() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    for number in 1...40 { try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1) }
    try log.sync()
    try log.recycle(through: 40)
    let names = try disk.names()
    disk.setHasDescriptors(false)
    for _ in 0..<3 { #expect(try log.prepareStep() == .outOfSpace) }
    #expect(try disk.names() == names)
    disk.setHasDescriptors(true)
    #expect(try log.prepareStep() == .ready)
    #expect(try disk.names().count == names.count, "the segment has another name")
    for number in 41...60 { try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1) }
    try log.sync()
    let values = try replay(disk.afterCrash(), after: 40).values
    #expect(values == (41...60).map { LogImage.value($0, 100) })
  }

  @Test("after a failed sync nothing is tried again")
  func failedSync() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    disk.failSync(number: disk.syncs + 1)
    #expect(throws: LogError.self) { try log.sync() }
    let steps = disk.steps
    #expect(throws: LogError.self) { try log.sync() }
    #expect(throws: LogError.self) { try log.commit(entry(2).span, firstLSN: 2, count: 1) }
    #expect(throws: LogError.self) { _ = try log.prepareStep() }
    #expect(disk.steps == steps)
    #expect(log.durableLSN == 0)
  }

  @Test(
    "what a failed sync left in the page cache is durable once recovery has shown it",
    arguments: 0..<UInt64(20))
  func failedSyncThenCrash(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var log = writer(disk)
    for number in 1...5 {
      try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1)
      try log.sync()
    }
    try log.commit(entry(6).span, firstLSN: 6, count: 1)
    disk.failSync(number: disk.syncs + 1)
    #expect(throws: LogError.self) { try log.sync() }
    let restarted = disk.afterKill()
    let shown = try replay(restarted).values
    #expect(shown.count == 6)
    #expect(try replay(restarted.afterCrash()).values == shown)
  }

  @Test("a recovered segment is never appended to: a new file, and a new salt for the old")
  func newSalt() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    try log.commit(entry(1).span, firstLSN: 1, count: 1)
    try log.sync()
    let name = "wal-0000000000000001.log"
    let before = try #require(disk.content(of: name))
    let report = try replay(disk).report
    let recovered = try #require(disk.content(of: name))
    #expect(before[48..<80] != recovered[48..<80])
    var next = writer(disk, report, random: Fixed.seeded(6))
    try next.commit(entry(2).span, firstLSN: 2, count: 1)
    try next.sync()
    #expect(disk.content(of: name) == recovered)
    let fresh = try #require(disk.content(of: "wal-0000000000000002.log"))
    #expect(fresh[48..<80] != recovered[48..<80])
    #expect(fresh[48..<80] != before[48..<80])
  }

  @Test(
    "recovery needs no room: on a full disk the last segment is made durable where it lies",
    arguments: 0..<UInt64(12))
  func fullDisk(seed: UInt64) throws {
    let disk = SimulatedDisk(seed: seed)
    var log = writer(disk)
    for number in 1...25 {
      try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1)
      try log.sync()
    }
    try log.commit(entry(26).span, firstLSN: 26, count: 1)
    disk.failSync(number: disk.syncs + 1)
    #expect(throws: LogError.self) { try log.sync() }
    let restarted = disk.afterKill()
    restarted.setCapacity(restarted.usedBytes)
    let shown = try replay(restarted)
    #expect(shown.values.count == 26)
    #expect(try restarted.names().allSatisfy { !$0.hasSuffix(".tmp") })
    let after = restarted.afterCrash()
    #expect(try replay(after).values == shown.values)
    // And the log goes on in a new segment once there is room.
    after.setCapacity(1 << 20)
    var next = writer(after, try replay(after).report)
    try next.commit(entry(27).span, firstLSN: 27, count: 1)
    try next.sync()
    #expect(try replay(after.afterCrash()).values.count == 27)
  }

  @Test("a full disk gives the room of the spare segment to recovery")
  func spareGivesRoom() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    for number in 1...5 { try log.commit(entry(number).span, firstLSN: UInt64(number), count: 1) }
    try log.sync()
    while try log.prepareStep() != .ready {}
    disk.setCapacity(disk.usedBytes)
    let before = disk.content(of: "wal-0000000000000001.log")?[48..<80]
    #expect(try replay(disk).values.count == 5)
    #expect(try disk.names() == ["wal-0000000000000001.log"])
    #expect(disk.content(of: "wal-0000000000000001.log")?[48..<80] != before)
  }

  @Test("recovery tells the clock where to go on")
  func clock() throws {
    let disk = SimulatedDisk(seed: 1)
    var log = writer(disk)
    var batch = ByteBuffer()
    LogEntry.appendClockCeiling(900, into: &batch)
    batch.append(entry(2))
    LogEntry.appendClockCeiling(700, into: &batch)
    try log.commit(batch.span, firstLSN: 1, count: 3)
    try log.sync()
    var kinds: [LogEntry.Kind] = []
    let report = try Recovery.replay(disk, keyring: keyring, after: 0) { kinds.append($0.kind) }
    #expect(kinds == [.clockCeiling, .put, .clockCeiling])
    #expect(report.clockCeiling == 900)
    #expect(report.hybridTimeMax == 1 << 16)
    #expect(report.entries == 3)
    #expect(report.bytes == batch.count)
  }

  @Test("numbers go on beyond a checkpoint that is ahead of the log")
  func checkpointAhead() throws {
    let image = try LogImage(entries: 10)
    let (found, report, disk) = try image.recover(after: 12)
    #expect(found.isEmpty)
    #expect(report.lastLSN == 12)
    var log = writer(disk, report)
    try log.commit(entry(13).span, firstLSN: 13, count: 1)
    try log.sync()
    #expect(try replay(disk.afterCrash(), after: 12).values == [LogImage.value(13, 100)])
  }
}
