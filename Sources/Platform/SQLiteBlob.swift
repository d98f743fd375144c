internal import Bytes
internal import CSQLite
internal import Durability

/// A way to the bytes of one row at a time, of which a part can be read without the rest: a
/// statement would read a long row whole. It is closed when its owner lets go of it.
@safe struct SQLiteBlob: ~Copyable {
  private let handle: OpaquePointer
  private let connection: OpaquePointer

  @unsafe init(_ handle: OpaquePointer, of connection: OpaquePointer) {
    unsafe self.handle = handle
    unsafe self.connection = connection
  }

  deinit { _ = unsafe sqlite3_blob_close(handle) }

  var byteCount: Int { Int(unsafe sqlite3_blob_bytes(handle)) }

  /// Goes to another row of the same table, which is cheaper than to open it anew.
  func move(toRow row: Int64) throws(CheckpointStoreError) {
    guard unsafe sqlite3_blob_reopen(handle, row) == SQLITE_OK else {
      throw unsafe SQLiteConnection.error("sqlite3_blob_reopen", of: connection)
    }
  }

  /// The first `count` bytes of the row, which must have so many.
  func read(_ count: Int) throws(CheckpointStoreError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let code = unsafe bytes.withUnsafeMutableBytes {
      unsafe sqlite3_blob_read(handle, $0.baseAddress, Int32(count), 0)
    }
    guard code == SQLITE_OK else {
      throw unsafe SQLiteConnection.error("sqlite3_blob_read", of: connection)
    }
    return bytes
  }
}
