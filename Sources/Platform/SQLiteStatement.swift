internal import CSQLite
internal import Durability

/// A prepared statement, finalised when its owner lets go of it.
@safe struct SQLiteStatement: ~Copyable {
  private let handle: OpaquePointer
  private let connection: OpaquePointer

  @unsafe init(_ handle: OpaquePointer, of connection: OpaquePointer) {
    unsafe self.handle = handle
    unsafe self.connection = connection
  }

  deinit { _ = unsafe sqlite3_finalize(handle) }

  func bind(_ position: Int32, _ number: Int64) {
    _ = unsafe sqlite3_bind_int64(handle, position, number)
  }

  func bind(_ position: Int32, _ text: String) {
    // The destructor -1 is SQLITE_TRANSIENT: SQLite copies the text.
    let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    _ = unsafe sqlite3_bind_text(handle, position, text, -1, copied)
  }

  /// Runs the statement to its end.
  func run() throws(CheckpointStoreError) {
    defer { reset() }
    while try step() {}
  }

  /// Runs the statement to its end with the bytes bound, which are not copied.
  func run(_ position: Int32, _ bytes: Span<UInt8>) throws(CheckpointStoreError) {
    try unsafe bytes.withUnsafeBytes { source throws(CheckpointStoreError) in
      if let start = source.baseAddress, source.count > 0 {
        // No destructor is SQLITE_STATIC: the bytes outlive the call.
        _ = unsafe sqlite3_bind_blob64(handle, position, start, UInt64(source.count), nil)
      } else {
        _ = unsafe sqlite3_bind_zeroblob(handle, position, 0)
      }
      defer { _ = unsafe sqlite3_bind_null(handle, position) }
      try run()
    }
  }

  /// Goes to the next row; false where there is none.
  func step() throws(CheckpointStoreError) -> Bool {
    switch unsafe sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw unsafe SQLiteConnection.error("sqlite3_step", of: connection)
    }
  }

  /// Makes the statement ready to run again. An error of the last run was thrown by `step`.
  func reset() { _ = unsafe sqlite3_reset(handle) }

  func number(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

  /// The bytes of a column of the row, valid during the call only.
  func withBytes<Result>(_ column: Int32, _ body: (Span<UInt8>) -> Result) -> Result {
    // The blob first, its length second: the order that SQLite asks for.
    let start = unsafe sqlite3_column_blob(handle, column)
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    let bytes = unsafe UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    return unsafe body(bytes.bindMemory(to: UInt8.self).span)
  }
}
