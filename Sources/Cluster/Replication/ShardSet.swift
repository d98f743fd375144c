import Store

/// A set of shards, a bit each.
struct ShardSet: Equatable, Sendable {
  private var words = [UInt64](repeating: 0, count: Shard.count / 64)
  private(set) var count = 0

  init() {}

  static var all: ShardSet {
    var set = ShardSet()
    set.words = [UInt64](repeating: .max, count: Shard.count / 64)
    set.count = Shard.count
    return set
  }

  var isEmpty: Bool { count == 0 }

  func contains(_ shard: Int) -> Bool { words[shard / 64] >> UInt64(shard % 64) & 1 == 1 }

  mutating func insert(_ shard: Int) {
    if contains(shard) { return }
    words[shard / 64] |= 1 << UInt64(shard % 64)
    count += 1
  }

  mutating func remove(_ shard: Int) {
    guard contains(shard) else { return }
    words[shard / 64] &= ~(1 << UInt64(shard % 64))
    count -= 1
  }

  /// The first shard from `shard` on; nil where there is none.
  func first(from shard: Int) -> Int? {
    var word = shard / 64
    guard word < words.count else { return nil }
    var bits = words[word] & (.max << UInt64(shard % 64))
    while bits == 0 {
      word += 1
      if word == words.count { return nil }
      bits = words[word]
    }
    return word * 64 + bits.trailingZeroBitCount
  }
}
