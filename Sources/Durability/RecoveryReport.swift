/// What recovery found, and where the log goes on.
public struct RecoveryReport: Equatable, Sendable {
  /// A segment that holds entries beyond the checkpoint.
  public struct Segment: Equatable, Sendable {
    public let number: UInt64
    public let firstLSN: UInt64
    /// `firstLSN - 1` where it holds none.
    public var lastLSN: UInt64
    public var byteCount: Int
    /// The data key that its frames are sealed with.
    public var keyID: UInt32
  }

  /// A tail that was cut: it was never acknowledged.
  public struct Torn: Equatable, Sendable {
    /// The file's name.
    public let segment: String
    /// Where the first frame that is not whole began.
    public let offset: Int
    /// How much of the file, from there on, somebody had begun to write.
    public let bytes: Int
  }

  /// The number of the last entry; at least that of the checkpoint. The next one is one more.
  public var lastLSN: UInt64 = 0
  /// Entries that were handed on.
  public var entries = 0
  /// Bytes of the entries that were handed on.
  public var bytes = 0
  /// The greatest hybrid time of any entry that was read.
  public var hybridTimeMax: UInt64 = 0
  /// The greatest clock ceiling that was read; the clock starts beyond it.
  public var clockCeiling: UInt64 = 0
  public var torn: Torn?
  /// The segments that stay on the disk, in order.
  public var segments: [Segment] = []
  /// The number of the segment that the next writer makes first.
  public var nextSegment: UInt64 = 1

  /// A log that has never been written to.
  public init() {}
}

/// Why recovery refuses to start.
public enum RecoveryError: Error, Equatable, CustomStringConvertible {
  /// Entries that were acknowledged cannot be read: `offset` bytes into the file `segment`.
  case damaged(segment: String, offset: Int, detail: StaticString)
  case keyring(KeyringError)
  case disk(DiskError)

  /// The exit status for it, as in sysexits.h: 65 damaged data, 74 the disk, 78 the key.
  public var exitCode: Int32 {
    switch self {
    case .damaged: 65
    case .disk: 74
    case .keyring: 78
    }
  }

  public var description: String {
    switch self {
    case .damaged(let segment, let offset, let detail):
      """
      the log is damaged: \(segment), offset \(offset): \(detail). Acknowledged writes are behind \
      it, so nothing was changed; restore the file from a copy, or a snapshot into a new directory
      """
    case .keyring(let error): "\(error)"
    case .disk(let error): "the log cannot be read: \(error)"
    }
  }

  public static func == (left: RecoveryError, right: RecoveryError) -> Bool {
    switch (left, right) {
    case (
      .damaged(let segment, let offset, let detail),
      .damaged(let segment2, let offset2, let detail2)
    ):
      segment == segment2 && offset == offset2 && detail.description == detail2.description
    case (.keyring(let left), .keyring(let right)): left == right
    case (.disk(let left), .disk(let right)): left == right
    default: false
    }
  }
}
