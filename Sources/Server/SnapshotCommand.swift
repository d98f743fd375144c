// dynaswift snapshot now|list|verify|restore

import Bytes
import Crypto
import Durability
public import Platform
import Store

/// What a person asks of the snapshots of a data directory.
public struct SnapshotCommand {
  public struct Failure: Error {
    public let message: String
    public let code: ExitCode
  }

  private enum Verb {
    case now
    case list
    case verify(file: String)
    case restore(file: String, directory: String)
  }

  private let verb: Verb
  private let dataDirectory: String
  private let keyFile: String?
  private let embeddedKey: [UInt8]?
  private let snapshotLimit: Int

  /// How long `now` waits for the running node.
  private static let waitMilliseconds: UInt64 = 600_000

  /// - Parameter words: the command line behind `snapshot`.
  public init(
    _ words: [String], environment: @escaping (String) -> String?, file: [String: String],
    embeddedKey: [UInt8]?
  ) throws(Failure) {
    do throws(Configuration.Mistake) {
      let (positional, flags) = try Configuration.arguments(words)
      let settings = Settings(flags: flags, file: file, environment: environment)
      switch (positional.first, positional.count) {
      case ("now", 1): verb = .now
      case ("list", 1): verb = .list
      case ("verify", 2): verb = .verify(file: positional[1])
      case ("restore", 3): verb = .restore(file: positional[1], directory: positional[2])
      default:
        throw Configuration.Mistake(
          """
          usage: dynaswift snapshot now | list | verify <FILE> | restore <FILE> <NEW DIRECTORY> \
          [--data-dir <DIRECTORY>]
          """)
      }
      dataDirectory = settings.text("DYNA_DATA_DIR") ?? "./data/6660"
      keyFile = settings.text("DYNA_ENCRYPTION_KEY_FILE")
      snapshotLimit = try settings.number("SNAP_LIMIT", 1...1_000_000) ?? 100
      self.embeddedKey = embeddedKey
    } catch {
      throw Failure(message: error.message, code: .cannotStart)
    }
  }

  public func run(say: (String) -> Void) throws(Failure) {
    do throws(StorageError) {
      switch verb {
      case .now: say(try takeNow())
      case .list: for line in try list() { say(line) }
      case .verify(let file): say(try verify(file))
      case .restore(let file, let directory): say(try restore(file, to: directory))
      }
    } catch {
      throw Failure(message: error.message, code: error.code)
    }
  }

  // MARK: now

  /// Asks the node that runs on the directory; without one, writes the snapshot itself.
  private func takeNow() throws(StorageError) -> String {
    guard (try? FileDisk(path: dataDirectory).open("node.json")) != nil else {
      throw StorageError(message: "\(dataDirectory) is no data directory", code: .cannotStart)
    }
    let before = try names()
    // A node that stops before it got to it leaves the directory free.
    if !(try askNode()) {
      let storage = try Storage.open(dataDirectory, keyEncryptionKey: try key())
      let database = try load(storage)
      let snapshots = try Snapshots(
        directory: dataDirectory, keyring: storage.keyring, identity: storage.identity,
        limit: snapshotLimit)
      do throws(SnapshotError) {
        _ = try snapshots.take(of: database)
      } catch {
        throw StorageError(message: "\(error)", code: .cannotStart)
      }
    }
    guard let newest = try names().last, newest != before.last else {
      throw StorageError(
        message: "the node could not write a snapshot; its log says why", code: .cannotStart)
    }
    return path(newest)
  }

  private var isInUse: Bool { DirectoryLock.isHeld(directory: dataDirectory) }

  /// - Returns: false where no node runs.
  private func askNode() throws(StorageError) -> Bool {
    guard isInUse else { return false }
    let directory = dataDirectory + "/snapshots"
    do {
      let disk = try FileDisk(path: directory)
      if !(try disk.names().contains(Snapshots.requestName)) {
        _ = try disk.create(Snapshots.requestName)
      }
      let deadline = SystemClock.monotonic().advanced(byMilliseconds: Self.waitMilliseconds)
      let pause = Waiter()
      while try disk.names().contains(Snapshots.requestName) {
        guard SystemClock.monotonic() < deadline else {
          throw StorageError(message: "the node did not answer in time", code: .cannotStart)
        }
        _ = pause.wait(milliseconds: 20)
        if !isInUse { return !(try withdraw(from: disk)) }
      }
      return true
    } catch let error as StorageError {
      throw error
    } catch {
      throw StorageError(message: "\(directory): \(error)", code: .cannotStart)
    }
  }

