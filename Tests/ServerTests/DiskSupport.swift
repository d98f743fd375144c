import Bytes
import Crypto
import Durability
import Foundation
import Platform
import Store

@testable import Server

/// A node's data directory between its starts.
struct DataDirectory {
  let folder: TemporaryFolder
  var path: String { folder.path + "/data" }
  static let key = [UInt8](repeating: 7, count: 32)

  init() throws { folder = try TemporaryFolder() }

  /// One start of the node, as far as its disk is concerned; ends when `body` returns.
  func start<Result>(
    key: [UInt8] = Self.key, _ body: (inout StartedNode) throws -> Result
  ) throws -> Result {
    var node = try StartedNode.start(path: path, key: key)
    return try body(&node)
  }

  /// The names of the files in the directory.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// A node that was started, without threads and sockets.
struct StartedNode: ~Copyable {
  let storage: Storage
  let world: World
  let report: LoadReport
  private var ownCheckpointer: Checkpointer?
  private let recovered: RecoveryReport
  private var writer: LogWriter<FileDisk>?

  /// Opens the directory and loads what is in it.
  static func start(path: String, key: [UInt8]) throws -> StartedNode {
    let storage = try Storage.open(path, keyEncryptionKey: Secret(copying: key.span))
    let identity = storage.identity
    let world = try World(
      cluster: identity.cluster, origin: Origin(node: identity.node, boot: identity.boot))
    let store = try storage.openCheckpoint()
    let (report, recovered) = try storage.load(into: world.database, from: store)
    let checkpointer = Checkpointer(
      database: world.database, keyring: storage.keyring, store: store)
    return StartedNode(
      storage: storage, world: world, report: report, ownCheckpointer: checkpointer,
      recovered: recovered)
  }

  private init(
    storage: consuming Storage, world: World, report: LoadReport,
    ownCheckpointer: consuming Checkpointer, recovered: RecoveryReport
  ) {
    self.storage = storage
    self.world = world
    self.report = report
    self.ownCheckpointer = consume ownCheckpointer
    self.recovered = recovered
    writer = nil
  }

  var checkpointer: Checkpointer {
    _read { yield ownCheckpointer! }
    _modify { yield &ownCheckpointer! }
  }

  /// The checkpointer, for who runs it to its end.
  mutating func takeCheckpointer() throws -> Checkpointer { ownCheckpointer.take()! }

  /// The log, which goes on behind what was recovered.
  func makeWriter(_ options: LogOptions = LogOptions()) -> sending LogWriter<FileDisk> {
    LogWriter(
      disk: storage.disk, keyring: storage.keyring, identity: storage.identity,
      recovered: recovered, options: options)
  }

  /// Takes the place of the log thread: makes everything appended durable and tells of it.
  mutating func commitToLog() throws {
    var log: LogWriter<FileDisk>
    if let open = writer.take() {
      log = open
    } else {
      log = makeWriter(LogOptions(segmentBytes: 256 << 10))
    }
    var entries = ByteBuffer()
    let (first, count) = world.database.log.take(into: &entries)
    try log.commit(entries.span, firstLSN: first, count: count)
    try log.sync()
    world.database.log.publish(first + UInt64(count) - 1)
    writer = consume log
  }

  /// Lets go of what the last finished checkpoint holds.
  mutating func recycleLog(through position: UInt64) throws {
    try writer?.recycle(through: position)
  }

  /// The rows of storage.db.
  func rows() throws -> [Int64: [UInt8]] {
    var rows: [Int64: [UInt8]] = [:]
    try checkpointer.store.forEachBlock { id, bytes in
      rows[id] = [UInt8](copying: bytes)
      return true
    }
    return rows
  }
}

extension World {
  /// A value of about so many bytes that no other write has.
  static func value(_ number: Int, bytes: Int) -> String {
    "{\"n\":\(number),\"fill\":\"" + String(repeating: "x", count: bytes) + "\"}"
  }

  /// Keys of `default` that lie in one shard.
  func keys(inShard shard: Int, count: Int, prefix: String = "k") -> [String] {
    var keys: [String] = []
    var number = 0
    while keys.count < count {
      let key = "\(prefix)\(number)"
      if place("default", key).shard == shard { keys.append(key) }
      number += 1
    }
    return keys
  }
}
