// The one thread that works on storage.db and the snapshots.

import Bytes
import Durability
import Platform
import Store
import Synchronization

/// How other threads reach the checkpoint thread.
final class CheckpointGate: Sendable {
  private let waiter: Waiter
  private let closing = Atomic<Bool>(false)

  /// - Parameter waiter: what the thread sleeps on, shared with who has reason to wake it.
  init(waiter: Waiter) { self.waiter = waiter }

  var isClosing: Bool { closing.load(ordering: .acquiring) }

  func close() {
    closing.store(true, ordering: .releasing)
    waiter.notify()
  }

  func wait(milliseconds: UInt64) { _ = waiter.wait(milliseconds: milliseconds) }
}

/// Makes checkpoints as the log grows and time passes, snapshots every hour, and the last
/// checkpoint of a clean stop.
struct CheckpointThread: ~Copyable {
  private let gate: CheckpointGate
  private let database: Database
  private let log: CommitLog
  private var snapshots: Snapshots
  private let reserve: Reserve
  private var keys: KeyRotation
  private let snapshotMilliseconds: UInt64
  private let logger: Logger
  private var checkpointer: Checkpointer
  private var lastCheckpoint = SystemClock.monotonic()
  /// The log position that storage.db holds.
  private var lastPosition: UInt64
  private var lastSnapshot = SystemClock.monotonic()

  /// Replaying so much takes a few seconds: a checkpoint makes the log shorter before.
  private static let logBytesMax = 256 << 20
  private static let checkpointMilliseconds: UInt64 = 60_000
  /// How often the thread looks whether there is something to do.
  private static let pollMilliseconds: UInt64 = 200
  /// Deleted keys are remembered for a day, so that the version of one that comes back goes on.
  private static let tombstoneMilliseconds: UInt64 = 86_400_000

  /// - Parameter position: up to where storage.db holds the log already.
  init(
    gate: CheckpointGate, database: Database, checkpointer: consuming Checkpointer,
    position: UInt64, snapshots: Snapshots, reserve: Reserve, keys: KeyRotation,
    snapshotMinutes: UInt64,
    logger: Logger
  ) {
    self.gate = gate
    self.database = database
    log = database.log
    self.checkpointer = checkpointer
    self.snapshots = snapshots
    self.reserve = reserve
    self.keys = keys
    snapshotMilliseconds = snapshotMinutes * 60_000
    self.logger = logger
    lastPosition = position
  }

  /// Works until the gate closes, then ends the log: empty if all of it is in the last checkpoint.
  consuming func run() {
    // What the file holds already may have been left in the log by a stop that had no room.
    log.recycle(through: lastPosition)
    reserve.restore()
    while !gate.isClosing {
      gate.wait(milliseconds: Self.pollMilliseconds)
      let now = SystemClock.monotonic()
      let isOld = now.milliseconds(since: lastCheckpoint) >= Self.checkpointMilliseconds
      let isLong = log.segmentBytes >= Self.logBytesMax
      if isOld || isLong || log.isCrowded { checkpoint(now) }
      let isDue = now.milliseconds(since: lastSnapshot) >= snapshotMilliseconds
      if isDue || snapshots.isRequested {
        lastSnapshot = now
        takeSnapshot()
      }
      if let request = keys.request { answer(request) }
      if keys.keyring.hasOldKeys { moveOldData(now) }
    }
    finish()
  }

  private mutating func checkpoint(_ now: Instant) {
    lastCheckpoint = now
    guard log.appended != lastPosition else { return }
    let gate = gate
    switch write(until: { gate.isClosing }) {
    case .finished(let position):
      log.recycle(through: position)
      reserve.restore()
    case .interrupted: break
    case .outOfSpace:
      // What is kept for this is given up; the next run, in a moment, may find it enough.
      reserve.release()
      logger.warn("no room for a checkpoint, the log keeps what it has")
    }
  }

  private mutating func write(until shouldStop: () -> Bool) -> Checkpointer.Outcome {
    let start = SystemClock.monotonic()
    collectTombstones()
    do throws(CheckpointStoreError) {
      let outcome = try checkpointer.run(until: shouldStop)
      if case .finished(let position) = outcome {
        lastPosition = position
        logger.debug(
          "checkpoint written", LogField("position", "\(position)"),
          LogField("ms", "\(SystemClock.monotonic().milliseconds(since: start))"))
      }
      return outcome
    } catch {
      logger.error("checkpoint failed, the node stops", LogField("error", "\(error)"))
      Machine.exit(.diskFailed)
    }
  }

