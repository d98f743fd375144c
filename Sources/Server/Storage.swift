// The data directory: opened, read back into memory, and what the threads of the disk work with.

import Bytes
import Crypto
import Durability
import Platform
import Store

/// Why a data directory cannot be opened, and with which code the process ends.
struct StorageError: Error {
  let message: String
  let code: ExitCode
}

/// What was found on disk at the start.
struct LoadReport {
  var records = 0
  var logEntries = 0
  var tornBytes = 0
  var tornSegment = ""
  var milliseconds: UInt64 = 0
  /// The log position that the checkpoint holds.
  var checkpointPosition: UInt64 = 0
}

/// The data directory of this process: locked, identified, with its keys.
struct Storage: ~Copyable {
  let directory: String
  let disk: FileDisk
  let identity: NodeIdentity
  let keyring: Keyring
  let keyEncryptionKey: Secret
  /// Who else may use the directory.
  let access: DirectoryAccess
  private let lock: DirectoryLock

  /// Opens the directory, making it where there is none.
  ///
  /// - Parameter findCluster: asked, for as long as it takes, where the directory belongs to no
  ///   cluster yet; nil begins a new one.
  static func open(
    _ directory: String, keyEncryptionKey: Secret,
    findCluster: () throws(StorageError) -> UInt64? = { () throws(StorageError) in nil }
  ) throws(StorageError) -> Storage {
    do {
      try Machine.makeDirectories(directory)
      let lock = try DirectoryLock(directory: directory)
      let disk = try FileDisk(path: directory)
      let access = try disk.tighten()
      Reserve(disk: disk).release()
      let keyring = try Keyring.open(
        disk, keyEncryptionKey: keyEncryptionKey.span,
        milliseconds: SystemClock.wallMilliseconds())
      var cluster: UInt64?
      if !(try disk.names().contains(NodeIdentity.fileName)) {
        cluster = try findCluster()
        try begin(directory, disk)
      }
      let identity = try NodeIdentity.open(disk, cluster: cluster)
      return Storage(
        directory: directory, disk: disk, identity: identity, keyring: keyring,
        keyEncryptionKey: keyEncryptionKey, access: access, lock: lock)
    } catch let error as StorageError {
      throw StorageError(message: "\(directory): \(error.message)", code: error.code)
    } catch let error as KeyringError {
      throw StorageError(message: "\(directory): \(error)", code: Self.code(for: error))
    } catch let error as DirectoryLockError {
      throw StorageError(message: "\(error)", code: .cannotStart)
    } catch {
      throw StorageError(message: "\(directory): \(error)", code: .cannotStart)
    }
  }

  private static func code(for error: KeyringError) -> ExitCode {
    switch error {
    case .wrongKey, .missing, .damaged, .unknownKey: .damagedData
    case .keyTooShort, .tooManyKeys, .disk: .cannotStart
    }
  }

  private init(
    directory: String, disk: FileDisk, identity: NodeIdentity, keyring: Keyring,
    keyEncryptionKey: Secret, access: DirectoryAccess, lock: consuming DirectoryLock
  ) {
    self.directory = directory
    self.disk = disk
    self.identity = identity
    self.keyring = keyring
    self.keyEncryptionKey = keyEncryptionKey
    self.access = access
    self.lock = lock
  }

  /// Makes the first storage.db of a directory, before node.json says that there is one: from then
  /// on a file without a position is a file that was lost, and data without node.json lost that.
  private static func begin(_ directory: String, _ disk: FileDisk) throws {
    let checkpoint = try SQLiteCheckpoint(path: directory + fileName)
    let position = ByteBuffer.position(0)
    let stored = try checkpoint.meta(Checkpointer.appliedKey)
    let hasLog = try disk.names().contains { $0.hasPrefix("wal-") }
    guard !hasLog, stored == nil || stored == position.copied() else {
      throw StorageError(
        message:
          """
          \(NodeIdentity.fileName) is missing, but the directory has data; restore it from a copy, \
          or a snapshot into a new directory
          """,
        code: .damagedData)
    }
    try checkpoint.begin()
    try checkpoint.setMeta(Checkpointer.appliedKey, position.span)
    try checkpoint.commit()
    try checkpoint.close()
  }

