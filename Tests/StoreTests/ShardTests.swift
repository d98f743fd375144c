import Bytes
import Store
import Testing

@Suite("Shard") struct ShardTests {
  @Test("an empty shard finds nothing and has no dirty block")
  func empty() {
    var shard = Shard()
    check(shard.image(key: [1], hash: 7) == nil)
    check(shard.images().isEmpty)
    check(shard.images(inBlock: 0).isEmpty)
    check(shard.takenDirtyBlocks().isEmpty)
    check(shard.liveCount == 0 && shard.tombstoneCount == 0 && shard.byteCount == 0)
  }

  @Test("the low ten bits of a hash are the number of its shard")
  func shardIndex() {
    check(Shard.count == 1024)
    check(Shard.index(of: 0) == 0)
    check(Shard.index(of: 0xffff_ffff_ffff_f801) == 1)
    check(Shard.index(of: .max) == 1023)
  }

  @Test("the same key in two tables is two records, even where their hashes collide")
  func tables() {
    var shard = Shard()
    let one = RecordImage(table: 1, key: [9], value: [1])
    let two = RecordImage(table: 2, key: [9], value: [2])
    _ = shard.apply(one, hash: 5)
    check(shard.image(table: 2, key: [9], hash: 5) == nil)
    _ = shard.apply(two, hash: 5)
    check(shard.image(table: 1, key: [9], hash: 5) == one)
    check(shard.image(table: 2, key: [9], hash: 5) == two)
  }

  @Test("keys of every length are told apart by each of their bytes", arguments: 0...40)
  func keyComparison(length: Int) {
    var shard = Shard()
    let key = Array(repeating: UInt8(7), count: length)
    _ = shard.apply(RecordImage(key: key, value: [1]), hash: 5)
    check(shard.image(key: key, hash: 5) != nil)
    check(shard.image(key: key + [7], hash: 5) == nil)
    for index in 0..<length {
      var other = key
      other[index] ^= 0x80
      check(shard.image(key: other, hash: 5) == nil)
    }
  }

  @Test("a key becomes live, ceases to be, and becomes live again")
  func liveness() {
    var shard = Shard()
    let steps: [(value: [UInt8]?, became: Bool, ceased: Bool, live: Int, dead: Int)] = [
      (nil, false, false, 0, 1), ([1], true, false, 1, 0), ([2], false, false, 1, 0),
      (nil, false, true, 0, 1), (nil, false, false, 0, 1), ([3], true, false, 1, 0),
    ]
    for (index, step) in steps.enumerated() {
      let write = RecordImage(key: [1], value: step.value, hybridTime: UInt64(index + 1))
      let applied = shard.apply(write, hash: 3)
      check(applied.outcome == .stored && applied.changed)
      check(applied.becameLive == step.became && applied.ceasedLive == step.ceased)
      check(shard.liveCount == step.live && shard.tombstoneCount == step.dead)
    }
  }

  @Test("what is applied does not change the next sequence, which counts this node's writes")
  func nextSequence() {
    var shard = Shard()
    check(shard.nextSequence == 1)
    _ = shard.apply(RecordImage(key: [1], value: [1], hybridTime: 9, sequence: 4), hash: 0)
    check(shard.nextSequence == 1)
  }

  @Test("what a shard answers and holds is what a dictionary would", arguments: HashShape.allCases)
  func model(shape: HashShape) {
    var random = TestRandom(seed: 11)
    var shard = Shard()
    var model = NaiveStore()
    let keyCount = shape == .even ? 3000 : 400
    for step in 0..<12_000 {
      // Keys come into use little by little: growth is spread over the run.
      let number = random.below(1 + min(keyCount, step / 3))
      let key = Array("key\(number)".utf8)
      let table = UInt32(1 + number % 2)
      let hash = shape.hash(UInt64(number))
      let write = RecordImage(
        table: table, key: key, value: random.isOne(in: 3) ? nil : random.bytes(random.below(60)),
        version: UInt64(step), hybridTime: UInt64(max(1, step - random.below(300))),
        sequence: UInt64(1 + random.below(3)), origin: UInt32(1 + random.below(3)))
      let applied = shard.apply(write, hash: hash)
      check(applied.outcome == model.apply(write, hash: hash))
      if step % 1500 == 1499 {
        let time = UInt64(step - 200)
        let old = model.collectTombstones(olderThan: time)
        check(shard.collectTombstones(olderThan: time) == old.count)
      }
      if step % 500 == 0 { compare(shard, model) }
    }
    compare(shard, model)
    // Everything dies and is collected: nothing is left.
    for image in shard.images() {
      let write = RecordImage(table: image.table, key: image.key, value: nil, hybridTime: 90_000)
      _ = shard.apply(write, hash: model.hash(of: image))
    }
    check(shard.liveCount == 0)
    check(shard.collectTombstones(olderThan: 90_000) == 0)
    check(shard.collectTombstones(olderThan: 90_001) == model.records.count)
    check(shard.images().isEmpty && shard.byteCount == 0 && shard.tombstoneCount == 0)
  }

  private func compare(_ shard: borrowing Shard, _ model: NaiveStore) {
    let images = shard.images()
    check(images.count == model.records.count)
    check(Set(images) == Set(model.records.values))
    for (place, image) in model.records {
      check(
        shard.image(table: place.table, key: place.key, hash: model.hash(of: image)) == image)
    }
    let places = images.map { model.hash(of: $0) >> 44 }
    check(places == places.sorted())
    check(shard.liveCount == model.liveCount)
    check(shard.tombstoneCount == model.tombstoneCount)
    check(shard.byteCount == model.byteCount)
  }
}
