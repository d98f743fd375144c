import Bytes
import Crypto
import Simulation
import Testing

@testable import Durability

/// A directory with a log, one checkpoint block and a snapshot, whose keys are changed in every way
/// while entries are written.
private struct RotatingWorld {
  let oldKey = Fixed.keyEncryptionKey
  let newKey = [UInt8](repeating: 200, count: 32)

  let disk: SimulatedDisk
  let random: RandomSource
  var keyring: Keyring
  var values: [[UInt8]] = []
  /// So many of the values were promised to be there.
  var acknowledged = 0
  var rewrapStarted = false
  var rewrapEnded = false
  var dropped = false

  init(_ disk: SimulatedDisk, seed: UInt64) throws {
    self.disk = disk
    random = Fixed.seeded(seed)
    let key = Fixed.keyEncryptionKey
    keyring = try Keyring.open(disk, keyEncryptionKey: key.span, random: random)
  }

  mutating func play() throws {
    var log = LogWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, recovered: RecoveryReport(),
      options: LogWorld.smallOptions, random: random)
    try write(8, &log)
    try checkpoint(&log)
    let snapshot = try snapshot()
    try write(6, &log)

    keyring = try save(
      keyring.rotated(
        keyEncryptionKey: oldKey.span, milliseconds: 5, random: random))
    try log.use(keyring)
    try write(3, &log)
    while try log.prepareStep() == .working {}
    if log.usesOldKey { try log.leaveSegment() }
    try write(8, &log)
    try checkpoint(&log)
    #expect(keyring.withoutUnused(try use()) == nil, "the snapshot needs the old key")
    try disk.remove(snapshot)
    let rest = try #require(keyring.withoutUnused(try use()))
    try disk.syncDirectory()
    keyring = try save(rest)
    dropped = true
    try log.use(keyring)
    try write(4, &log)

    rewrapStarted = true
    keyring = try save(keyring.rewrapped(keyEncryptionKey: newKey.span, random: random))
    rewrapEnded = true
    try log.use(keyring)
    try write(4, &log)
    try log.close(deleteAll: false)
  }

  private func save(_ next: Keyring) throws -> Keyring {
    try next.save(on: disk)
    return next
  }

  private mutating func write(_ count: Int, _ log: inout LogWriter<SimulatedDisk>) throws {
    for _ in 0..<count {
      let value = LogImage.value(values.count + 1, 300)
      values.append(value)
      var entry = ByteBuffer()
      LogImage.append(value, to: &entry)
      try log.commit(entry.span, firstLSN: UInt64(values.count), count: 1)
      try log.sync()
      acknowledged = values.count
    }
  }

  /// The checkpoint: the count of the values that it stands for, sealed as a block, in a file.
  private func checkpoint(_ log: inout LogWriter<SimulatedDisk>) throws {
    var sealer = CheckpointSealer(keyring: keyring, random: random)
    var row = ByteBuffer()
    sealer.seal([UInt8(values.count)].span, id: 7, blockBits: 0, into: &row)
    try AtomicFile.replace(disk, "block", row.span)
    try log.recycle(through: UInt64(values.count))
  }

  private func snapshot() throws -> String {
    var writer = try SnapshotWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, milliseconds: 9, random: random)
    _ = try writer.finish(limit: 5)
    return writer.name
  }

  private func use() throws -> KeyUse {
    var use = KeyUse()
    try use.countLog(disk)
    try use.countSnapshots(disk)
    if let block = disk.content(of: "block") { use.countBlock(block.span) }
    return use
  }

  // MARK: After a crash

  /// Opens what is left and checks it against what was promised.
  func check(_ after: SimulatedDisk) throws {
    let keyring = try open(after)
    var applied: [UInt8] = [0]
    if let block = after.content(of: "block") {
      var opener = CheckpointOpener(keyring: keyring)
      var entries = ByteBuffer()
      _ = try opener.open(block.span, id: 7, into: &entries)
      applied = entries.copied()
    }
    for name in try SnapshotDirectory.list(after) {
      var reader = try SnapshotReader(
        disk: after, name: name, keyEncryptionKey: oldKey.span)
      _ = try reader.verify()
    }
    var found = Array(values.prefix(Int(applied[0])))
    _ = try Recovery.replay(after, keyring: keyring, after: UInt64(applied[0]), random: random) {
      found.append([UInt8](copying: $0.value))
    }
    #expect(found.count >= acknowledged)
    #expect(found == Array(values.prefix(found.count)))
  }

  private func open(_ after: SimulatedDisk) throws -> Keyring {
    if rewrapStarted {
      if let found = try? Keyring.read(after, keyEncryptionKey: newKey.span) { return found }
      #expect(!rewrapEnded, "a key that was said to be in use opens nothing")
    }
    return try Keyring.open(
      after, keyEncryptionKey: oldKey.span, random: random)
  }
}

@Suite("Key rotation: crashes")
struct KeyRotationCrashTests {
  @Test("without a crash every key comes and goes as told")
  func whole() throws {
    var world = try RotatingWorld(SimulatedDisk(seed: 1), seed: 1)
    try world.play()
    #expect(world.dropped && world.rewrapEnded && world.keyring.keyIDs == [2])
    try world.check(world.disk.afterCrash())
  }

  @Test(
    "whatever the moment of a crash, the directory opens and has all that was acknowledged",
    arguments: Seeds.first(12))
  func everyStep(seed: UInt64) throws {
    var step = 0
    while true {
      step += 1
      let disk = SimulatedDisk(seed: seed)
      disk.crash(at: step)
      guard var world = try? RotatingWorld(disk, seed: seed) else { continue }
      do { try world.play() } catch {}
      for outcome in 0..<3 {
        do { try world.check(disk.afterCrash()) } catch {
          Issue.record("seed \(seed), step \(step), outcome \(outcome): \(error)")
          return
        }
      }
      if !disk.hasCrashed { break }
    }
    #expect(step > 60)
  }
}
