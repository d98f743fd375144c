/// The table of blocks that a checkpoint is kept in: SQLite in Platform, an array in tests.
///
/// One thread uses it. Changes are made between `begin` and `commit`, and a crash leaves either
/// all or none of them. A block is opaque here: `CheckpointSealer` makes it, `CheckpointOpener`
/// reads it.
public protocol CheckpointStore: ~Copyable {
  mutating func begin() throws(CheckpointStoreError)

  /// Makes `block` the row with this number, whether or not there was one.
  mutating func replaceBlock(_ id: Int64, _ block: Span<UInt8>) throws(CheckpointStoreError)

  /// Removes the row; nothing happens where there is none.
  mutating func deleteBlock(_ id: Int64) throws(CheckpointStoreError)

  /// Keeps a small value beside the blocks, in the same transaction.
  mutating func setMeta(_ key: String, _ value: Span<UInt8>) throws(CheckpointStoreError)

  /// Durable once it returns.
  mutating func commit() throws(CheckpointStoreError)

  /// Undoes everything since `begin`; for the way out of an error.
  mutating func rollback() throws(CheckpointStoreError)

  /// Calls `body` with every row, in the order of their numbers, until it returns false. The bytes
  /// are valid during the call only.
  mutating func forEachBlock(
    _ body: (_ id: Int64, _ block: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError)

  /// Calls `body` with the numbers of the rows in a range, in their order, with how many bytes each
  /// has and the first `count` of them, until it returns false. Reads little more than that.
  mutating func forEachHead(
    _ ids: ClosedRange<Int64>, bytes count: Int,
    _ body: (_ id: Int64, _ byteCount: Int, _ head: Span<UInt8>) -> Bool
  ) throws(CheckpointStoreError)

  /// The value kept under `key`, nil where there is none.
  mutating func meta(_ key: String) throws(CheckpointStoreError) -> [UInt8]?
}

/// Why a `CheckpointStore` could not do what it was asked.
public enum CheckpointStoreError: Error, Equatable {
  /// The disk is full. After `rollback` the store is as it was, and there may be room later.
  case outOfSpace
  /// The file holds nonsense: `detail` says what its reader found.
  case damaged(detail: String)
  /// Anything else that the disk or the database reported. It is never tried again.
  case failed(call: StaticString, code: Int32, detail: String)

  public static func == (left: CheckpointStoreError, right: CheckpointStoreError) -> Bool {
    switch (left, right) {
    case (.outOfSpace, .outOfSpace): true
    case (.damaged(let left), .damaged(let right)): left == right
    case (.failed(let call, let code, let detail), .failed(let call2, let code2, let detail2)):
      call.description == call2.description && code == code2 && detail == detail2
    default: false
    }
  }
}