  func openCheckpoint() throws(StorageError) -> SQLiteCheckpoint {
    do throws(CheckpointStoreError) {
      let checkpoint = try SQLiteCheckpoint(path: directory + Self.fileName)
      if try checkpoint.meta(Checkpointer.appliedKey) != nil { return checkpoint }
    } catch {
      throw Self.explain(error)
    }
    throw StorageError(
      message:
        """
        \(directory)\(Self.fileName) is missing or empty, but this directory had one; restore a \
        copy, or a snapshot into a new directory
        """,
      code: .damagedData)
  }

  private static let fileName = "/storage.db"

  /// Brings back the checkpoint and then the log behind it.
  ///
  /// - Returns: what was found, and where the log goes on.
  func load(
    into database: Database, from checkpoint: borrowing SQLiteCheckpoint
  ) throws(StorageError) -> (report: LoadReport, log: RecoveryReport) {
    let start = SystemClock.monotonic()
    var report = LoadReport()
    var loader = Loader(database: database)
    let applied = try loadCheckpoint(checkpoint, &loader, &report)

    let recovered: RecoveryReport
    do throws(RecoveryError) {
      recovered = try Recovery.replay(disk, keyring: keyring, after: applied) { entry in
        loader.restore(entry, fromLog: true)
      }
    } catch {
      throw StorageError(message: "\(error)", code: .damagedData)
    }
    database.log.resume(after: recovered.lastLSN)
    report.checkpointPosition = applied
    report.logEntries = recovered.entries
    if let torn = recovered.torn {
      report.tornBytes = torn.bytes
      report.tornSegment = torn.segment
    }
    for table in database.tables.all { report.records += table.count }
    report.milliseconds = SystemClock.monotonic().milliseconds(since: start)
    return (report, recovered)
  }

  private func loadCheckpoint(
    _ checkpoint: borrowing SQLiteCheckpoint, _ loader: inout Loader, _ report: inout LoadReport
  ) throws(StorageError) -> UInt64 {
    var opener = CheckpointOpener(keyring: keyring)
    var entries = ByteBuffer()
    var failure: String?
    let applied: [UInt8]
    do throws(CheckpointStoreError) {
      try loadClocks(checkpoint, &loader)
      try checkpoint.forEachBlock { id, row in
        entries.clear()
        do throws(CheckpointError) {
          let bits = try opener.open(row, id: id, into: &entries)
          let isPlaced = loader.restoreBlock(
            entries.span, shard: CheckpointBlock.shard(ofID: id), blockBits: Int(bits))
          if !isPlaced { failure = Self.misplaced }
        } catch {
          failure = "\(error)"
        }
        return failure == nil
      }
      applied = try checkpoint.meta(Checkpointer.appliedKey) ?? []
    } catch {
      throw Self.explain(error)
    }
    if let failure { throw StorageError(message: failure, code: .damagedData) }
    var reader = ByteReader(applied.span)
    return reader.readUInt64() ?? 0
  }

  private static let misplaced =
    """
    storage.db: its records do not lie where the cluster of node.json has them: both files belong \
    together; restore both from one copy, or a snapshot into a new directory
    """

  /// Directories from before there were clocks have none: what their shards have seen is what they
  /// hold.
  private func loadClocks(
    _ checkpoint: borrowing SQLiteCheckpoint, _ loader: inout Loader
  ) throws(CheckpointStoreError) {
    if let bytes = try checkpoint.meta(Checkpointer.timeKey) {
      var reader = ByteReader(bytes.span)
      if let hybridTime = reader.readUInt64() { loader.restoreTime(hybridTime) }
    }
    for shard in 0..<Shard.count {
      guard let bytes = try checkpoint.meta(Checkpointer.clockKey(ofShard: shard)) else { continue }
      var reader = ByteReader(bytes.span)
      guard let clock = ShardClock(reading: &reader), reader.remaining == 0 else {
        throw .damaged(detail: "the clock of shard \(shard)")
      }
      loader.restoreClock(clock, ofShard: shard)
    }
  }

  static func explain(_ error: CheckpointStoreError) -> StorageError {
    switch error {
    case .outOfSpace:
      StorageError(
        message: "storage.db: the disk is full; make room and start again", code: .cannotStart)
    case .damaged(let detail):
      StorageError(
        message:
          "storage.db is damaged (\(detail)); restore a copy, or a snapshot into a new directory",
        code: .damagedData)
    case .failed(let call, let code, let detail):
      StorageError(
        message: "storage.db: \(call) failed with code \(code) (\(detail))", code: .cannotStart)
    }
  }
}

