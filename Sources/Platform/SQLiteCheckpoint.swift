internal import Bytes
public import Durability

/// The checkpoint's blocks in one SQLite file.
///
/// There is one connection for as long as the process lives, used by one thread at a time, and the
/// file is locked against other processes. Never open it a second time, not even to read: SQLite
/// before 3.51.3 can corrupt a write-ahead log that two connections reset, and closing any other
/// descriptor of the file would drop this connection's lock.
///
/// Pages are 4 KiB. 3,000 blobs of 4 to 20 KiB (37 MB), the file's size and the time to read all:
///
///     page      1 KiB   4 KiB   8 KiB  16 KiB  64 KiB
///     file       +2 %    +8 %   +14 %   +29 %   +22 %
///     read      19 ms    9 ms    7 ms    5 ms    4 ms
public struct SQLiteCheckpoint: ~Copyable, @unchecked Sendable, CheckpointStore {
  // Unchecked, because of SQLite's pointers: the struct has one owner, and SQLite is content with
  // any thread as long as there is one at a time.
  let connection: SQLiteConnection
  private let beginning: SQLiteStatement
  private let committing: SQLiteStatement
  private let rollingBack: SQLiteStatement
  private let replacing: SQLiteStatement
  private let deleting: SQLiteStatement
  private let settingMeta: SQLiteStatement
  private let readingMeta: SQLiteStatement
  private let readingBlocks: SQLiteStatement
  private let readingIDs: SQLiteStatement

  /// The version of the tables, kept in the file as `user_version`.
  static let schemaVersion: Int64 = 1
  /// "DynS", which tells the file from SQLite files of other programs.
  static let applicationID: Int64 = 0x4479_6e53

  /// Opens the file, or makes it. What a crash left in the log beside it is taken in first.
  public init(path: String) throws(CheckpointStoreError) {
    let connection = try SQLiteConnection.open(path)
    try SQLiteCheckpoint.configure(connection)
    try SQLiteCheckpoint.prepareTables(connection)

    let beginning = try connection.prepare("BEGIN IMMEDIATE")
    let committing = try connection.prepare("COMMIT")
    let rollingBack = try connection.prepare("ROLLBACK")
    let replacing = try connection.prepare("INSERT OR REPLACE INTO block VALUES (?1, ?2)")
    let deleting = try connection.prepare("DELETE FROM block WHERE id = ?1")
    let settingMeta = try connection.prepare("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")
    let readingMeta = try connection.prepare("SELECT bytes FROM meta WHERE name = ?1")
    let readingBlocks = try connection.prepare("SELECT id, bytes FROM block ORDER BY id")
    let readingIDs = try connection.prepare(
      "SELECT id FROM block WHERE id BETWEEN ?1 AND ?2 ORDER BY id")

    self.connection = connection
    self.beginning = beginning
    self.committing = committing
    self.rollingBack = rollingBack
    self.replacing = replacing
    self.deleting = deleting
    self.settingMeta = settingMeta
    self.readingMeta = readingMeta
    self.readingBlocks = readingBlocks
    self.readingIDs = readingIDs
  }

  public func begin() throws(CheckpointStoreError) { try beginning.run() }

  public func replaceBlock(_ id: Int64, _ block: Span<UInt8>) throws(CheckpointStoreError) {
    replacing.bind(1, id)
    try replacing.run(2, block)
  }

  public func deleteBlock(_ id: Int64) throws(CheckpointStoreError) {
    deleting.bind(1, id)
    try deleting.run()
  }

  public func setMeta(_ key: String, _ value: Span<UInt8>) throws(CheckpointStoreError) {
    settingMeta.bind(1, key)
    try settingMeta.run(2, value)
  }

  public func commit() throws(CheckpointStoreError) { try committing.run() }

  public func rollback() throws(CheckpointStoreError) {
    // SQLite itself has already rolled back after some errors, a full disk among them.
    if connection.isInTransaction { try rollingBack.run() }
  }

  public func forEachBlock(
    _ body: (_ id: Int64, _ block: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError) {
    defer { readingBlocks.reset() }
    while try readingBlocks.step() {
      let id = readingBlocks.number(0)
      guard readingBlocks.withBytes(1, { body(id, $0) }) else { return }
    }
  }

  public func forEachHead(
    _ ids: ClosedRange<Int64>, bytes count: Int,
    _ body: (_ id: Int64, _ byteCount: Int, _ head: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError) {
    defer { readingIDs.reset() }
    readingIDs.bind(1, ids.lowerBound)
    readingIDs.bind(2, ids.upperBound)
    var blob: SQLiteBlob?
    while try readingIDs.step() {
      let id = readingIDs.number(0)
      if blob == nil {
        blob = try connection.openBlob(row: id)
      } else {
        try blob?.move(toRow: id)
      }
      guard let size = blob?.byteCount,
        let head = try blob?.read(min(count, size)), body(id, size, head.span)
      else { return }
    }
  }

  public func meta(_ key: String) throws(CheckpointStoreError) -> [UInt8]? {
    defer { readingMeta.reset() }
    readingMeta.bind(1, key)
    return try readingMeta.step() ? readingMeta.withBytes(0) { [UInt8](copying: $0) } : nil
  }

  /// Takes the log into the file and closes both; only the file is left then. Without it the same
  /// happens when the owner lets go, but no error is heard.
  public consuming func close() throws(CheckpointStoreError) {
    try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
  }

  // MARK: Opening

  private static func configure(
    _ connection: borrowing SQLiteConnection
  ) throws(CheckpointStoreError) {
    // Exclusive before the log is first touched: its index is then in memory and not in a file.
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    // Only heard while the file is empty.
    try connection.execute("PRAGMA page_size = 4096")
    try connection.execute("PRAGMA journal_mode = WAL")
    try connection.execute("PRAGMA synchronous = FULL")
    try connection.execute("PRAGMA mmap_size = 0")
    try connection.execute("PRAGMA wal_autocheckpoint=512")
    // A large transaction leaves a large log, which is cut back to this when it is next reset.
    try connection.execute("PRAGMA journal_size_limit = 16777216")
    // 2 MiB: every block is read once and written once in a while, there is nothing to keep.
    try connection.execute("PRAGMA cache_size = -2048")
    try connection.execute("PRAGMA temp_store = MEMORY")
    try connection.execute("PRAGMA cell_size_check = ON")
    try connection.execute("PRAGMA trusted_schema = OFF")
  }

  private static func prepareTables(
    _ connection: borrowing SQLiteConnection
  ) throws(CheckpointStoreError) {
    let version = try connection.number("PRAGMA user_version") ?? 0
    let application = try connection.number("PRAGMA application_id") ?? 0
    let tables = try connection.number("SELECT count(*) FROM sqlite_schema") ?? 0
    if version == schemaVersion, application == applicationID { return }
    guard version == 0, application == 0, tables == 0 else {
      throw .damaged(
        detail: application == applicationID
          ? "version \(version) of the tables, where this program knows \(schemaVersion)"
          : "a SQLite file of another program")
    }
    try connection.execute("BEGIN IMMEDIATE")
    try connection.execute(
      "CREATE TABLE block (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")
    try connection.execute(
      "CREATE TABLE meta (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID")
    try connection.execute("PRAGMA application_id = 0x44796e53")
    try connection.execute("PRAGMA user_version = 1")
    try connection.execute("COMMIT")
  }
}
