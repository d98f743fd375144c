import Bytes

/// Small files that are replaced as a whole: after a crash there is the old content or the new.
public enum AtomicFile {
  /// What the name of an unfinished file ends with. Whoever starts next may remove it.
  public static let temporarySuffix = ".tmp"

  /// Writes `bytes` beside the file, makes them durable, and puts them in the file's place. Durable
  /// once it returns. Where there is no room the old content stays.
  public static func replace<D: Disk>(
    _ disk: D, _ name: String, _ bytes: Span<UInt8>
  ) throws(DiskError) {
    let temporary = name + temporarySuffix
    do {
      let file = try createAnew(disk, temporary)
      try file.write(bytes, at: 0)
      try file.sync()
    } catch {
      if error.isOutOfSpace { try? disk.remove(temporary) }
      throw error
    }
    try disk.rename(temporary, to: name)
    try disk.syncDirectory()
  }

  /// The whole content; nil where there is no such file.
  public static func read<D: Disk>(_ disk: D, _ name: String) throws(DiskError) -> [UInt8]? {
    let file: D.File
    do { file = try disk.open(name) } catch {
      if error.isMissing { return nil }
      throw error
    }
    var bytes = ByteBuffer()
    _ = try file.read(at: 0, count: Int(clamping: try file.size()), into: &bytes)
    return bytes.copied()
  }

  /// A new, empty file, also where an earlier run left one of that name unfinished.
  static func createAnew<D: Disk>(_ disk: D, _ name: String) throws(DiskError) -> D.File {
    do { return try disk.create(name) } catch {
      guard error.code == DiskError.exists else { throw error }
      try disk.remove(name)
      return try disk.create(name)
    }
  }
}