/// Turns entries on disk into records in memory. Names and origins repeat from entry to entry, so
/// the last of each is remembered.
struct Loader {
  private let database: Database
  private var tableName: [UInt8] = []
  private var table: Table
  private var ownerName: [UInt8] = []
  private var owner = OwnerID(rawValue: 0)
  private var origin: Origin
  private var originID: OriginID
  /// What each shard had seen when the checkpoint was made.
  private var checkpointClocks = [ShardClock](repeating: ShardClock(), count: Shard.count)

  init(database: Database) {
    self.database = database
    table = database.tables.users
    tableName = table.name
    origin = database.origins.own
    originID = database.origins.ownID
  }

  /// Takes the greatest time that this node had given out when the checkpoint was made.
  func restoreTime(_ hybridTime: UInt64) { database.raiseClock(to: hybridTime) }

  /// Takes the clock that the checkpoint kept for a shard, before any of its blocks.
  mutating func restoreClock(_ clock: ShardClock, ofShard shard: Int) {
    checkpointClocks[shard] = clock
    database.shards.withLock(shard) { $0.shard.clock.merge(clock) }
  }

  /// Takes the entries of one row of the checkpoint.
  ///
  /// - Returns: false, with the rest left out, where one of them belongs to another shard: the row
  ///   was written under another cluster's number, and the file would keep it for ever.
  mutating func restoreBlock(_ entries: Span<UInt8>, shard: Int, blockBits: Int) -> Bool {
    database.shards.withLock(shard) { $0.shard.restoreBlockBits(blockBits) }
    var reader = LogEntryReader(entries)
    while let entry = reader.next() {
      if let found = restore(entry, fromLog: false), found != shard { return false }
    }
    return true
  }

  /// - Returns: the shard that the entry's record belongs to; nil for an entry without one.
  @discardableResult
  mutating func restore(_ entry: LogEntryView, fromLog: Bool) -> Int? {
    switch entry.kind {
    case .clockCeiling:
      database.raiseClock(to: entry.hybridTime)
      return nil
    case .clock:
      if let (shard, clock) = entry.shardClock {
        database.shards.withLock(shard) { $0.shard.clock.merge(clock) }
      }
      return nil
    case .put, .tombstone: break
    }
    name(entry)
    let table = table
    let name = table.name
    let place = database.place(table.id, name: name.span, key: entry.key)
    // What the checkpoint has seen is in it, or lost against what is or was in it: a tombstone that
    // is gone since would not be there to win again.
    if fromLog, checkpointClocks[place.shard].contains(entry.stamp.dot) {
      return place.shard
    }
    let record = Record(
      table: table.id, key: entry.key, value: entry.kind == .tombstone ? nil : entry.value,
      version: entry.version, hybridTime: entry.hybridTime, sequence: entry.sequence,
      origin: originID, owner: owner)
    let applied = database.restore(
      record, dot: entry.stamp.dot, hash: place.hash, fromLog: fromLog)
    if applied.becameLive {
      table.keys.withLock { _ = $0.insert(entry.key) }
    } else if applied.ceasedLive {
      table.keys.withLock { _ = $0.remove(entry.key) }
    }
    return place.shard
  }

  /// Finds the numbers of the entry's names. More names than a node may know cannot be on its disk.
  private mutating func name(_ entry: LogEntryView) {
    if !tableName.span.equals(entry.tableName) {
      guard let id = database.tables.intern(entry.tableName) else {
        preconditionFailure("more tables on disk than a node can know")
      }
      table = database.tables.table(id)
      tableName = table.name
    }
    if ownerName.isEmpty || !ownerName.span.equals(entry.ownerName) {
      guard let id = database.owners.intern(entry.ownerName) else {
        preconditionFailure("more users on disk than a node can know")
      }
      owner = OwnerID(rawValue: id)
      ownerName = [UInt8](copying: entry.ownerName)
    }
    let entryOrigin = Origin(node: entry.node, boot: entry.boot)
    if entryOrigin != origin {
      origin = entryOrigin
      originID = database.origins.intern(entryOrigin)
    }
  }
}
