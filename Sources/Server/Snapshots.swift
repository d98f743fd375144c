// Snapshots: the whole store as encrypted JSON, for people and for other machines.

import Bytes
import Durability
import Platform
import Store

/// The `snapshots` folder of a data directory.
struct Snapshots: Sendable {
  private let path: String
  let disk: FileDisk
  private var keyring: Keyring
  private let identity: NodeIdentity
  private let limit: Int

  /// `dynaswift snapshot now` leaves this file for a running node and waits until it is gone.
  static let requestName = "now.request"

  init(
    directory: String, keyring: Keyring, identity: NodeIdentity, limit: Int
  ) throws(StorageError) {
    path = directory + "/snapshots"
    self.keyring = keyring
    self.identity = identity
    self.limit = limit
    do {
      try Machine.makeDirectories(path)
      disk = try FileDisk(path: path)
      _ = try disk.tighten()
    } catch {
      throw StorageError(message: "\(path): \(error)", code: .cannotStart)
    }
  }

  /// Seals the next snapshots with the newest key of this keyring.
  mutating func use(_ keyring: Keyring) { self.keyring = keyring }

  var isRequested: Bool { (try? disk.open(Self.requestName)) != nil }

  /// Writes the store as it is, block after block; holds a shard's lock for one block at a time.
  /// Whoever asked for it before it began is answered, well or ill; who asked later waits for the
  /// next one, because this one may lack what they wrote before.
  ///
  /// - Parameter shouldStop: asked before each shard.
  /// - Returns: nil where it was told to stop; nothing is left of the file then.
  func take(
    of database: Database, until shouldStop: () -> Bool = { false }
  ) throws(SnapshotError) -> (name: String, summary: SnapshotSummary)? {
    let isAnswer = isRequested
    do throws(SnapshotError) {
      guard let taken = try write(database, until: shouldStop) else { return nil }
      if isAnswer { clearRequest() }
      return taken
    } catch {
      if isAnswer { clearRequest() }
      throw error
    }
  }

  private func clearRequest() { try? disk.remove(Self.requestName) }

  private func write(
    _ database: Database, until shouldStop: () -> Bool
  ) throws(SnapshotError) -> (name: String, summary: SnapshotSummary)? {
    var writer = try SnapshotWriter(
      disk: disk, keyring: keyring, identity: identity,
      milliseconds: SystemClock.wallMilliseconds())
    let name = writer.name
    do throws(SnapshotError) {
      var entries = ByteBuffer()
      for shard in 0..<Shard.count {
        if shouldStop() {
          writer.cancel()
          return nil
        }
        let bits = database.shards.withLock(shard) { $0.shard.blockBits }
        try append(shard, bits, of: database, to: &writer, using: &entries)
      }
      return (name, try writer.finish(limit: limit))
    } catch {
      writer.cancel()
      throw error
    }
  }

  private func append(
    _ shard: Int, _ blockBits: Int, of database: Database,
    to writer: inout SnapshotWriter<FileDisk>, using entries: inout ByteBuffer
  ) throws(SnapshotError) {
    var block: UInt32 = 0
    var bits = blockBits
    while block < UInt32(1) << UInt32(bits) {
      entries.clear()
      let found = database.appendBlock(block, of: shard, to: &entries).bits
      if found != bits {
        // Divided anew since: block b has become the blocks from b · 2ⁿ on.
        block <<= UInt32(found - bits)
        bits = found
        continue
      }
      block += 1
      var reader = LogEntryReader(entries.span)
      while let entry = reader.next() {
        if entry.kind != .put { continue }
        try writer.append(
          table: entry.tableName, key: entry.key, value: entry.value, version: entry.version,
          owner: entry.ownerName, stamp: entry.stamp)
      }
    }
  }
}
