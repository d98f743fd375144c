internal import Bytes
internal import CLinux
public import Durability
internal import Glibc

/// Who besides its owner may use a directory, after it was looked at.
public enum DirectoryAccess: Equatable, Sendable {
  /// Nobody.
  case closed
  /// Nobody any more: rights were taken away from it or its files.
  case tightened
  /// Others: it belongs to another user, who would have to take the rights away.
  case open(mode: UInt32)
}

extension FileDisk {
  /// Takes away what rights others have to the directory and to the plain files in it.
  ///
  /// A directory of the group 0 stays open to that group, and only to it: a container's volume is
  /// made so, for whatever user the container runs as. Its files are closed all the same.
  public func tighten() throws(DiskError) -> DirectoryAccess {
    var access = DirectoryAccess.closed
    for name in try names() {
      var status = stat()
      guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
        status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0
      else { continue }
      if unsafe fchmodat(descriptor, name, status.st_mode & 0o700, 0) == 0 { access = .tightened }
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw DiskError(call: "stat", name: ".", code: errno)
    }
    let forbidden: mode_t = status.st_gid == 0 ? 0o007 : 0o077
    guard status.st_mode & forbidden != 0 else { return access }
    if fchmod(descriptor, status.st_mode & 0o7777 & ~forbidden) == 0 { return .tightened }
    return .open(mode: status.st_mode & 0o777)
  }
}

extension Machine {
  /// From now on files and directories are made for their owner alone, whatever the caller's umask
  /// was: those that SQLite makes, too.
  public static func closeNewFiles() { _ = umask(0o077) }

  /// Whether a file can be read by every user of the machine.
  public static func isOpenToAll(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & 0o007 != 0
  }
}
