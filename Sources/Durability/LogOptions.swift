/// The sizes of the log, in bytes.
public struct LogOptions: Sendable {
  /// A segment as it is made where there is plenty of room. 8 MiB: at most 16 MiB of the disk are
  /// reserved ahead, and a recovery rewrites at most one.
  public var segmentBytes = 8 << 20

  /// No segment is made smaller than this (or `segmentBytes`, where that is less), however little
  /// room there is: 256 KiB, some hundreds of ordinary writes.
  public var segmentBytesMin = 256 << 10

  /// The longest entry that is ever committed: a value of 1 MiB, its names and its key. Where there
  /// is room a segment holds it.
  public var entryBytesMax = 1 << 20 | namesBytesMax

  /// Entries that one frame holds, unless a single one is longer: 256 KiB. It bounds the memory of
  /// the writer and of the reader.
  public var frameBodyBytesMax = 256 << 10

  /// Zeros that one step of preparation writes: 256 KiB, less than a millisecond of most disks.
  public var preparationBytes = 256 << 10

  /// How many segments that the checkpoint has made superfluous are kept to be used again.
  public var recycledMax = 2

  /// What names, key and numbers add to a value at most.
  private static let namesBytesMax = 8 << 10

  public init(segmentBytes: Int = 8 << 20) {
    precondition(segmentBytes >= 4 << 10, "a log segment has at least 4 KiB")
    self.segmentBytes = segmentBytes
  }

  /// A log whose values have up to `valueBytesMax` bytes.
  public init(valueBytesMax: Int) {
    entryBytesMax = max(entryBytesMax, valueBytesMax + Self.namesBytesMax)
    // Whole mebibytes, and one for the heads of segment and frame.
    segmentBytes = max(segmentBytes, ((entryBytesMax - 1) >> 20 + 2) << 20)
  }

  /// The size of the next segment: an eighth of what is free at most, in whole pages.
  func segmentBytes(free: UInt64) -> Int {
    let eighth = Int(clamping: free / 8) & ~4095
    return min(segmentBytes, max(segmentBytesMin, eighth))
  }
}
