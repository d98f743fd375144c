// Where writes wait for the disk: the one batch that loops fill and the log thread empties.

import Bytes
import Durability
import Platform
import Store
import Synchronization

/// Why a write was refused before anything changed.
enum WriteRefusal: Error {
  case notOwner
  case noRecord
  case notAnObject
  case valueTooLong
  case tooManyNames
  case diskFull
}

/// The group commit: appended to by every loop under its shard's lock, written by the log thread.
///
/// A write is admitted only where its bytes fit the space that the log has reserved on disk, so a
/// full disk is met before memory changes (docs/decisions/003). `committed` is the highest position
/// that is as durable as `DYNA_DURABILITY` asks; whoever answers for a position waits for it.
final class CommitLog: Sendable {
  struct Batch: ~Copyable {
    var entries = ByteBuffer(capacity: 64 << 10)
    var count = 0
    var nextLSN: UInt64 = 1
    /// Bytes that may still be admitted, frames included.
    var budget = 0
  }

  private let batch = Locked(Batch())
  private let durable = Atomic<UInt64>(0)
  private let newest = Atomic<UInt64>(0)
  private let isLow = Atomic<Bool>(false)
  private let recyclable = Atomic<UInt64>(0)
  private let segments = Atomic<Int>(0)
  private let crowded = Atomic<Bool>(false)
  private let closing = Atomic<Bool>(false)
  private let emptied = Atomic<Bool>(false)
  private let nextKeyring = Locked<Keyring?>(nil)
  private let hasKeyring = Atomic<Bool>(false)
  private let writtenKey = Atomic<UInt32>(0)
  private let thread = Waiter()
  private let gates: [LoopGate]
  /// Where batches go whose writes the peers are to have; nil where there are none.
  private let cluster: Locked<ClusterGate?> = Locked(nil)

  init(gates: [LoopGate]) { self.gates = gates }

  /// Hands every batch on to the cluster loop, from the next one on.
  func handOn(to gate: ClusterGate) { cluster.withLock { $0 = gate } }

  /// Everything up to `position` was recovered; nothing was appended yet.
  func resume(after position: UInt64) {
    batch.withLock { $0.nextLSN = position + 1 }
    durable.store(position, ordering: .releasing)
    newest.store(position, ordering: .releasing)
  }

  /// The highest position whose writes may be told of.
  ///
  /// In one order with `publish` and with what `LoopGate` is asked: who asks to be woken and then
  /// reads this sees the position, or is woken by who stored it. With less than sequential
  /// consistency both could miss the other. On x86 it is a plain load.
  var committed: UInt64 { durable.load(ordering: .sequentiallyConsistent) }

  /// The highest position handed out.
  var appended: UInt64 { newest.load(ordering: .acquiring) }

  /// Whether the disk has room, as far as the log thread last saw.
  var acceptsWrites: Bool { !isLow.load(ordering: .relaxed) }

  // MARK: The loops' side

  /// Takes an entry into the batch. Called under the lock of the record's shard.
  ///
  /// - Returns: the entry's position.
  /// - Throws: `.diskFull` where its bytes are not reserved.
  func append(
    table: Span<UInt8>, owner: Span<UInt8>, stamp: Stamp, record: RecordView
  ) throws(WriteRefusal) -> UInt64 {
    if isLow.load(ordering: .relaxed) { throw .diskFull }
    let bound =
      LogEntry.overheadMax + table.count + record.key.count + record.value.count + owner.count
    return try batch.withLock { batch throws(WriteRefusal) -> UInt64 in
      let cost = bound + LogWriter<FileDisk>.frameOverhead
      guard batch.budget >= cost else { throw .diskFull }
      batch.budget -= cost
      if record.isTombstone {
        LogEntry.appendTombstone(
          table: table, key: record.key, owner: owner, node: stamp.node, boot: stamp.boot,
          hybridTime: stamp.hybridTime, sequence: stamp.sequence, version: record.version,
          into: &batch.entries)
      } else {
        LogEntry.appendPut(
          table: table, key: record.key, value: record.value, owner: owner, node: stamp.node,
          boot: stamp.boot, hybridTime: stamp.hybridTime, sequence: stamp.sequence,
          version: record.version, into: &batch.entries)
      }
      batch.count += 1
      let position = batch.nextLSN
      batch.nextLSN += 1
      newest.store(position, ordering: .releasing)
      return position
    }
  }

