import Bytes
import Store
import Testing

@Suite("KeyIndex") struct KeyIndexTests {
  @Test("an empty index lists nothing")
  func empty() {
    let index = KeyIndex()
    let key: [UInt8] = []
    check(index.count == 0 && !index.contains(key.span) && index.keys().isEmpty)
  }

  @Test("a key is inserted once and removed once")
  func idempotence() {
    var index = KeyIndex()
    let key: [UInt8] = [1, 2]
    check(index.insert(key.span))
    check(!index.insert(key.span))
    check(index.count == 1 && index.contains(key.span))
    check(index.remove(key.span))
    check(!index.remove(key.span))
    check(index.count == 0 && !index.contains(key.span))
  }

  @Test("keys come in the order of their bytes, prefixes first, NUL and the empty key included")
  func order() {
    let keys: [[UInt8]] = [
      [], [0], [0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1], [1],
      Array("a".utf8), Array("a\0".utf8), Array("a\0b".utf8), Array("aa".utf8),
      Array("abcdefgh".utf8), Array("abcdefgh\0".utf8), Array("abcdefghi".utf8), Array("b".utf8),
      [0x7f], [0x80], [0xff], [0xff, 0xff],
    ]
    var random = TestRandom(seed: 3)
    for _ in 0..<200 {
      var index = KeyIndex()
      for key in random.shuffled(keys) { index.insert(key.span) }
      check(index.keys() == keys)
      for key in keys { check(index.contains(key.span)) }
    }
  }

  enum KeyShape: CaseIterable {
    case short, prefixed, random, zeros, long

    func key(_ number: Int) -> [UInt8] {
      var random = TestRandom(seed: UInt64(number))
      switch self {
      case .short: return Array(String(number, radix: 36).utf8)
      case .prefixed: return Array("a/common/prefix/of/all/\(number % 7)/\(number)".utf8)
      case .random: return random.bytes(random.below(40))
      // Runs of NUL of many lengths: padding must not be taken for content.
      case .zeros: return Array(repeating: 0, count: random.below(30)) + [UInt8(random.below(2))]
      case .long: return Array(repeating: 0x61, count: 1000 + random.below(25)) + random.bytes(2)
      }
    }
  }

  @Test("an index answers as a sorted array does", arguments: KeyShape.allCases)
  func model(shape: KeyShape) {
    var random = TestRandom(seed: 4)
    var index = KeyIndex()
    var model: [[UInt8]] = []
    // Grows, then shrinks, then grows: leaves divide, merge and vanish.
    // Comparing long keys takes time, and few of them fill many leaves.
    let size = shape == .long ? 300 : 2000
    for (insertions, rounds) in [(4, size), (1, 2 * size), (3, size)] {
      for round in 0..<rounds {
        let key = shape.key(random.below(size))
        let place = model.firstIndexNotBefore(key)
        let isThere = place < model.count && model[place] == key
        if random.below(5) < insertions {
          check(index.contains(key.span) == isThere)
          check(index.insert(key.span) == !isThere)
          check(index.contains(key.span))
          if !isThere { model.insert(key, at: place) }
        } else {
          check(index.remove(key.span) == isThere)
          check(!index.contains(key.span))
          if isThere { model.remove(at: place) }
        }
        check(index.count == model.count)
        if round % 200 == 0 { check(index.keys() == model) }
      }
    }
    check(index.keys() == model)
    for key in random.shuffled(model) { check(index.remove(key.span)) }
    check(index.keys().isEmpty)
  }

  @Test("keys in ascending and descending order are kept", arguments: [true, false])
  func sortedInsertion(ascending: Bool) {
    var index = KeyIndex()
    let keys = (0..<20_000).map { Array("\(1_000_000 + $0)".utf8) }
    // The same again in the middle of what is there already.
    for prefix in ["a", "c", "b"] {
      for key in ascending ? keys : keys.reversed() {
        let whole = Array(prefix.utf8) + key
        index.insert(whole.span)
      }
    }
    let sorted = ["a", "b", "c"].flatMap { prefix in keys.map { Array(prefix.utf8) + $0 } }
    check(index.keys() == sorted)
  }

  @Test("keys of the greatest length are kept")
  func longestKeys() {
    var random = TestRandom(seed: 8)
    var index = KeyIndex()
    let keys = (0..<200).map { _ in random.bytes(random.isOne(in: 2) ? Record.keyBytesMax : 5) }
    for key in keys { index.insert(key.span) }
    check(index.keys() == keys.sorted { $0.lexicographicallyPrecedes($1) })
    for key in keys { check(index.remove(key.span)) }
    check(index.count == 0)
  }
}

extension Array where Element == [UInt8] {
  /// Where a key is in a sorted array, or where it would be inserted.
  func firstIndexNotBefore(_ key: [UInt8]) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension KeyBatch {
  func keys() -> [[UInt8]] {
    var keys: [[UInt8]] = []
    forEach { keys.append([UInt8](copying: $0)) }
    return keys
  }
}

extension KeyIndex {
  func keys() -> [[UInt8]] {
    var batch = KeyBatch()
    check(!copyKeys(after: nil, bytesMax: .max, countMax: .max, into: &batch))
    return batch.keys()
  }
}
