import Bytes
import Store
import Testing

@Suite("KeyBatch") struct KeyBatchTests {
  private func index(of keys: [[UInt8]]) -> KeyIndex {
    var index = KeyIndex()
    for key in keys { index.insert(key.span) }
    return index
  }

  private let keys = (0..<1000).map { Array("\(10_000 + $0 * 2)".utf8) }

  @Test("batches of every size put together are all keys, and only the last says so")
  func batches() {
    let index = index(of: keys)
    for (bytesMax, countMax) in [(1, 1), (.max, 1), (0, 7), (70, .max), (50, 3), (7000, 1001)] {
      var batch = KeyBatch()
      var seen: [[UInt8]] = []
      var after: [UInt8]?
      while true {
        let follow = index.copyKeys(
          after: after?.span, bytesMax: bytesMax, countMax: countMax, into: &batch)
        check(!batch.isEmpty)
        check(batch.count == 1 || batch.count <= countMax)
        check(batch.count == 1 || batch.byteCount <= bytesMax)
        seen += batch.keys()
        after = [UInt8](copying: batch.last!)
        check(after == seen.last)
        check(follow == (seen.count < keys.count))
        if !follow { break }
      }
      check(seen == keys)
    }
  }

  @Test("a batch starts behind the given key, whether that is in the index or not")
  func after() {
    let index = index(of: keys)
    var batch = KeyBatch()
    for (position, key) in keys.enumerated() {
      let between = key + [0]
      for after in [key, between] {
        let follow = index.copyKeys(after: after.span, bytesMax: .max, countMax: 1, into: &batch)
        check(batch.keys() == Array(keys[(position + 1)...].prefix(1)))
        check(follow == (position + 2 < keys.count))
      }
    }
    let (lowest, highest): ([UInt8], [UInt8]) = ([], [0xff])
    check(index.copyKeys(after: lowest.span, bytesMax: .max, countMax: 2, into: &batch))
    check(batch.keys() == Array(keys.prefix(2)))
    check(!index.copyKeys(after: highest.span, bytesMax: .max, countMax: 2, into: &batch))
    check(batch.isEmpty && batch.keys().isEmpty)
    check(batch.last == nil)
  }

  @Test("a listing among changes misses no key that stays and sees none twice")
  func changesBetween() {
    var random = TestRandom(seed: 9)
    for _ in 0..<30 {
      let staying = Set(keys)
      var index = index(of: keys)
      var seen: [[UInt8]] = []
      var after: [UInt8]?
      var batch = KeyBatch()
      while index.copyKeys(
        after: after?.span, bytesMax: 1 + random.below(600), countMax: 1 + random.below(80),
        into: &batch)
      {
        seen += batch.keys()
        after = [UInt8](copying: batch.last!)
        for _ in 0..<random.below(300) {
          // Odd numbers come and go, among them the one that the listing stopped at.
          let key = Array("\(10_001 + random.below(1000) * 2)".utf8)
          if random.isOne(in: 3) { index.remove(key.span) } else { index.insert(key.span) }
        }
      }
      seen += batch.keys()
      check(zip(seen, seen.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
      check(Set(seen).isSuperset(of: staying))
    }
  }
}
