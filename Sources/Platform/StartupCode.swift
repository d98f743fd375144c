internal import CLinux
internal import Glibc

extension Machine {
  /// Lets go of the pages of program files that only the start needed.
  ///
  /// The kernel maps files in runs of pages around each fault, and a start touches much that is
  /// never used again: linking, the set-up of OpenSSL and SQLite, recovery. A mapping that may not
  /// be written to and has no changed page is the same as its file, so its pages can be dropped;
  /// those that are needed come back from the page cache. It takes some 6 MiB off the resident size.
  public static func releaseStartupCode() {
    guard let text = try? readWholeFile("/proc/self/smaps", limit: 4 << 20) else { return }
    var mapping: (start: UInt, end: UInt)?
    var isCode = false
    for line in text.split(separator: 0x0a) {
      let fields = line.split(separator: 0x20, omittingEmptySubsequences: true)
      if fields.count >= 5, let found = bounds(fields[0]) {
        // start-end permissions offset device inode path
        let isOfFile = fields.count >= 6 && fields[5].first == 0x2f
        isCode = fields[1].elementsEqual("r-xp".utf8)
        mapping = isOfFile && (isCode || fields[1].elementsEqual("r--p".utf8)) ? found : nil
      } else if let found = mapping, fields.count == 3,
        fields[0].elementsEqual("Private_Dirty:".utf8)
      {
        mapping = nil
        // Constants may have been filled in by the linker; code never is.
        guard isCode || fields[1].elementsEqual("0".utf8) else { continue }
        let start = unsafe UnsafeMutableRawPointer(bitPattern: found.start)
        _ = unsafe madvise(start, Int(found.end - found.start), MADV_DONTNEED)
      }
    }
  }

  /// The ends of a mapping, from `7f00-7f10`.
  private static func bounds(_ text: ArraySlice<UInt8>) -> (start: UInt, end: UInt)? {
    let parts = text.split(separator: 0x2d)
    guard parts.count == 2,
      let start = UInt(String(decoding: parts[0], as: UTF8.self), radix: 16),
      let end = UInt(String(decoding: parts[1], as: UTF8.self), radix: 16), start < end
    else { return nil }
    return (start, end)
  }
}
