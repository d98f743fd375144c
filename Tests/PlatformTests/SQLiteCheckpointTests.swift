import Bytes
import Durability
import Glibc
import Testing

@testable import Platform

extension SQLiteCheckpoint {
  fileprivate func replaceBlock(_ id: Int64, _ block: [UInt8]) throws(CheckpointStoreError) {
    try replaceBlock(id, block.span)
  }

  fileprivate func setMeta(_ key: String, _ value: [UInt8]) throws(CheckpointStoreError) {
    try setMeta(key, value.span)
  }
}

@Suite("SQLiteCheckpoint")
struct SQLiteCheckpointTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/storage.db" }

  init() throws { folder = try TemporaryFolder() }

  private func blocks(_ store: borrowing SQLiteCheckpoint) throws -> [Int64: [UInt8]] {
    var all: [Int64: [UInt8]] = [:]
    try store.forEachBlock { id, block in
      all[id] = [UInt8](copying: block)
      return true
    }
    return all
  }

  @Test("what was committed is there after reopening")
  func roundTrip() throws {
    do {
      let store = try SQLiteCheckpoint(path: path)
      try store.begin()
      try store.replaceBlock(1, [1, 2, 3])
      try store.replaceBlock(-7, [UInt8](repeating: 9, count: 100_000))
      try store.replaceBlock(1 << 62, [UInt8]())
      try store.setMeta("applied", [42])
      try store.commit()
      try store.close()
    }
    let store = try SQLiteCheckpoint(path: path)
    #expect(
      try blocks(store) == [1: [1, 2, 3], -7: [UInt8](repeating: 9, count: 100_000), 1 << 62: []])
    #expect(try store.meta("applied") == [42])
    #expect(try store.meta("other") == nil)
  }

  @Test("a block and a value are replaced and a block is deleted")
  func replaces() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.replaceBlock(1, [1])
    try store.replaceBlock(2, [2])
    try store.setMeta("a", [1])
    try store.commit()
    try store.begin()
    try store.replaceBlock(1, [3])
    try store.deleteBlock(2)
    try store.deleteBlock(99)
    try store.setMeta("a", [])
    try store.commit()
    #expect(try blocks(store) == [1: [3]])
    #expect(try store.meta("a") == [])
  }

  @Test("rolling back undoes everything since begin, and needs no transaction")
  func rollback() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.replaceBlock(1, [1])
    try store.commit()
    try store.begin()
    try store.replaceBlock(1, [2])
    try store.setMeta("a", [1])
    try store.rollback()
    try store.rollback()
    #expect(try blocks(store) == [1: [1]])
    #expect(try store.meta("a") == nil)
  }

  @Test("blocks come in the order of their numbers, until the reader has enough")
  func order() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    for id: Int64 in [5, 1, 3, 2, 4] { try store.replaceBlock(id, [UInt8(id)]) }
    try store.commit()
    var seen: [Int64] = []
    try store.forEachBlock { id, _ in
      seen.append(id)
      return id < 3
    }
    #expect(seen == [1, 2, 3])
    // The statement that was left early does not keep the next transaction from ending.
    try store.begin()
    try store.deleteBlock(1)
    try store.commit()
  }

  @Test("what was committed survives a process that never closed; what was not, does not")
  func crash() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.replaceBlock(1, [1])
    try store.commit()
    try store.begin()
    try store.replaceBlock(2, [2])
    // The files as a crash would leave them now.
    let copy = try TemporaryFolder()
    for suffix in ["", "-wal"] {
      let bytes = try Machine.readWholeFile(path + suffix, limit: 1 << 24)
      try Machine.writeNewFile("\(copy.path)/storage.db\(suffix)", bytes.span)
    }
    let recovered = try SQLiteCheckpoint(path: copy.path + "/storage.db")
    #expect(try blocks(recovered) == [1: [1]])
    try store.rollback()
  }

  @Test("after a clean close only the file is left, for its owner alone")
  func clean() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.replaceBlock(1, [1])
    try store.commit()
    #expect(folder.exists("storage.db-wal"))
    #expect(try folder.mode("storage.db-wal") == 0o600)
    #expect(!folder.exists("storage.db-shm"))
    try store.close()
    #expect(!folder.exists("storage.db-wal"))
    #expect(try folder.mode("storage.db") == 0o600)
  }

  @Test("a full file is out of space, stays as it was and takes writes when there is room again")
  func outOfSpace() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.replaceBlock(1, [1])
    try store.commit()
    try store.connection.execute("PRAGMA max_page_count = 20")
    let large = [UInt8](repeating: 5, count: 200_000)
    try store.begin()
    #expect(throws: CheckpointStoreError.outOfSpace) { try store.replaceBlock(2, large) }
    try store.rollback()
    #expect(try blocks(store) == [1: [1]])
    try store.connection.execute("PRAGMA max_page_count = 1000000")
    try store.begin()
    try store.replaceBlock(2, large)
    try store.commit()
    #expect(try blocks(store) == [1: [1], 2: large])
  }

  @Test("a second connection is refused while the first lives")
  func exclusive() throws {
    let store = try SQLiteCheckpoint(path: path)
    try store.begin()
    try store.commit()
    #expect {
      _ = try SQLiteCheckpoint(path: path)
    } throws: { error in
      guard case .failed = error as? CheckpointStoreError else { return false }
      return true
    }
    try store.close()
  }

  @Test("a file that is no database is damaged")
  func noDatabase() throws {
    try Machine.writeNewFile(path, [UInt8](repeating: 0x41, count: 10_000).span)
    #expect(throws: CheckpointStoreError.damaged(detail: "file is not a database")) {
      _ = try SQLiteCheckpoint(path: path)
    }
  }

  @Test("a page that was overwritten is damage, whichever it is")
  func overwritten() throws {
    do {
      let store = try SQLiteCheckpoint(path: path)
      try store.begin()
      for id in 0..<2000 { try store.replaceBlock(Int64(id), [UInt8](repeating: 1, count: 100)) }
      try store.commit()
      try store.close()
    }
    let whole = try Machine.readWholeFile(path, limit: 1 << 24)
    var refused = 0
    let pages = whole.count / 4096
    for page in 1..<pages {
      var bytes = whole
      for offset in page * 4096..<(page + 1) * 4096 { bytes[offset] = 0xa5 }
      let copy = try TemporaryFolder()
      try Machine.writeNewFile(copy.path + "/storage.db", bytes.span)
      do {
        let store = try SQLiteCheckpoint(path: copy.path + "/storage.db")
        _ = try blocks(store)
        _ = try store.meta("a")
      } catch let error as CheckpointStoreError {
        guard case .damaged = error else { throw error }
        refused += 1
      }
    }
    #expect(pages > 10)
    #expect(refused == pages - 1)
  }

  @Test("a file of another program or of another version is refused")
  func foreign() throws {
    do {
      let connection = try SQLiteConnection.open(path)
      try connection.execute("CREATE TABLE other (a)")
    }
    #expect(throws: CheckpointStoreError.damaged(detail: "a SQLite file of another program")) {
      _ = try SQLiteCheckpoint(path: path)
    }
    let newer = folder.path + "/newer.db"
    do {
      let store = try SQLiteCheckpoint(path: newer)
      try store.connection.execute("PRAGMA user_version = 9")
      try store.close()
    }
    #expect(
      throws: CheckpointStoreError.damaged(
        detail: "version 9 of the tables, where this program knows 1")
    ) { _ = try SQLiteCheckpoint(path: newer) }
  }

  @Test("a folder that is missing fails with the system's reason")
  func missing() {
    #expect(
      throws: CheckpointStoreError.failed(
        call: "open", code: ENOENT,
        detail: "/no/such/storage.db: No such file or directory")
    ) { _ = try SQLiteCheckpoint(path: "/no/such/storage.db") }
  }
}
