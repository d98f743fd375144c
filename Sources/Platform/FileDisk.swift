internal import CLinux
public import Durability
internal import Glibc

/// A directory of the machine's file system.
///
/// It is held open: names are resolved in it whatever becomes of the path it was opened by.
public final class FileDisk: Disk {
  private let directory: Descriptor
  var descriptor: Int32 { directory.raw }

  /// Opens a directory that exists.
  public init(path: String) throws(DiskError) {
    directory = try Self.open(path, in: AT_FDCWD, O_RDONLY | O_DIRECTORY)
  }

  public func names() throws(DiskError) -> [String] {
    // Read through a descriptor of its own: the directory's position is not shared by threads.
    let copy = try Self.open(".", in: directory.raw, O_RDONLY | O_DIRECTORY).release()
    guard let stream = unsafe fdopendir(copy) else {
      let error = DiskError(call: "fdopendir", name: ".", code: errno)
      _ = close(copy)
      throw error
    }
    defer { unsafe closedir(stream) }

    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        guard errno == 0 else { throw DiskError(call: "readdir", name: ".", code: errno) }
        break
      }
      // A name that is not UTF-8 is none of ours, and could not be opened by its String.
      let bytes = unsafe UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
      let text = unsafe bytes.assumingMemoryBound(to: CChar.self)
      guard let name = unsafe String(validatingCString: text) else { continue }
      if try unsafe isPlainFile(name, type: entry.pointee.d_type) { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  public func open(_ name: String) throws(DiskError) -> OpenFile {
    OpenFile(try Self.open(name, in: directory.raw, O_RDWR | O_NOFOLLOW), name: name)
  }

  public func create(_ name: String) throws(DiskError) -> OpenFile {
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
    return OpenFile(try Self.open(name, in: directory.raw, flags), name: name)
  }

  public func rename(_ name: String, to new: String) throws(DiskError) {
    guard unsafe renameat(directory.raw, name, directory.raw, new) == 0 else {
      throw DiskError(call: "rename", name: name, code: errno)
    }
  }

  public func remove(_ name: String) throws(DiskError) {
    guard unsafe unlinkat(directory.raw, name, 0) == 0 else {
      throw DiskError(call: "unlink", name: name, code: errno)
    }
  }

  public func syncDirectory() throws(DiskError) {
    guard fsync(directory.raw) == 0 else {
      throw DiskError(call: "fsync", name: ".", code: errno)
    }
  }

  public func freeBytes() throws(DiskError) -> (free: UInt64, total: UInt64) {
    var status = statvfs()
    guard retryingInterrupts({ unsafe fstatvfs(directory.raw, &status) }) == 0 else {
      throw DiskError(call: "statvfs", name: ".", code: errno)
    }
    let block = UInt64(status.f_frsize)
    return (UInt64(status.f_bavail) * block, UInt64(status.f_blocks) * block)
  }

  private func isPlainFile(_ name: String, type: UInt8) throws(DiskError) -> Bool {
    if type != DT_UNKNOWN { return type == DT_REG }
    var status = stat()
    guard unsafe fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      // Removed since it was listed.
      if errno == ENOENT { return false }
      throw DiskError(call: "stat", name: name, code: errno)
    }
    return status.st_mode & S_IFMT == S_IFREG
  }

  private static func open(
    _ name: String, in folder: Int32, _ flags: Int32
  ) throws(DiskError) -> Descriptor {
    let raw = retryingInterrupts { unsafe clinux_open_at(folder, name, flags | O_CLOEXEC, 0o600) }
    guard raw >= 0 else { throw DiskError(call: "open", name: name, code: errno) }
    return Descriptor(owning: raw)
  }
}
