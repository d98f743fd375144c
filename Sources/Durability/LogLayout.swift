import Bytes

/// The files of a log, told apart before any frame is read: segments that recovery needs, and files
/// that it does not.
struct LogLayout {
  /// The segments with entries that the checkpoint may not hold, in order, without gaps between
  /// their numbers of entries as far as heads can tell.
  private(set) var needed: [LogSegment] = []
  /// Spare segments, those that the checkpoint covers, and what a crash left half made.
  private var others: [String] = []
  private(set) var nextSegment: UInt64 = 1

  init<D: Disk>(_ disk: D, after appliedLSN: UInt64) throws {
    var unused: [UInt64] = []
    for name in try disk.names() {
      guard let number = LogSegment.number(of: name) else {
        if LogSegment.isTemporary(name) { others.append(name) }
        continue
      }
      nextSegment = number + 1
      guard let header = try Self.header(disk, number) else {
        unused.append(number)
        continue
      }
      // Everything before this segment is in the checkpoint.
      if header.firstLSN <= appliedLSN + 1 {
        others += needed.map { LogSegment.name($0.number) }
        needed = []
        others += unused.map(LogSegment.name)
        unused = []
      }
      try Self.refuse(unused.first, before: header)
      needed.append(header)
    }
    others += unused.map(LogSegment.name)
    if let first = needed.first, first.firstLSN > appliedLSN + 1 {
      throw RecoveryError.damaged(
        segment: LogSegment.name(first.number), offset: 0,
        detail: "entries between the checkpoint and this segment are missing")
    }
  }

  private static func header<D: Disk>(_ disk: D, _ number: UInt64) throws -> LogSegment? {
    var bytes = ByteBuffer()
    _ = try disk.open(LogSegment.name(number))
      .read(at: 0, count: LogSegment.framesOffset, into: &bytes)
    return LogSegment.decode(bytes.span, number: number)
  }

  /// A file without a head is a spare one only where no segment in use follows it.
  private static func refuse(_ unused: UInt64?, before next: LogSegment) throws {
    guard let unused else { return }
    throw RecoveryError.damaged(
      segment: LogSegment.name(unused), offset: 0, detail: "the head of the segment is not whole")
  }

  /// Removes the files that are not needed, durably.
  func removeOthers<D: Disk>(from disk: D) throws {
    for name in others { try disk.remove(name) }
    try disk.syncDirectory()
  }
}
