import Bytes
import Store

/// All that a record says, as a value that a test can compare and print.
struct RecordImage: Hashable {
  var table: UInt32 = 1
  var key: [UInt8] = []
  /// nil for a tombstone.
  var value: [UInt8]?
  var version: UInt64 = 1
  var hybridTime: UInt64 = 1
  var sequence: UInt64 = 1
  var origin: UInt32 = 1
  var owner: UInt32 = 1

  var isTombstone: Bool { value == nil }
  var byteCount: Int { 40 + key.count + (value?.count ?? 0) }

  init(
    table: UInt32 = 1, key: [UInt8] = [], value: [UInt8]?, version: UInt64 = 1,
    hybridTime: UInt64 = 1, sequence: UInt64 = 1, origin: UInt32 = 1, owner: UInt32 = 1
  ) {
    self.table = table
    self.key = key
    self.value = value
    self.version = version
    self.hybridTime = hybridTime
    self.sequence = sequence
    self.origin = origin
    self.owner = owner
  }

  init(_ view: borrowing RecordView) {
    self.init(
      table: view.table.rawValue, key: [UInt8](copying: view.key),
      value: view.isTombstone ? nil : [UInt8](copying: view.value), version: view.version,
      hybridTime: view.hybridTime, sequence: view.sequence, origin: view.origin.rawValue,
      owner: view.owner.rawValue)
  }

  func record() -> Record {
    Record(
      table: TableID(rawValue: table), key: key.span, value: value?.span, version: version,
      hybridTime: hybridTime, sequence: sequence, origin: OriginID(rawValue: origin),
      owner: OwnerID(rawValue: owner))
  }

  // The order by which tests decide, written down a second time. Origin numbers run against
  // (node, boot), so that a comparison of numbers is found out.

  var stamp: Stamp {
    Stamp(
      hybridTime: hybridTime, node: 1000 - UInt64(origin / 2), boot: 10 - origin % 2,
      sequence: sequence)
  }

  static func originOrder(_ left: OriginID, _ right: OriginID) -> Bool {
    let left = RecordImage(value: nil, hybridTime: 0, sequence: 0, origin: left.rawValue)
    let right = RecordImage(value: nil, hybridTime: 0, sequence: 0, origin: right.rawValue)
    return left.stamp < right.stamp
  }

  static func ownerOrder(_ left: OwnerID, _ right: OwnerID) -> Bool {
    left.rawValue > right.rawValue
  }

  /// Whether this record gives way to `other`.
  func isBefore(_ other: RecordImage) -> Bool {
    if stamp != other.stamp { return stamp < other.stamp }
    if isTombstone != other.isTombstone { return other.isTombstone }
    if version != other.version { return version < other.version }
    if let value, let theirs = other.value, value != theirs {
      return value.lexicographicallyPrecedes(theirs)
    }
    return owner > other.owner
  }
}

extension Shard {
  mutating func apply(_ image: RecordImage, hash: UInt64) -> Applied {
    apply(
      image.record(), hash: hash, originOrder: RecordImage.originOrder,
      ownerOrder: RecordImage.ownerOrder)
  }

  func image(table: UInt32 = 1, key: [UInt8], hash: UInt64) -> RecordImage? {
    guard let view = record(table: TableID(rawValue: table), key: key.span, hash: hash) else {
      return nil
    }
    return RecordImage(view)
  }

  /// All records, in the order in which the shard visits them.
  func images() -> [RecordImage] {
    var images: [RecordImage] = []
    forEachRecord { images.append(RecordImage($0)) }
    return images
  }

  func images(inBlock block: UInt32) -> [RecordImage] {
    var images: [RecordImage] = []
    forEachRecord(inBlock: block) { images.append(RecordImage($0)) }
    return images
  }

  mutating func takenDirtyBlocks() -> [UInt32] {
    var blocks: [UInt32] = []
    takeDirtyBlocks(into: &blocks)
    return blocks
  }
}
