// Room that is kept for getting out of a full disk.

import Bytes
import Durability
import Platform

/// A file of nothing: given up when the disk is full, so that a start can count itself and a
/// checkpoint can empty the log, and made again when there is room.
struct Reserve: Sendable {
  private let disk: FileDisk
  private static let name = "reserve"
  /// Enough for one transaction of the checkpoint on a small disk; nothing on a large one.
  private static let bytesMax: UInt64 = 2 << 20
  private static let diskShare: UInt64 = 32

  init(disk: FileDisk) { self.disk = disk }

  func release() { try? disk.remove(Self.name) }

  /// Makes the file where there is none and it leaves as much room as it takes. A disk that has no
  /// room for it is no error.
  func restore() {
    do throws(DiskError) {
      let (free, total) = try disk.freeBytes()
      let bytes = min(Self.bytesMax, total / Self.diskShare)
      if free < bytes * 2 { return }
      if try disk.names().contains(Self.name) { return }
      let file = try disk.create(Self.name)
      let zeros = [UInt8](repeating: 0, count: Int(bytes))
      try file.write(zeros.span, at: 0)
    } catch {
      release()
    }
  }
}
