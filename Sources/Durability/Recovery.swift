import Bytes
public import Crypto

/// Brings back what was acknowledged: reads the log in order and hands every entry that the
/// checkpoint does not hold to the store.
///
/// The log ends at the first frame that is not whole. That is a torn tail, to be cut, where the
/// frame was never known to be durable; it is damage, and refused, where a segment or a frame
/// behind it says that it was. Cutting damage away would lose acknowledged writes silently
/// (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018).
public enum Recovery {
  /// Reads every entry after `appliedLSN`, in order, and leaves a directory in which a `LogWriter`
  /// starts a new segment. Holds one segment in memory at a time.
  ///
  /// What the last segment holds is written anew and made durable before this returns: after a
  /// failed sync the page cache may show bytes that are not on the disk, and a recovered segment
  /// must never be appended to, since its key and nonces are spent. A crash on the way changes
  /// nothing that the next recovery sees. An error leaves the log as it was; what was handed to
  /// `apply` until then is to be thrown away.
  public static func replay<D: Disk>(
    _ disk: D, keyring: Keyring, after appliedLSN: UInt64,
    random: RandomSource = SecureRandom.bytes, apply: (LogEntryView) -> Void
  ) throws(RecoveryError) -> RecoveryReport {
    do {
      let layout = try LogLayout(disk, after: appliedLSN)
      var scan = LogScan(appliedLSN: appliedLSN, nextLSN: layout.needed.first?.firstLSN)
      var bytes = ByteBuffer()
      for (index, header) in layout.needed.enumerated() {
        try readSegment(disk, header.number, into: &bytes)
        let successor =
          index + 1 < layout.needed.count ? layout.needed[index + 1].firstLSN : nil
        try scan.read(bytes.span, of: header, until: successor, keyring: keyring, apply: apply)
      }
      // First of all, since on a full disk their space is needed.
      try layout.removeOthers(from: disk)
      if let last = layout.needed.last {
        try renew(last, from: bytes.span, scan: &scan, on: disk, keyring: keyring, random: random)
        try disk.syncDirectory()
      }
      var report = scan.report
      report.lastLSN = max(report.lastLSN, appliedLSN)
      report.nextSegment = layout.nextSegment
      return report
    } catch let error as RecoveryError {
      throw error
    } catch let error as DiskError {
      throw .disk(error)
    } catch let error as KeyringError {
      throw .keyring(error)
    } catch { preconditionFailure("no other error is thrown here") }
  }

  private static func readSegment<D: Disk>(
    _ disk: D, _ number: UInt64, into bytes: inout ByteBuffer
  ) throws(DiskError) {
    bytes.clear()
    let file = try disk.open(LogSegment.name(number))
    let size = Int(clamping: try file.size())
    bytes.reserve(size)
    _ = try file.read(at: 0, count: size, into: &bytes)
  }

  /// Puts a fresh segment, of the frames that the checkpoint does not hold, in place of the last.
  private static func renew<D: Disk>(
    _ old: LogSegment, from bytes: Span<UInt8>, scan: inout LogScan, on disk: D,
    keyring: Keyring, random: RandomSource
  ) throws {
    let name = LogSegment.name(old.number)
    var fresh = ByteBuffer()
    guard
      let segment = try scan.rewrite(
        bytes, of: old, keyring: keyring, salt: random(LogSegment.saltBytes), into: &fresh)
    else {
      scan.report.segments.removeLast()
      try disk.remove(name)
      return
    }
    do {
      try AtomicFile.replace(disk, name, fresh.span)
      scan.report.segments[scan.report.segments.count - 1] = segment
    } catch {
      guard error.isOutOfSpace else { throw error }
      // The same bytes in the same place need no room and make the old segment durable too.
      let file = try disk.open(name)
      try file.write(bytes.extracting(0..<scan.wholeBytes), at: 0)
      try file.sync()
    }
  }
}
