/// How a write compares with the stored record of its key.
enum RecordOrder {
  /// Whether `write` has the smaller stamp, the same or the greater one.
  enum ByStamp { case before, same, after }

  /// The order of stamps: hybrid time, then origin, then sequence. The origins' order is known to
  /// the caller alone, and is asked for where times are equal and origins differ.
  static func byStamp(
    _ write: borrowing RecordView, _ stored: borrowing RecordView,
    originOrder: (OriginID, OriginID) -> Bool
  ) -> ByStamp {
    if write.hybridTime != stored.hybridTime {
      return write.hybridTime < stored.hybridTime ? .before : .after
    }
    if write.origin != stored.origin {
      return originOrder(write.origin, stored.origin) ? .before : .after
    }
    if write.sequence != stored.sequence {
      return write.sequence < stored.sequence ? .before : .after
    }
    return .same
  }

  /// The order of records that carry the same stamp, by what they say: tombstone, version, value,
  /// owner. It exists so that replicas agree even then; equal records are neither before nor after.
  static func byContent(
    _ write: borrowing RecordView, _ stored: borrowing RecordView,
    ownerOrder: (OwnerID, OwnerID) -> Bool
  ) -> ByStamp {
    if write.isTombstone != stored.isTombstone { return stored.isTombstone ? .before : .after }
    if write.version != stored.version {
      return write.version < stored.version ? .before : .after
    }
    let values = compareValues(write, stored)
    if values != 0 { return values < 0 ? .before : .after }
    if write.owner != stored.owner {
      return ownerOrder(write.owner, stored.owner) ? .before : .after
    }
    return .same
  }

  private static func compareValues(
    _ left: borrowing RecordView, _ right: borrowing RecordView
  ) -> Int {
    let (left, right) = (left.value, right.value)
    let limit = min(left.count, right.count)
    for index in 0..<limit where left[index] != right[index] {
      return Int(left[index]) - Int(right[index])
    }
    return left.count - right.count
  }
}
