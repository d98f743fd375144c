import Store

/// A shard as a dictionary: what the real one is compared with.
struct NaiveStore {
  struct Place: Hashable {
    let table: UInt32
    let key: [UInt8]
  }

  private(set) var records: [Place: RecordImage] = [:]
  private(set) var hashes: [Place: UInt64] = [:]

  /// What `Shard.apply` has to answer.
  mutating func apply(_ write: RecordImage, hash: UInt64) -> Applied.Outcome {
    let place = Place(table: write.table, key: write.key)
    hashes[place] = hash
    guard let stored = records[place] else {
      records[place] = write
      return .stored
    }
    if write == stored { return .ignored }
    if stored.isBefore(write) { records[place] = write }
    if write.stamp == stored.stamp { return .conflictingTwin }
    return stored.isBefore(write) ? .stored : .ignored
  }

  mutating func collectTombstones(olderThan time: UInt64) -> [RecordImage] {
    let old = records.filter { $0.value.isTombstone && $0.value.hybridTime < time }
    for place in old.keys { records[place] = nil }
    return Array(old.values)
  }

  func hash(of image: RecordImage) -> UInt64 {
    hashes[Place(table: image.table, key: image.key)]!
  }

  var liveCount: Int { records.values.count { !$0.isTombstone } }
  var tombstoneCount: Int { records.count - liveCount }
  var byteCount: Int { records.values.reduce(0) { $0 + $1.byteCount } }
}
