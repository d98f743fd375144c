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
  /// The node stops and the disk has no room: what was admitted and never told of is let go.
  private var isAbandoned = false
  /// A segment could not be made: nothing is admitted beyond what is reserved.
  private var isOutOfSpace = false
  /// What may be admitted beyond what is reserved.
  private var spareBytes = 0
  private var freeBytes = Int.max / 2
  private var isCertified = true
  /// Hears of every batch as long as there are peers.
  private var cluster: ClusterGate?
  /// A newer data key is at hand than the one of the current segment.
  private var isChangingKey = false

  /// `interval`: what is lost at a power failure is not older.
  private static let intervalMilliseconds: UInt64 = 50
  private static let roomCheckMilliseconds: UInt64 = 200
  /// Below 2 % of the disk, or 16 MiB where that is less, the node reads only: SQLite and the
  /// system need the rest to get out of it again.
  private static let lowBytesMax: UInt64 = 16 << 20

  /// Of the room that it could have, the log takes a quarter before a checkpoint empties it.
  private static let logShare = 4
  /// A batch is held in memory while the disk makes room for it.
  private static let spareBytesMax: UInt64 = 64 << 20

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

  /// Looks at the disk for the first time, so that writes are admitted from the first request on.
  mutating func begin() throws(LogError) {
    log.report(keyID: writer.keyID)
    try checkRoom()
  }

  /// Works until the log is closed. An error of the disk ends the process: what was acknowledged is
  /// safe, and nothing after it may be (docs/decisions/008).
  mutating func run() {
    cluster = log.clusterGate
    do throws(LogError) {
      while true {
        let hasClosed = log.isClosing
        try checkRoom()
        let wrote = try commit()
        if isAbandoned { return try writer.close(deleteAll: false) }
        try syncIfDue()
        let isPrepared = try prepare()
        try recycle()
        try changeKey()
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
    try write(entries.span, firstLSN: firstLSN, count: count)
    isCertified = false
    if let cluster, cluster.hasPeers, !isAbandoned {
      cluster.post(
        CommittedBatch(
          entries: [UInt8](copying: entries.span), firstLSN: firstLSN, count: count))
    }
    try lookAtDisk()
    return true
  }

  /// Writes a batch and tells the loops. Should the disk fill up at the last moment, what was
  /// admitted waits here for room: it is not told of before, and not forgotten.
  private mutating func write(
    _ entries: Span<UInt8>, firstLSN: UInt64, count: Int
  ) throws(LogError) {
    let last = firstLSN + UInt64(count) - 1
    var offset = 0
    while true {
      let next = writer.lastLSN + 1
      do throws(LogError) {
        try writer.commit(
          entries.extracting(offset..<entries.count), firstLSN: next, count: Int(last - next) + 1)
        return try publish()
      } catch {
        guard error == .outOfSpace else { throw error }
        logger.error("disk full, admitted writes wait for room")
        offset += LogEntry.byteCount(
          ofFirst: Int(writer.lastLSN + 1 - next), from: offset, of: entries)
        try publish()
        isOutOfSpace = true
        report()
        admit()
        // Nobody was promised anything yet: a node that stops lets them go.
        if log.isClosing {
          isAbandoned = true
          return
        }
        log.waitForWork(milliseconds: Self.roomCheckMilliseconds)
        try recycle()
      }
    }
  }

  /// Makes what was written as durable as is asked for, and tells the loops.
  private mutating func publish() throws(LogError) {
    switch durability {
    case .sync: try writer.sync()
    case .interval, .os: unsyncedSince = unsyncedSince ?? SystemClock.monotonic()
    }
    log.publish(writer.lastLSN)
  }

  private mutating func syncIfDue() throws(LogError) {
    guard durability == .interval, let since = unsyncedSince else { return }
    guard SystemClock.monotonic().milliseconds(since: since) >= Self.intervalMilliseconds else {
      return
    }
    try writer.sync()
    unsyncedSince = nil
  }

  // MARK: Keys

  /// Takes a keyring that was handed over, and leaves a segment of an older key as soon as there is
  /// another and all that was admitted fits it.
  private mutating func changeKey() throws(LogError) {
    if let keyring = log.takeKeyring() {
      try writer.use(keyring)
      isChangingKey = true
    }
    guard isChangingKey else { return }
    if writer.usesOldKey {
      guard let bytes = writer.bytesAvailableAfterLeaving else { return }
      let fits = log.admit(
        bytes: bytes + (isOutOfSpace ? 0 : spareBytes), diskIsLow: diskIsLow)
      if fits { try writer.leaveSegment() }
      admit()
      guard fits else { return }
    }
    isChangingKey = false
    log.report(keyID: writer.keyID)
  }

  // MARK: Room

  /// Tells the loops what they may append: what the log has reserved, and as much again as can be
  /// reserved without fail while the disk has plenty of room.
  private func admit() {
    log.admit(
      bytes: writer.bytesAvailable + (isOutOfSpace ? 0 : spareBytes), diskIsLow: diskIsLow)
  }

  /// Works towards a spare segment, a piece at a time.
  ///
  /// - Returns: whether there is nothing more to do about it now.
  private mutating func prepare() throws(LogError) -> Bool {
    if diskIsLow { return true }
    let state = try writer.prepareStep()
    if state != .working { isOutOfSpace = state == .outOfSpace }
    report()
    if state == .working { return false }
    admit()
    return true
  }

  private mutating func recycle() throws(LogError) {
    guard let position = log.takeRecyclable() else { return }
    try writer.recycle(through: position)
    report()
    admit()
  }

  /// Tells how long the log is, and asks for a checkpoint where it has come to fill a small disk.
  private func report() {
    let bytes = writer.segmentBytes
    log.report(
      segmentBytes: bytes, isCrowded: isOutOfSpace || bytes > (freeBytes + bytes) / Self.logShare)
  }

  private mutating func checkRoom() throws(LogError) {
    let now = SystemClock.monotonic()
    guard now.milliseconds(since: roomCheckedAt) >= Self.roomCheckMilliseconds else { return }
    roomCheckedAt = now
    if !isCertified, durability == .sync {
      // The thread is idle or nearly so: an empty frame proves that the last one was whole. Nobody
      // was charged for its bytes: `bytesAvailable` holds back the room of one in each segment,
      // there is one between two readings at most, and the next reading follows below.
      try writer.commit(ByteBuffer().span, firstLSN: writer.lastLSN + 1, count: 0)
      isCertified = true
    }
    try lookAtDisk()
  }

  /// Measures the room on the disk and admits accordingly. It takes a microsecond, so it is done
  /// after each commit: somebody else may fill the disk at any time, and what was admitted beyond
  /// what is reserved must then wait.
  private mutating func lookAtDisk() throws(LogError) {
    let (free, total): (UInt64, UInt64)
    do throws(DiskError) { (free, total) = try disk.freeBytes() } catch { throw .disk(error) }
    freeBytes = Int(clamping: free)
    let lowBytes = min(total / 50, Self.lowBytesMax)
    spareBytes = free < lowBytes ? 0 : Int(min((free - lowBytes) / 4, Self.spareBytesMax))
    let isLow = free < lowBytes
    if isLow != diskIsLow {
      diskIsLow = isLow
      if isLow {
        logger.warn("disk nearly full, writes are refused", LogField("free_bytes", "\(free)"))
      } else {
        logger.info("disk has room, writes are accepted", LogField("free_bytes", "\(free)"))
      }
    }
    admit()
  }
}
