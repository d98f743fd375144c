internal import CLinux
internal import Glibc

/// Why a small file could not be read whole or written.
public enum FileError: Error, Equatable, CustomStringConvertible {
  case tooLarge(path: String, limit: Int)
  case system(path: String, SystemError)

  public var description: String {
    switch self {
    case .tooLarge(let path, let limit): "\(path): larger than \(limit) bytes"
    case .system(let path, let error): "\(path): \(error)"
    }
  }

  /// Whether the file does not exist.
  public var isMissing: Bool { code == ENOENT }

  /// Whether a file of that name exists already.
  public var isTaken: Bool { code == EEXIST }

  private var code: Int32? {
    if case .system(_, let error) = self { return error.code }
    return nil
  }
}

extension Machine {
  /// All bytes of a file of at most `limit` bytes; also of a pipe or a file of /proc, whose length
  /// is not known before.
  public static func readWholeFile(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
    let raw = retryingInterrupts {
      unsafe clinux_open_at(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0)
    }
    guard raw >= 0 else { throw .system(path: path, .last("open")) }
    let file = Descriptor(owning: raw)
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = unsafe piece.withUnsafeMutableBytes { room in
        retryingInterrupts { unsafe read(file.raw, room.baseAddress, room.count) }
      }
      guard count >= 0 else { throw .system(path: path, .last("read")) }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else { throw .tooLarge(path: path, limit: limit) }
      bytes += piece[..<count]
    }
  }

  /// Makes a file that does not exist yet, with all its bytes, and has them on the disk before it
  /// returns. A file that could not be written whole is removed again.
  public static func writeNewFile(
    _ path: String, _ bytes: Span<UInt8>, mode: UInt32 = 0o600
  ) throws(FileError) {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let raw = retryingInterrupts { unsafe clinux_open_at(AT_FDCWD, path, flags, mode) }
    guard raw >= 0 else { throw .system(path: path, .last("open")) }
    let file = Descriptor(owning: raw)
    do throws(SystemError) {
      try writeAll(file.raw, bytes)
      guard fsync(file.raw) == 0 else { throw .last("fsync") }
    } catch {
      _ = unsafe unlink(path)
      throw .system(path: path, error)
    }
  }

  /// Makes a folder and those above it that are missing. Existing ones are left as they are.
  public static func makeDirectories(_ path: String, mode: UInt32 = 0o700) throws(FileError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/" + part
      if unsafe mkdir(made, mode) == 0 { continue }
      guard errno == EEXIST else { throw .system(path: made, .last("mkdir")) }
    }
    var status = stat()
    guard unsafe stat(path.isEmpty ? "." : path, &status) == 0 else {
      throw .system(path: path, .last("stat"))
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .system(path: path, SystemError(call: "mkdir", code: ENOTDIR))
    }
  }

  /// The path from the root on, of one that may start in the working directory.
  public static func absolutePath(_ path: String) -> String {
    guard !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
    defer { unsafe free(folder) }
    return unsafe String(cString: folder) + "/" + path
  }

  /// Writes to an open descriptor, such as the standard output. What cannot be written is lost.
  public static func write(_ bytes: Span<UInt8>, to descriptor: Int32) {
    try? writeAll(descriptor, bytes)
  }

  /// Writes all bytes where the descriptor stands, in as many calls as it takes.
  static func writeAll(_ descriptor: Int32, _ bytes: Span<UInt8>) throws(SystemError) {
    var offset = 0
    while offset < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { source in
        retryingInterrupts {
          unsafe Glibc.write(descriptor, source.baseAddress! + offset, source.count - offset)
        }
      }
      guard count > 0 else { throw .last("write") }
      offset += count
    }
  }
}
