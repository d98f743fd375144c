internal import Bytes
internal import CLinux
internal import Glibc

/// The right to use a data directory, which one process has at a time.
///
/// It is flock(2) on a file named `lock`, which the kernel releases when the process ends, however
/// it ends. The file stays, and holds the number of the process for whoever is refused.
public struct DirectoryLock: ~Copyable, Sendable {
  private let file: Descriptor

  /// The file in the directory that is locked.
  public static let fileName = "lock"

  /// Takes the right, or throws at once.
  public init(directory: String) throws(DirectoryLockError) {
    let path = directory + "/" + DirectoryLock.fileName
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
    let raw = retryingInterrupts { unsafe clinux_open_at(AT_FDCWD, path, flags, 0o600) }
    guard raw >= 0 else { throw .system(path: path, .last("open")) }
    let file = Descriptor(owning: raw)
    guard retryingInterrupts({ flock(file.raw, LOCK_EX | LOCK_NB) }) == 0 else {
      guard errno == EWOULDBLOCK else { throw .system(path: path, .last("flock")) }
      throw .held(directory: directory, by: DirectoryLock.holder(path))
    }
    // The number only helps people; a full disk must not keep a node from reading its data.
    _ = ftruncate(file.raw, 0)
    try? Machine.writeAll(file.raw, Array("\(getpid())\n".utf8).span)
    self.file = file
  }

  /// Whether another process has the right. A directory that cannot be locked at all is not in use.
  public static func isHeld(directory: String) -> Bool {
    do throws(DirectoryLockError) {
      _ = try DirectoryLock(directory: directory)
      return false
    } catch {
      if case .held = error { return true }
      return false
    }
  }

  private static func holder(_ path: String) -> Int32? {
    guard let bytes = try? Machine.readWholeFile(path, limit: 32) else { return nil }
    return Int32(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self))
  }
}

/// Why a data directory cannot be used.
public enum DirectoryLockError: Error, Equatable, CustomStringConvertible {
  /// Another process (of that number, where it is known) uses it.
  case held(directory: String, by: Int32?)
  case system(path: String, SystemError)

  public var description: String {
    switch self {
    case .held(let directory, let process):
      "the data directory \(directory) is in use by another process"
        + (process.map { " (process \($0))" } ?? "")
    case .system(let path, let error): "\(path): \(error)"
    }
  }
}
