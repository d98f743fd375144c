internal import CLinux
internal import CSQLite
internal import Durability
internal import Glibc

/// The connection to a SQLite file, closed when its owner lets go of it.
@safe struct SQLiteConnection: ~Copyable {
  private let handle: OpaquePointer

  /// Opens a file, or makes it (mode 600; the log beside it takes over the mode).
  static func open(_ path: String) throws(CheckpointStoreError) -> SQLiteConnection {
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
    let file = retryingInterrupts { unsafe clinux_open_at(AT_FDCWD, path, flags, 0o600) }
    guard file >= 0 else {
      let code = errno
      throw code == ENOSPC || code == EDQUOT
        ? .outOfSpace
        : .failed(call: "open", code: code, detail: "\(path): \(SystemError.text(of: code))")
    }
    _ = close(file)

    var opened: OpaquePointer?
    // One thread at a time uses it: no lock of its own.
    let mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW
    let code = unsafe sqlite3_open_v2(path, &opened, mode, nil)
    guard let opened = unsafe opened else {
      throw .failed(call: "sqlite3_open", code: code, detail: "out of memory")
    }
    let connection = unsafe SQLiteConnection(opened)
    if code != SQLITE_OK { throw connection.error("sqlite3_open") }
    _ = unsafe sqlite3_extended_result_codes(opened, 1)
    return connection
  }

  @unsafe private init(_ handle: OpaquePointer) { unsafe self.handle = handle }

  // The second version waits for statements that are finalised later. The last connection takes
  // the log into the file and removes it.
  deinit { _ = unsafe sqlite3_close_v2(handle) }

  /// Prepares one statement of SQL that is part of the program.
  func prepare(_ sql: StaticString) throws(CheckpointStoreError) -> SQLiteStatement {
    var prepared: OpaquePointer?
    let text = unsafe UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
    let code = unsafe sqlite3_prepare_v3(
      handle, text, Int32(sql.utf8CodeUnitCount), UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let prepared = unsafe prepared else {
      throw error("sqlite3_prepare")
    }
    return unsafe SQLiteStatement(prepared, of: handle)
  }

  /// Runs one statement.
  func execute(_ sql: StaticString) throws(CheckpointStoreError) {
    let statement = try prepare(sql)
    try statement.run()
  }

  /// Runs one statement for the number in the first column of its first row.
  func number(_ sql: StaticString) throws(CheckpointStoreError) -> Int64? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.number(0) : nil
  }

  /// The bytes of one block, to be read in part.
  func openBlob(row: Int64) throws(CheckpointStoreError) -> SQLiteBlob {
    var opened: OpaquePointer?
    let code = unsafe sqlite3_blob_open(handle, "main", "block", "bytes", row, 0, &opened)
    guard code == SQLITE_OK, let opened = unsafe opened else { throw error("sqlite3_blob_open") }
    return unsafe SQLiteBlob(opened, of: handle)
  }

  /// Whether a transaction is open.
  var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

  private func error(_ call: StaticString) -> CheckpointStoreError {
    unsafe SQLiteConnection.error(call, of: handle)
  }

  /// What the last call on a connection failed with.
  @unsafe static func error(
    _ call: StaticString, of handle: OpaquePointer
  ) -> CheckpointStoreError {
    let code = unsafe sqlite3_extended_errcode(handle)
    let systemCode = unsafe sqlite3_system_errno(handle)
    let text = unsafe String(cString: sqlite3_errmsg(handle))
    switch code & 0xff {
    case SQLITE_FULL: return .outOfSpace
    // A full quota is no SQLITE_FULL. Only of a write: what a failed sync lost is not known.
    case SQLITE_IOERR where code == SQLITE_IOERR | 3 << 8 && isOutOfSpace(systemCode):
      return .outOfSpace
    case SQLITE_CORRUPT, SQLITE_NOTADB: return .damaged(detail: text)
    case SQLITE_IOERR, SQLITE_CANTOPEN:
      let reason = systemCode == 0 ? "" : " (\(SystemError.text(of: systemCode)))"
      return .failed(call: call, code: code, detail: text + reason)
    default: return .failed(call: call, code: code, detail: text)
    }
  }

  private static func isOutOfSpace(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT }
}
