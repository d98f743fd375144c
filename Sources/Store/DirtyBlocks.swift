/// Which blocks of a shard have changed since they were last written to the checkpoint: a bit each.
struct DirtyBlocks {
  private var words: [UInt64] = []
  private let blockCount: Int

  init(blockCount: Int, allDirty: Bool) {
    self.blockCount = blockCount
    guard allDirty else { return }
    words = Array(repeating: .max, count: (blockCount + 63) / 64)
    if blockCount % 64 != 0 { words[words.count - 1] = 1 << UInt64(blockCount % 64) - 1 }
  }

  mutating func mark(_ block: Int) {
    precondition(block >= 0 && block < blockCount, "no such block")
    // A shard that never changes holds no memory for this.
    if words.isEmpty { words = Array(repeating: 0, count: (blockCount + 63) / 64) }
    words[block / 64] |= 1 << UInt64(block % 64)
  }

  /// Appends the dirty blocks in ascending order, and forgets them.
  mutating func take(into blocks: inout [UInt32]) {
    for index in words.indices {
      var word = words[index]
      while word != 0 {
        blocks.append(UInt32(index * 64 + word.trailingZeroBitCount))
        word &= word - 1
      }
      words[index] = 0
    }
  }
}
