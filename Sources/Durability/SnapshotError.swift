/// Why a snapshot cannot be written or read.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
  /// The file does not begin like a snapshot, or its head has changed.
  case notASnapshot(String)
  /// The snapshot was made with another encryption key.
  case wrongKey(String)
  /// A chunk of 64 KiB, counted from 0, is not what was written there: changed, moved, or missing.
  case damaged(String, chunk: Int)
  /// Every byte is genuine, and yet it is not a document that this version reads.
  case unreadable(String)
  case disk(DiskError)

  /// Whether there was no room for it, and may be later.
  public var isOutOfSpace: Bool {
    if case .disk(let error) = self { error.isOutOfSpace } else { false }
  }

  public var description: String {
    switch self {
    case .notASnapshot(let name): "\(name) is no snapshot, or its first bytes are damaged"
    case .wrongKey(let name):
      """
      \(name) was made with another encryption key; give that key \
      (DYNA_ENCRYPTION_KEY_FILE, or a build that embeds it)
      """
    case .damaged(let name, let chunk): "\(name) is damaged in chunk \(chunk); use another snapshot"
    case .unreadable(let name): "\(name) was written by a version that this one does not know"
    case .disk(let error): "the snapshot: \(error)"
    }
  }
}
