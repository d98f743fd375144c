/// Why the log could not be written.
public enum LogError: Error, Equatable, CustomStringConvertible {
  /// There was no room for a segment that a commit needed at once. Entries before the one that did
  /// not fit may be written. A caller that keeps to `bytesAvailable` never sees it.
  case outOfSpace
  /// A write, a sync or a rename failed. What is on disk is unknown from here on, so the process
  /// ends and the next start finds out; nothing is tried again.
  case disk(DiskError)

  public var description: String {
    switch self {
    case .outOfSpace: "no room on the disk for the log"
    case .disk(let error): "the log cannot be written: \(error)"
    }
  }
}
