// The one thread that writes the log.

import Bytes
import Durability
import Platform
import Synchronization

/// Takes whatever waits, writes it in one go, makes it durable, and tells the loops. While the disk
/// works the next batch gathers; there is no timer in the way of a write.
struct LogThread: ~Copyable {
  let log: CommitLog
  let logger: Logger
  private let disk: FileDisk
  private let durability: Configuration.Durability
  private var writer: LogWriter<FileDisk>
  private var entries = ByteBuffer(capacity: 64 << 10)
  private var unsyncedSince: Instant?
  private var roomCheckedAt = Instant(nanoseconds: 0)
  private var diskIsLow = false
  private var isCertified = true

  /// `interval`: what is lost at a power failure is not older.
  private static let intervalMilliseconds: UInt64 = 50
  private static let roomCheckMilliseconds: UInt64 = 200
  /// Below 2 % of the disk, or 16 MiB where that is less, the node reads only: SQLite and the
  /// system need the rest to get out of it again.
  private static let lowBytesMax: UInt64 = 16 << 20

  init(
    log: CommitLog, writer: consuming LogWriter<FileDisk>, disk: FileDisk,
    durability: Configuration.Durability, logger: Logger
  ) {
    self.log = log
    self.writer = writer
    self.disk = disk
    self.durability = durability
    self.logger = logger
  }

  /// Works until the log is closed. An error of the disk ends the process: what was acknowledged is
  /// safe, and nothing after it may be (docs/decisions/008).
  mutating func run() {
    do throws(LogError) {
      while true {
        let hasClosed = log.isClosing
        try checkRoom()
        let wrote = try commit()
        try syncIfDue()
        let isPrepared = try prepare()
        try recycle()
        if wrote { continue }
        if hasClosed { return try writer.close(deleteAll: log.closesEmpty) }
        if isPrepared { log.waitForWork(milliseconds: waitMilliseconds) }
      }
    } catch {
      logger.error("log failed, the node stops", LogField("error", "\(error)"))
      Machine.exit(.diskFailed)
    }
  }

  private var waitMilliseconds: UInt64 {
    if unsyncedSince != nil && durability == .interval { return 10 }
    return isCertified ? Self.roomCheckMilliseconds : 50
  }

  // MARK: Writing

  /// - Returns: whether there was something to write.
  private mutating func commit() throws(LogError) -> Bool {
    // The buffer leaves the struct while its bytes are lent to the writer.
    var entries = ByteBuffer()
    swap(&entries, &self.entries)
    defer {
      entries.clear()
      // A batch of long values must not keep its memory for ever.
      if entries.capacity > 4 << 20 { entries.release() }
      swap(&entries, &self.entries)
    }
    let (firstLSN, count) = log.take(into: &entries)
    guard count > 0 else {
      admit()
      return false
    }
    try writer.commit(entries.span, firstLSN: firstLSN, count: count)
    switch durability {
    case .sync: try writer.sync()
    case .interval, .os: unsyncedSince = unsyncedSince ?? SystemClock.monotonic()
    }
    isCertified = false
    log.publish(firstLSN + UInt64(count) - 1)
    admit()
    return true
  }

  private mutating func syncIfDue() throws(LogError) {
    guard durability == .interval, let since = unsyncedSince else { return }
    guard SystemClock.monotonic().milliseconds(since: since) >= Self.intervalMilliseconds else {
      return
    }
    try writer.sync()
    unsyncedSince = nil
  }

  // MARK: Room

  private func admit() {
    log.admit(bytes: writer.bytesAvailable, diskIsLow: diskIsLow)
  }

  /// Works towards a spare segment, a piece at a time.
  ///
  /// - Returns: whether there is nothing more to do about it now.
  private mutating func prepare() throws(LogError) -> Bool {
    if diskIsLow { return true }
    let state = try writer.prepareStep()
    log.report(segmentBytes: writer.segmentBytes)
    switch state {
    case .working: return false
    case .ready, .outOfSpace:
      admit()
      return true
    }
  }

  private mutating func recycle() throws(LogError) {
    guard let position = log.takeRecyclable() else { return }
    try writer.recycle(through: position)
    log.report(segmentBytes: writer.segmentBytes)
    admit()
  }

  private mutating func checkRoom() throws(LogError) {
    let now = SystemClock.monotonic()
    guard now.milliseconds(since: roomCheckedAt) >= Self.roomCheckMilliseconds else { return }
    roomCheckedAt = now
    if !isCertified, durability == .sync {
      // The thread is idle or nearly so: an empty frame proves that the last one was whole.
      try writer.commit(ByteBuffer().span, firstLSN: writer.lastLSN + 1, count: 0)
      isCertified = true
    }
    let (free, total): (UInt64, UInt64)
    do throws(DiskError) { (free, total) = try disk.freeBytes() } catch { throw .disk(error) }
    let isLow = free < min(total / 50, Self.lowBytesMax)
    if isLow != diskIsLow {
      diskIsLow = isLow
      if isLow {
        logger.warn("disk nearly full, writes are refused", LogField("free_bytes", "\(free)"))
      } else {
        logger.info("disk has room, writes are accepted", LogField("free_bytes", "\(free)"))
      }
      admit()
    }
  }
}
