// The data keys of a running node: changed on request, old data moved to the newest one, and keys
// let go of that nothing needs any more.

import Bytes
import Crypto
import Durability
import Platform
import Store

/// Why the keys could not be changed, for whoever asked.
struct KeyChangeError: Error {
  let message: String
}

/// The keyring of the data directory, and how far old data has been moved. Owned by the checkpoint
/// thread, which is the only one that changes `keyring.json`.
///
/// A new key is in the file, durably, before anything is sealed with it. An old one leaves the file
/// after the log, the checkpoint and the snapshots have been looked through and none refers to it.
struct KeyRotation {
  /// How far the data of old keys has come.
  enum Phase: Equatable {
    /// Blocks of the checkpoint are sealed anew, from this shard on.
    case movingBlocks(Int)
    /// The log writes with the newest key; segments of before go with the next checkpoint.
    case emptyingLog(through: UInt64?)
    /// Something else, such as a snapshot, may still need an old key.
    case waiting
  }

  private let disk: FileDisk
  private let snapshotDisk: FileDisk
  private(set) var keyring: Keyring
  private var keyEncryptionKey: Secret
  private(set) var phase = Phase.movingBlocks(0)
  private var lookedAt: Instant?

  /// Blocks that are sealed anew in one go: 4 MiB are some ten milliseconds of the checkpoint
  /// thread, five times a second at most.
  static let stepBytes = 4 << 20
  /// How often it is looked whether the last reference to an old key has gone.
  private static let lookMilliseconds: UInt64 = 60_000

  init(
    disk: FileDisk, snapshotDisk: FileDisk, keyring: Keyring, keyEncryptionKey: Secret
  ) {
    self.disk = disk
    self.snapshotDisk = snapshotDisk
    self.keyring = keyring
    self.keyEncryptionKey = keyEncryptionKey
    KeyRequest.removeAll(on: disk)
  }

  /// The request that waits for an answer.
  var request: KeyRequest? { KeyRequest.waiting(on: disk) }

  func answer(_ request: KeyRequest, _ answer: KeyAnswer) { answer.leave(to: request, on: disk) }

  // MARK: Changes

  /// Makes a new data key, durably. It is to be handed to whoever seals.
  mutating func rotate() throws(KeyChangeError) {
    do throws(KeyringError) {
      try save(
        keyring.rotated(
          keyEncryptionKey: keyEncryptionKey.span, milliseconds: SystemClock.wallMilliseconds()))
    } catch {
      throw KeyChangeError(message: "\(error)")
    }
    phase = .movingBlocks(0)
  }

  /// Wraps the data keys by the key in a file, durably. The node goes on with the same data keys.
  mutating func rewrap(keyFile: String) throws(KeyChangeError) {
    do throws(StorageError) {
      let key = try Server.readKey(file: keyFile, embedded: nil, name: keyFile)
      do throws(KeyringError) {
        try save(keyring.rewrapped(keyEncryptionKey: key.span))
      } catch {
        throw StorageError(message: "\(error)", code: .cannotStart)
      }
      keyEncryptionKey = key
    } catch {
      throw KeyChangeError(message: error.message)
    }
  }

  private mutating func save(_ next: Keyring) throws(KeyringError) {
    do throws(DiskError) { try next.save(on: disk) } catch { throw .disk(error) }
    keyring = next
  }

  // MARK: Uses

  /// What the keys are needed for outside of the checkpoint.
  func useOfFiles() throws(DiskError) -> KeyUse {
    var use = KeyUse()
    try use.countLog(disk)
    try use.countSnapshots(snapshotDisk)
    return use
  }

  /// Whether the log holds nothing of an old key.
  func logIsMoved() throws(DiskError) -> Bool {
    var use = KeyUse()
    try use.countLog(disk)
    return use.counts.allSatisfy { $0.keyID == keyring.currentKeyID }
  }

  /// Whether files alone need every old key, so that the checkpoint need not be looked through.
  func needsAll(_ use: KeyUse) -> Bool {
    keyring.keyIDs.allSatisfy { $0 == keyring.currentKeyID || use.refers(to: $0) }
  }

  // MARK: Progress

  mutating func moved(to shard: Int) {
    phase = shard < Shard.count ? .movingBlocks(shard) : .emptyingLog(through: nil)
  }

  mutating func logLeftOldSegment(at position: UInt64) { phase = .emptyingLog(through: position) }

  mutating func logIsEmptied() {
    phase = .waiting
    lookedAt = nil
  }

  /// Whether it is time to look for keys that can go.
  mutating func mayLook(_ now: Instant) -> Bool {
    if let lookedAt, now.milliseconds(since: lookedAt) < Self.lookMilliseconds { return false }
    lookedAt = now
    return true
  }

  /// Blocks of old keys turned up after all (a shard was divided anew meanwhile): once more.
  mutating func startAgain() { phase = .movingBlocks(0) }

  /// Lets go of the old keys that nothing refers to, durably.
  ///
  /// - Returns: the numbers of those keys.
  mutating func dropUnused(_ use: KeyUse) throws(DiskError) -> [UInt32] {
    guard let next = keyring.withoutUnused(use) else { return [] }
    let dropped = keyring.keyIDs.filter { !next.keyIDs.contains($0) }
    // What was removed from the log must not come back with a power failure: it needs the keys.
    try disk.syncDirectory()
    try next.save(on: disk)
    keyring = next
    return dropped
  }
}
