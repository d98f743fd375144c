// The tables by name, each with the ordered keys that it lists.

import Bytes
import Platform
import Store

/// One table: its name and its live keys in byte order.
final class Table: Sendable {
  let id: TableID
  let name: [UInt8]
  let keys = Locked(KeyIndex())
  /// Names that a user may not read or write: `auth`, `admin`, `internal` and `_…`.
  let isReserved: Bool

  init(id: TableID, name: [UInt8]) {
    self.id = id
    self.name = name
    isReserved = name.span.isReservedTableName
  }

  var count: Int { keys.withLock { $0.count } }
}

/// Every table that has or had a record, and `default`. Names are interned for the process's life.
final class TableDirectory: Sendable {
  private let names = NameTable()
  private let tables = Locked<[Table?]>([])

  /// The table of users, which no route shows.
  let users: Table

  init() {
    guard let users = names.intern(("auth" as StaticString).bytes),
      let main = names.intern(("default" as StaticString).bytes)
    else { preconditionFailure("an empty name table has room for two names") }
    let table = Table(id: TableID(rawValue: users), name: Array("auth".utf8))
    self.users = table
    tables.withLock {
      $0 = [table, Table(id: TableID(rawValue: main), name: Array("default".utf8))]
    }
  }

  /// The id of a name that was seen before; the table need not exist.
  func find(_ name: Span<UInt8>) -> TableID? {
    names.find(name).map { TableID(rawValue: $0) }
  }

  /// - Returns: nil where a million names are taken.
  func intern(_ name: Span<UInt8>) -> TableID? {
    names.intern(name).map { TableID(rawValue: $0) }
  }

  /// As `intern`, for who only reads: such names never take more than half of the room, so that
  /// nobody without a token can keep others from making tables.
  func internForReader(_ name: Span<UInt8>) -> TableID? {
    if let known = find(name) { return known }
    return names.count < names.limit / 2 ? intern(name) : nil
  }

  @_lifetime(borrow self)
  func name(of id: TableID) -> Span<UInt8> {
    // The bytes of a name are never moved or freed, and `names` lives as long as the directory.
    let names = names
    return unsafe _overrideLifetime(names.bytes(of: id.rawValue), borrowing: self)
  }

  /// The table if it exists.
  func existing(_ id: TableID) -> Table? {
    tables.withLock { tables in
      id.rawValue < tables.count ? tables[Int(id.rawValue)] : nil
    }
  }

  /// The table, which exists from now on.
  func table(_ id: TableID) -> Table {
    tables.withLock { tables in
      let index = Int(id.rawValue)
      while tables.count <= index { tables.append(nil) }
      if let table = tables[index] { return table }
      let names = names
      let made = Table(id: id, name: [UInt8](copying: names.bytes(of: id.rawValue)))
      tables[index] = made
      return made
    }
  }

  /// All tables that exist, in the byte order of their names.
  var all: [Table] {
    tables.withLock { $0.compactMap { $0 } }.sorted {
      $0.name.lexicographicallyPrecedes($1.name)
    }
  }
}

extension Span where Element == UInt8 {
  var isReservedTableName: Bool {
    guard count > 0 else { return false }
    return self[0] == 0x5f || equals("auth") || equals("admin") || equals("internal")
  }
}
