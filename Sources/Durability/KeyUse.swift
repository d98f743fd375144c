import Bytes

/// What the data keys of a directory are still needed for, counted from the files themselves.
public struct KeyUse: Equatable, Sendable {
  /// What refers to one key.
  public struct Count: Equatable, Sendable {
    public let keyID: UInt32
    public internal(set) var segments = 0
    public internal(set) var blocks = 0
    public internal(set) var snapshots = 0
  }

  /// The keys that something refers to, in the order in which they were found.
  public private(set) var counts: [Count] = []

  public init() {}

  public subscript(keyID: UInt32) -> Count {
    counts.first { $0.keyID == keyID } ?? Count(keyID: keyID)
  }

  public func refers(to keyID: UInt32) -> Bool { counts.contains { $0.keyID == keyID } }

  /// Counts the segments of a log: every file whose head is its own, whether it is needed or may
  /// be used again. A start may read each of them.
  public mutating func countLog<D: Disk>(_ disk: D) throws(DiskError) {
    for name in try disk.names() {
      guard let number = LogSegment.number(of: name),
        let bytes = try Self.beginning(of: name, on: disk, LogSegment.framesOffset),
        let head = LogSegment.decode(bytes.span, number: number)
      else { continue }
      change(head.keyID) { $0.segments += 1 }
    }
  }

  /// Counts the snapshots of a directory.
  public mutating func countSnapshots<D: Disk>(_ disk: D) throws(DiskError) {
    for name in try SnapshotDirectory.list(disk) {
      guard let bytes = try Self.beginning(of: name, on: disk, SnapshotFile.headerBytes),
        let head = SnapshotFile.decode(bytes.span)
      else { continue }
      change(head.key.keyID) { $0.snapshots += 1 }
    }
  }

  /// Counts a block of the checkpoint by the bytes that it begins with.
  ///
  /// - Returns: false where they are not those of a block.
  @discardableResult
  public mutating func countBlock(_ head: Span<UInt8>) -> Bool {
    guard let keyID = CheckpointBlock.keyID(ofHead: head) else { return false }
    change(keyID) { $0.blocks += 1 }
    return true
  }

  /// The first bytes of a file; nil where it was removed since it was listed.
  private static func beginning<D: Disk>(
    of name: String, on disk: D, _ count: Int
  ) throws(DiskError) -> [UInt8]? {
    var bytes = ByteBuffer()
    do throws(DiskError) {
      _ = try disk.open(name).read(at: 0, count: count, into: &bytes)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
    return bytes.copied()
  }

  private mutating func change(_ keyID: UInt32, _ body: (inout Count) -> Void) {
    var count = self[keyID]
    body(&count)
    if let place = counts.firstIndex(where: { $0.keyID == keyID }) {
      counts[place] = count
    } else {
      counts.append(count)
    }
  }
}