  /// Takes the request back from a node that is gone.
  ///
  /// - Returns: false where it was answered in the last moment.
  private func withdraw(from disk: FileDisk) throws(DiskError) -> Bool {
    do throws(DiskError) {
      try disk.remove(Snapshots.requestName)
      return true
    } catch {
      guard error.isMissing else { throw error }
      return false
    }
  }

  // MARK: list and verify

  private func list() throws(StorageError) -> [String] {
    try names().map { path($0) }
  }

  private func verify(_ file: String) throws(StorageError) -> String {
    var reader = try reader(file)
    do throws(SnapshotError) {
      let summary = try reader.verify()
      let size = "\(summary.records) records, \(summary.valueBytes) bytes of values"
      return "\(file): \(size), whole and genuine"
    } catch {
      throw StorageError(message: "\(error)", code: .damagedData)
    }
  }

  // MARK: restore

  /// Fills a new data directory. Its records keep versions and stamps; the cluster is a new one.
  private func restore(_ file: String, to directory: String) throws(StorageError) -> String {
    if let found = try? FileDisk(path: directory).names(), !found.isEmpty {
      throw StorageError(
        message: "\(directory) is not empty: a snapshot is restored into a new directory",
        code: .cannotStart)
    }
    // Read to its end first: a damaged snapshot must not leave half a data directory.
    _ = try verify(file)
    var reader = try reader(file)
    let storage = try Storage.open(directory, keyEncryptionKey: try key())
    let database = try load(storage)
    var loader = Loader(database: database)
    var entry = ByteBuffer()
    let summary: SnapshotSummary
    do throws(SnapshotError) {
      summary = try reader.forEachRecord { record in
        entry.clear()
        LogEntry.appendPut(
          table: record.tableName.span, key: record.key.span, value: record.value,
          owner: record.ownerName.span, node: record.stamp.node, boot: record.stamp.boot,
          hybridTime: record.stamp.hybridTime, sequence: record.stamp.sequence,
          version: record.version, into: &entry)
        var entries = LogEntryReader(entry.span)
        if let read = entries.next() { loader.restore(read, fromLog: true) }
      }
    } catch {
      throw StorageError(message: "\(error)", code: .damagedData)
    }
    var checkpointer = Checkpointer(
      database: database, keyring: storage.keyring, store: try storage.openCheckpoint())
    do throws(CheckpointStoreError) {
      guard case .finished = try checkpointer.run() else {
        throw CheckpointStoreError.outOfSpace
      }
      try checkpointer.close()
    } catch {
      throw Storage.explain(error)
    }
    return "\(summary.records) records restored into \(directory)"
  }

  // MARK: Parts

  private func names() throws(StorageError) -> [String] {
    let directory = dataDirectory + "/snapshots"
    do throws(DiskError) {
      return try SnapshotDirectory.list(FileDisk(path: directory))
    } catch {
      if error.code == 2 { return [] }
      throw StorageError(message: "\(directory): \(error)", code: .cannotStart)
    }
  }

  private func path(_ name: String) -> String { "\(dataDirectory)/snapshots/\(name)" }

  /// A file by its path, or by its name in the data directory's snapshots.
  private func reader(_ file: String) throws(StorageError) -> SnapshotReader<FileDisk> {
    let full = file.contains("/") ? file : path(file)
    let slash = full.lastIndex(of: "/") ?? full.startIndex
    let folder = slash == full.startIndex ? "/" : String(full[..<slash])
    let name = String(full[full.index(after: slash)...])
    do {
      let key = try key()
      // What was made before the data keys were wrapped anew opens with the keys of the directory.
      let keyring = try? FileDisk(path: dataDirectory).keyring(key)
      return try SnapshotReader(
        disk: FileDisk(path: folder), name: name, keyEncryptionKey: key.span, keyring: keyring)
    } catch {
      throw StorageError(message: "\(file): \(error)", code: .cannotStart)
    }
  }

  private func key() throws(StorageError) -> Secret {
    try Server.readKey(file: keyFile, embedded: embeddedKey)
  }

  /// Loads a data directory that no node uses.
  private func load(_ storage: borrowing Storage) throws(StorageError) -> Database {
    let identity = storage.identity
    let database = Database(
      cluster: identity.cluster,
      origins: Origins(own: Origin(node: identity.node, boot: identity.boot)), gates: [],
      limits: Limits())
    _ = try storage.load(into: database, from: try storage.openCheckpoint())
    return database
  }
}

extension FileDisk {
  /// The keyring of the directory, where it has one that the key opens.
  fileprivate func keyring(_ key: Secret) -> Keyring? {
    (try? Keyring.read(self, keyEncryptionKey: key.span)) ?? nil
  }
}