  /// Where there are peers the protocol decides. A node alone is every replica there is: a delete that is on its disk is known to all, and its
  /// clock has passed it (the rule for collecting tombstones, with one member).
  private func collectTombstones() {
    guard database.isAlone.load(ordering: .relaxed) else { return }
    let wall = SystemClock.wallMilliseconds()
    guard wall > Self.tombstoneMilliseconds else { return }
    let limit = HybridClock.time(ofMilliseconds: wall - Self.tombstoneMilliseconds)
    for shard in 0..<Shard.count {
      database.shards.withLock(shard) { _ = $0.shard.collectTombstones(olderThan: limit) }
    }
  }

  private func takeSnapshot() {
    do throws(SnapshotError) {
      guard let (name, summary) = try snapshots.take(of: database, until: { gate.isClosing })
      else { return }
      logger.info(
        "snapshot written", LogField("file", name), LogField("records", "\(summary.records)"))
    } catch {
      logger.error("snapshot failed", LogField("error", "\(error)"))
    }
  }

  // MARK: Keys

  private mutating func answer(_ request: KeyRequest) {
    do throws(KeyChangeError) {
      let message = try change(request.verb)
      keys.answer(request, KeyAnswer(isDone: true, message: message))
    } catch {
      logger.error("keys not changed", LogField("error", error.message))
      keys.answer(request, KeyAnswer(isDone: false, message: error.message))
    }
  }

  private mutating func change(_ verb: KeyRequest.Verb) throws(KeyChangeError) -> String {
    switch verb {
    case .rotate:
      try keys.rotate()
      useKeyring()
      logger.info("data key made", LogField("key", "\(keys.keyring.currentKeyID)"))
      return KeyCommand.rotated(keys.keyring)
    case .rewrap(let keyFile):
      try keys.rewrap(keyFile: keyFile)
      useKeyring()
      logger.info("data keys wrapped anew", LogField("key_file", keyFile))
      return KeyCommand.rewrapped(keys.keyring, keyFile: keyFile)
    case .list:
      do {
        var use = try keys.useOfFiles()
        try checkpointer.countBlocks(into: &use)
        return KeyList.text(keys.keyring, use, now: SystemClock.wallMilliseconds())
      } catch {
        throw KeyChangeError(message: "\(error)")
      }
    }
  }

  /// Hands the keyring to everything that seals.
  private mutating func useKeyring() {
    checkpointer.use(keys.keyring)
    snapshots.use(keys.keyring)
    log.use(keys.keyring)
  }

  /// Does a bounded part of what lets old keys go.
  private mutating func moveOldData(_ now: Instant) {
    do {
      switch keys.phase {
      case .movingBlocks(let shard):
        guard
          let next = try checkpointer.moveOldBlocks(from: shard, bytesMax: KeyRotation.stepBytes)
        else { return }
        keys.moved(to: next)
      case .emptyingLog(through: nil):
        guard log.keyInUse == keys.keyring.currentKeyID else { return }
        keys.logLeftOldSegment(at: log.appended)
      case .emptyingLog(through: let position?):
        if lastPosition < position { checkpoint(now) }
        log.recycle(through: lastPosition)
        if try keys.logIsMoved() { keys.logIsEmptied() }
      case .waiting:
        if keys.mayLook(now) { try dropUnusedKeys() }
      }
    } catch let error as CheckpointStoreError {
      logger.error("storage.db failed, the node stops", LogField("error", "\(error)"))
      Machine.exit(.diskFailed)
    } catch {
      // Whatever could not be read or written now is tried again; nothing depends on it.
      logger.warn("old keys stay", LogField("error", "\(error)"))
      keys.startAgain()
    }
  }

  private mutating func dropUnusedKeys() throws {
    var use = try keys.useOfFiles()
    if keys.needsAll(use) { return }
    try checkpointer.countBlocks(into: &use)
    let dropped = try keys.dropUnused(use)
    let current = keys.keyring.currentKeyID
    if use.counts.contains(where: { $0.keyID != current && $0.blocks > 0 }) { keys.startAgain() }
    if dropped.isEmpty { return }
    useKeyring()
    logger.info(
      "old data keys are needed no more",
      LogField("keys", dropped.map { "\($0)" }.joined(separator: ",")))
  }

  private consuming func finish() {
    reserve.release()
    let deadline = SystemClock.monotonic().advanced(
      byMilliseconds: Limits.lastCheckpointMilliseconds)
    var isWhole = log.appended == lastPosition
    if !isWhole,
      case .finished(let position) = write(until: { SystemClock.monotonic() >= deadline })
    {
      isWhole = position == log.appended
    }
    do throws(CheckpointStoreError) {
      try checkpointer.close()
    } catch {
      logger.error("storage.db did not close", LogField("error", "\(error)"))
      isWhole = false
    }
    log.close(deleteAll: isWhole)
  }
}