  /// Takes an entry that is made already: a peer's write, a clock.
  func append(entry: Span<UInt8>) throws(WriteRefusal) -> UInt64 {
    if isLow.load(ordering: .relaxed) { throw .diskFull }
    return try batch.withLock { batch throws(WriteRefusal) -> UInt64 in
      let cost = entry.count + LogWriter<FileDisk>.frameOverhead
      guard batch.budget >= cost else { throw .diskFull }
      batch.budget -= cost
      batch.entries.append(entry)
      batch.count += 1
      let position = batch.nextLSN
      batch.nextLSN += 1
      newest.store(position, ordering: .releasing)
      return position
    }
  }

  /// Sets the log thread to work; called once a turn by a loop that appended.
  func kick() { thread.notify() }

  // MARK: The checkpoint's side

  /// Whether the log takes so much of a small disk that only a checkpoint makes room.
  var isCrowded: Bool { crowded.load(ordering: .relaxed) }

  /// Wakes the checkpoint thread where the log is crowded.
  let checkpoint = Waiter()

  /// Bytes of the segments on disk.
  var segmentBytes: Int { segments.load(ordering: .relaxed) }

  /// A committed checkpoint holds everything up to `position`: its segments may go.
  func recycle(through position: UInt64) {
    recyclable.store(position, ordering: .releasing)
    thread.notify()
  }

  /// Hands the log thread a keyring, which is durable: new segments are sealed with its newest key.
  func use(_ keyring: Keyring) {
    nextKeyring.withLock { $0 = keyring }
    hasKeyring.store(true, ordering: .releasing)
    thread.notify()
  }

  /// The data key of whatever the log writes from now on.
  var keyInUse: UInt32 { writtenKey.load(ordering: .acquiring) }

  /// Ends the log thread once everything is written. With `deleteAll` a committed checkpoint holds
  /// every entry, and no segment stays.
  func close(deleteAll: Bool) {
    emptied.store(deleteAll, ordering: .releasing)
    closing.store(true, ordering: .releasing)
    thread.notify()
  }

  // MARK: The log thread's side

  /// The cluster loop's door; asked for once, when the thread begins.
  var clusterGate: ClusterGate? { cluster.withLock { $0 } }

  var isClosing: Bool { closing.load(ordering: .acquiring) }
  var closesEmpty: Bool { emptied.load(ordering: .acquiring) }

  func takeRecyclable() -> UInt64? {
    let position = recyclable.exchange(0, ordering: .acquiring)
    return position == 0 ? nil : position
  }

  func takeKeyring() -> Keyring? {
    guard hasKeyring.exchange(false, ordering: .acquiring) else { return nil }
    return nextKeyring.withLock { keyring in
      defer { keyring = nil }
      return keyring
    }
  }

  func report(keyID: UInt32) { writtenKey.store(keyID, ordering: .releasing) }

  func report(segmentBytes: Int, isCrowded: Bool) {
    segments.store(segmentBytes, ordering: .relaxed)
    guard isCrowded != crowded.load(ordering: .relaxed) else { return }
    crowded.store(isCrowded, ordering: .relaxed)
    if isCrowded { checkpoint.notify() }
  }

  /// Sleeps until there is something to write, or `milliseconds` have gone by.
  func waitForWork(milliseconds: UInt64) { _ = thread.wait(milliseconds: milliseconds) }

  /// Takes the batch; `entries` must be empty and is given to the loops to fill.
  ///
  /// - Returns: the position of the first entry and how many there are.
  func take(into entries: inout ByteBuffer) -> (firstLSN: UInt64, count: Int) {
    batch.withLock { batch in
      swap(&batch.entries, &entries)
      defer { batch.count = 0 }
      return (batch.nextLSN - UInt64(batch.count), batch.count)
    }
  }

  /// Says how many bytes the disk has reserved beyond everything taken so far.
  ///
  /// - Returns: false where more than that was admitted before.
  @discardableResult
  func admit(bytes: Int, diskIsLow: Bool) -> Bool {
    isLow.store(diskIsLow, ordering: .relaxed)
    return batch.withLock { batch in
      batch.budget = bytes - batch.entries.count - batch.count * LogWriter<FileDisk>.frameOverhead
      return batch.budget >= 0
    }
  }

  /// Everything up to `position` may be told of: wakes the loops that wait for it.
  func publish(_ position: UInt64) {
    durable.store(position, ordering: .sequentiallyConsistent)
    for gate in gates { gate.wakeIfWaiting() }
  }
}
