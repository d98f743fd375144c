// dynaswift keys rotate|rewrap|list

import Bytes
import Crypto
import Durability
public import Platform

/// What a person asks of the keys of a data directory: of the node that runs on it, or where none
/// does, of the directory itself.
public struct KeyCommand {
  public struct Failure: Error {
    public let message: String
    public let code: ExitCode
  }

  private let verb: KeyRequest.Verb
  private let dataDirectory: String
  private let keyFile: String?
  private let embeddedKey: [UInt8]?

  /// How long a command waits for the running node, which may be writing a checkpoint or a snapshot.
  private static let waitMilliseconds: UInt64 = 600_000

  /// - Parameter words: the command line behind `keys`.
  public init(
    _ words: [String], environment: @escaping (String) -> String?, file: [String: String],
    embeddedKey: [UInt8]?
  ) throws(Failure) {
    do throws(Configuration.Mistake) {
      let (words, newKeyFile) = try Self.newKeyFile(words)
      let (positional, flags) = try Configuration.arguments(words)
      let settings = Settings(flags: flags, file: file, environment: environment)
      switch (positional, newKeyFile) {
      case (["rotate"], nil): verb = .rotate
      case (["list"], nil): verb = .list
      case (["rewrap"], let path?): verb = .rewrap(keyFile: Machine.absolutePath(path))
      default:
        throw Configuration.Mistake(
          "usage: dynaswift keys list | rotate | rewrap --new-key-file <FILE> [--data-dir <DIRECTORY>]"
        )
      }
      dataDirectory = settings.text("DYNA_DATA_DIR") ?? "./data/6660"
      keyFile = settings.text("DYNA_ENCRYPTION_KEY_FILE")
      self.embeddedKey = embeddedKey
    } catch {
      throw Failure(message: error.message, code: .cannotStart)
    }
  }

  /// Takes the one flag that no node has out of the command line.
  private static func newKeyFile(
    _ words: [String]
  ) throws(Configuration.Mistake) -> (rest: [String], path: String?) {
    let name = "--new-key-file"
    guard let place = words.firstIndex(where: { $0 == name || $0.hasPrefix(name + "=") }) else {
      return (words, nil)
    }
    var rest = words
    let word = rest.remove(at: place)
    if word != name { return (rest, String(word.dropFirst(name.count + 1))) }
    guard place < rest.count else { throw Configuration.Mistake("\(name) needs a value") }
    let path = rest.remove(at: place)
    return (rest, path)
  }

  public func run(say: (String) -> Void) throws(Failure) {
    do throws(StorageError) {
      guard (try? FileDisk(path: dataDirectory).open(NodeIdentity.fileName)) != nil else {
        throw StorageError(message: "\(dataDirectory) is no data directory", code: .cannotStart)
      }
      if let answer = try askNode() {
        guard answer.isDone else {
          throw StorageError(message: answer.message, code: .cannotStart)
        }
        return say(answer.message)
      }
      say(try changeDirectory())
    } catch {
      throw Failure(message: error.message, code: error.code)
    }
  }

  // MARK: A running node

  /// - Returns: nil where no node runs.
  private func askNode() throws(StorageError) -> KeyAnswer? {
    guard isInUse else { return nil }
    do throws(DiskError) {
      let disk = try FileDisk(path: dataDirectory)
      let request = KeyRequest(verb)
      let deadline = SystemClock.monotonic().advanced(byMilliseconds: Self.waitMilliseconds)
      let pause = Waiter()
      while SystemClock.monotonic() < deadline {
        // First the request, then the answer: the node leaves the answer before it takes the request.
        let isWaiting = try disk.names().contains(KeyRequest.fileName)
        if let answer = try KeyAnswer.take(of: request, on: disk) { return answer }
        // Nobody's request waits: ours is yet to be left, or was overwritten by another one.
        if !isWaiting { try request.leave(on: disk) }
        _ = pause.wait(milliseconds: 20)
        if !isInUse {
          KeyRequest.removeAll(on: disk)
          return nil
        }
      }
      try? disk.remove(KeyRequest.fileName)
    } catch {
      throw StorageError(message: "\(dataDirectory): \(error)", code: .cannotStart)
    }
    throw StorageError(message: "the node did not answer in time", code: .cannotStart)
  }

  private var isInUse: Bool { DirectoryLock.isHeld(directory: dataDirectory) }

  // MARK: A directory that no node uses

  private func changeDirectory() throws(StorageError) -> String {
    do {
      let lock = try DirectoryLock(directory: dataDirectory)
      let message = try change(try FileDisk(path: dataDirectory))
      _ = consume lock
      return message
    } catch let error as StorageError {
      throw error
    } catch let error as KeyChangeError {
      throw StorageError(message: "\(dataDirectory): \(error.message)", code: .cannotStart)
    } catch let error as CheckpointStoreError {
      throw Storage.explain(error)
    } catch {
      throw StorageError(message: "\(dataDirectory): \(error)", code: .cannotStart)
    }
  }

  private func change(_ disk: FileDisk) throws -> String {
    let key = try Server.readKey(file: keyFile, embedded: embeddedKey)
    guard let keyring = try Keyring.read(disk, keyEncryptionKey: key.span) else {
      throw KeyringError.missing
    }
    let snapshots = dataDirectory + "/snapshots"
    try Machine.makeDirectories(snapshots)
    var keys = KeyRotation(
      disk: disk, snapshotDisk: try FileDisk(path: snapshots), keyring: keyring,
      keyEncryptionKey: key)
    switch verb {
    case .rotate:
      try keys.rotate()
      return Self.rotated(keys.keyring)
    case .rewrap(let path):
      try keys.rewrap(keyFile: path)
      return Self.rewrapped(keys.keyring, keyFile: path)
    case .list:
      var use = try keys.useOfFiles()
      let name = "storage.db"
      guard try disk.names().contains(name) else {
        return KeyList.text(keys.keyring, use, now: SystemClock.wallMilliseconds())
      }
      let store = try SQLiteCheckpoint(path: "\(dataDirectory)/\(name)")
      try store.forEachHead(CheckpointBlock.allIDs, bytes: CheckpointBlock.keyedBytes) {
        use.countBlock($2)
        return true
      }
      return KeyList.text(keys.keyring, use, now: SystemClock.wallMilliseconds())
    }
  }

  // MARK: What is said

  static func rotated(_ keyring: Keyring) -> String {
    """
    key \(keyring.currentKeyID) seals everything new; what older keys sealed moves to it while the \
    node runs (dynaswift keys list shows how far)
    """
  }

  static func rewrapped(_ keyring: Keyring, keyFile: String) -> String {
    """
    the data keys are wrapped by \(keyFile) (mark \(KeyList.mark(keyring.wrappingKeyID))): start \
    the node with that key from now on, and keep the one before for snapshots of before
    """
  }
}
