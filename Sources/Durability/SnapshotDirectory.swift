/// The snapshots in a directory, told by their names: `snapshot_<milliseconds>.json.enc`.
public enum SnapshotDirectory {
  private static let prefix = "snapshot_"
  private static let suffix = ".json.enc"

  /// The name of the snapshot begun at that time, in milliseconds since 1970.
  public static func name(milliseconds: UInt64) -> String { prefix + String(milliseconds) + suffix }

  /// The time in a name; nil where it is no snapshot's.
  public static func milliseconds(ofName name: String) -> UInt64? {
    guard name.hasPrefix(prefix), name.hasSuffix(suffix),
      name.utf8.count > prefix.utf8.count + suffix.utf8.count,
      let time = UInt64(name.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)),
      Self.name(milliseconds: time) == name
    else { return nil }
    return time
  }

  /// The names of all finished snapshots, the oldest first.
  public static func list<D: Disk>(_ disk: D) throws(DiskError) -> [String] {
    var times: [UInt64] = []
    for name in try disk.names() {
      if let time = milliseconds(ofName: name) { times.append(time) }
    }
    times.sort()
    return times.map(name(milliseconds:))
  }

  /// Removes the oldest until at most `limit` (at least 1) are left; returns the removed names.
  @discardableResult
  public static func removeOldest<D: Disk>(
    _ disk: D, keeping limit: Int
  ) throws(DiskError) -> [String] {
    let removed = Array(try list(disk).dropLast(max(1, limit)))
    for name in removed { try disk.remove(name) }
    if !removed.isEmpty { try disk.syncDirectory() }
    return removed
  }

  /// Removes what a crash left unfinished.
  static func removeUnfinished<D: Disk>(_ disk: D) throws(DiskError) {
    for name in try disk.names()
    where name.hasPrefix(prefix) && name.hasSuffix(AtomicFile.temporarySuffix) {
      try disk.remove(name)
    }
  }
}
