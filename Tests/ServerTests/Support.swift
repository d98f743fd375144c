import Bytes
import Durability
import Foundation
import Platform
import Store
import Testing

@testable import Server

/// The bytes of a text.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of bytes.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// What a test writes into a buffer.
func written(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  body(&buffer)
  return buffer.copied()
}

/// A folder of its own for one test, removed with everything in it.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/server-tests.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A JSON document as Foundation understands it; nil where it is none.
func json(_ bytes: [UInt8]) -> Any? {
  try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
}

/// A database whose log has room, and whose batch nobody writes anywhere.
struct World {
  let gates: [LoopGate]
  let database: Database
  let origin: Origin

  init(
    loops: Int = 1, limits: Limits = Limits(), budget: Int = 1 << 30,
    cluster: UInt64 = 7, origin: Origin = Origin(node: 0xabc, boot: 3)
  ) throws {
    gates = try (0..<loops).map { try LoopGate(index: $0) }
    self.origin = origin
    database = Database(
      cluster: cluster, origins: Origins(own: origin), gates: gates, limits: limits)
    if budget > 0 { database.log.admit(bytes: budget, diskIsLow: false) }
  }

  func owner(_ name: String) -> OwnerID {
    OwnerID(rawValue: database.owners.intern(utf8(name).span)!)
  }

  func user(_ name: String) -> Writer { Writer(owner: owner(name), isAdmin: false) }

  func place(_ table: String, _ key: String) -> Place {
    let id = database.tables.intern(utf8(table).span)!
    return database.place(id, name: utf8(table).span, key: utf8(key).span)
  }

  @discardableResult
  func put(
    _ key: String, _ value: String, by name: String = "alice", table: String = "default"
  ) throws -> WriteReceipt {
    try database.put(
      place(table, key), key: utf8(key).span, value: utf8(value).span, by: user(name))
  }

  @discardableResult
  func delete(
    _ key: String, by name: String = "alice", table: String = "default"
  ) throws -> WriteReceipt {
    try database.delete(place(table, key), key: utf8(key).span, by: user(name))
  }

  @discardableResult
  func patch(
    _ key: String, _ patch: String, by name: String = "alice", table: String = "default"
  ) throws -> (receipt: WriteReceipt, merged: String) {
    var merged = ByteBuffer()
    let receipt = try database.patch(
      place(table, key), key: utf8(key).span, patch: utf8(patch).span, into: &merged,
      by: user(name))
    return (receipt, text(merged.copied()))
  }

  /// What is stored under a key, tombstones included.
  func stored(_ key: String, table: String = "default") -> Stored? {
    database.read(place(table, key), key: utf8(key).span) { record, _ in
      guard let record else { return nil }
      return Stored(record, in: database)
    }
  }

  func value(_ key: String, table: String = "default") -> String? {
    stored(key, table: table)?.value
  }

  /// Every record and tombstone, by table and key.
  var contents: [String: Stored] {
    var found: [String: Stored] = [:]
    let tables = database.tables
    for shard in 0..<Shard.count {
      database.shards.withLock(shard) { cell in
        cell.shard.forEachRecord { record in
          let table = text([UInt8](copying: tables.name(of: record.table)))
          found[table + "/" + text([UInt8](copying: record.key))] = Stored(record, in: database)
        }
      }
    }
    return found
  }

  /// Keys in the listing of a table, in its order.
  func keys(_ table: String = "default") -> [String] {
    guard let id = database.tables.find(utf8(table).span),
      let table = database.tables.existing(id)
    else { return [] }
    return table.keys.withLock { index in
      var batch = KeyBatch()
      _ = index.copyKeys(after: nil, bytesMax: .max, countMax: .max, into: &batch)
      var keys: [String] = []
      batch.forEach { keys.append(text([UInt8](copying: $0))) }
      return keys
    }
  }

  /// Takes the place of the log thread: everything appended is committed.
  func commitAll() {
    var entries = ByteBuffer()
    let (first, count) = database.log.take(into: &entries)
    if count > 0 { database.log.publish(first + UInt64(count) - 1) }
  }
}

/// A record or tombstone with its names in full, so that those of two processes compare.
struct Stored: Equatable {
  let value: String?
  let version: UInt64
  let owner: String
  let stamp: Stamp

  init(_ record: RecordView, in database: Database) {
    value = record.isTombstone ? nil : text([UInt8](copying: record.value))
    version = record.version
    let owners = database.owners
    owner = text([UInt8](copying: owners.bytes(of: record.owner.rawValue)))
    let origin = database.origins[record.origin]
    stamp = Stamp(
      hybridTime: record.hybridTime, node: origin.node, boot: origin.boot,
      sequence: record.sequence)
  }
}

extension World {
  /// The number of a table's name.
  func id(_ table: String) -> TableID? { database.tables.intern(utf8(table).span) }
}
