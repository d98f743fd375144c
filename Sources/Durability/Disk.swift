public import Bytes

/// One directory of files that must survive a crash: real in Platform, simulated in Simulation.
///
/// Calls are synchronous. Nothing is durable before the `sync` of the file and, for a name that
/// was made, renamed or removed, before `syncDirectory`.
public protocol Disk: Sendable {
  associatedtype File: DiskFile

  /// The names of the plain files in the directory, sorted by their bytes.
  func names() throws(DiskError) -> [String]

  /// Opens a file that exists, for reading and writing.
  func open(_ name: String) throws(DiskError) -> File

  /// Makes a new and empty file (mode 600) and opens it. Fails with EEXIST where the name is taken.
  func create(_ name: String) throws(DiskError) -> File

  /// Gives a file a new name, in one step; a file of that name is replaced.
  func rename(_ name: String, to new: String) throws(DiskError)

  func remove(_ name: String) throws(DiskError)

  /// Makes the names of the directory durable.
  func syncDirectory() throws(DiskError)

  /// Bytes that this process may still write, and bytes the file system has in all.
  func freeBytes() throws(DiskError) -> (free: UInt64, total: UInt64)
}

/// An open file, used by one thread at a time. It closes itself when it is let go.
public protocol DiskFile: AnyObject, Sendable {
  /// The length in bytes.
  func size() throws(DiskError) -> UInt64

  /// Appends up to `count` bytes from `offset` on to `into`; fewer only at the end of the file.
  /// Returns how many there were.
  func read(at offset: UInt64, count: Int, into: inout ByteBuffer) throws(DiskError) -> Int

  /// Writes all the bytes at `offset`; the file grows where needed.
  func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(DiskError)

  func truncate(to size: UInt64) throws(DiskError)

  /// Makes what was written and the length durable (fdatasync). After an error nothing may be
  /// assumed about any byte written since the sync before: the call is never tried again.
  func sync() throws(DiskError)
}
