import Bytes
import Store
import Testing

@Suite("Shard blocks") struct ShardBlocksTests {
  @Test("blocks divide all records among them by the top bits", arguments: HashShape.allCases)
  func partition(shape: HashShape) {
    var random = TestRandom(seed: 5)
    for bits in [0, 1, 3, 6, 7, 12] {
      var shard = Shard()
      shard.restoreBlockBits(bits)
      var hashes: [[UInt8]: UInt64] = [:]
      for number in 0..<300 {
        let key = Array("\(number)".utf8)
        hashes[key] = shape.hash(UInt64(number))
        let value = random.isOne(in: 4) ? nil : random.bytes(3)
        _ = shard.apply(RecordImage(key: key, value: value), hash: hashes[key]!)
      }
      check(shard.blockBits == bits && shard.blockCount == 1 << bits)
      var seen: [RecordImage] = []
      for block in 0..<UInt32(shard.blockCount) {
        let images = shard.images(inBlock: block)
        for image in images {
          check(hashes[image.key]! >> UInt64(64 - bits) == UInt64(block))
          check(shard.block(of: hashes[image.key]!) == block)
        }
        seen += images
      }
      check(seen == shard.images())
      check(seen.count == 300)
    }
  }

  @Test("a shard divides itself so that blocks average 16 KiB, and all are dirty then")
  func growth() {
    var random = TestRandom(seed: 6)
    var shard = Shard()
    var bits = 0
    for number in 0..<2000 as Range<UInt64> {
      let image = RecordImage(key: random.bytes(8), value: random.bytes(452))
      _ = shard.apply(image, hash: HashShape.even.hash(number))
      check(shard.byteCount <= 16 * 1024 << shard.blockBits)
      if shard.blockBits != bits {
        check(shard.byteCount > 16 * 1024 << bits)
        bits = shard.blockBits
        check(shard.takenDirtyBlocks() == Array(0..<UInt32(shard.blockCount)))
      } else {
        check(shard.takenDirtyBlocks() == [shard.block(of: HashShape.even.hash(number))])
      }
    }
    check(shard.byteCount == 1_000_000)
    check(bits == 6)
  }

  @Test("blocks never become fewer")
  func neverShrinks() {
    var shard = Shard()
    _ = shard.apply(RecordImage(key: [1], value: Array(repeating: 1, count: 100_000)), hash: 1)
    check(shard.blockBits == 3)
    _ = shard.apply(RecordImage(key: [1], value: nil, hybridTime: 2), hash: 1)
    check(shard.collectTombstones(olderThan: 3) == 1)
    check(shard.blockBits == 3)
    shard.restoreBlockBits(2)
    check(shard.blockBits == 3)
  }

  @Test("exactly the blocks that changed are dirty")
  func dirtyBlocks() {
    var random = TestRandom(seed: 7)
    var shard = Shard()
    shard.restoreBlockBits(7)
    var before = (0..<128).map { shard.images(inBlock: UInt32($0)) }
    for round in 0..<300 as Range<UInt64> {
      for _ in 0..<random.below(4) {
        let number = random.below(200)
        let write = RecordImage(
          key: Array("\(number)".utf8), value: random.isOne(in: 2) ? nil : random.bytes(2),
          hybridTime: 1 + UInt64(random.below(Int(round) + 1)))
        _ = shard.apply(write, hash: HashShape.even.hash(UInt64(number)))
      }
      if random.isOne(in: 5) { _ = shard.collectTombstones(olderThan: round / 2) }
      let after = (0..<128).map { shard.images(inBlock: UInt32($0)) }
      let changed = (0..<128).filter { before[$0] != after[$0] }.map { UInt32($0) }
      let taken = shard.takenDirtyBlocks()
      // A record that came and was collected between two looks may leave a block dirty but equal.
      check(Set(taken).isSuperset(of: changed))
      check(taken.count <= changed.count + 4)
      check(taken == taken.sorted() && Set(taken).count == taken.count)
      check(shard.takenDirtyBlocks().isEmpty)
      before = after
    }
    check(shard.blockBits == 7)
  }

  @Test("a write that changes nothing makes no block dirty")
  func ignoredWrite() {
    var shard = Shard()
    let write = RecordImage(key: [1], value: [1], hybridTime: 5)
    _ = shard.apply(write, hash: 9)
    check(shard.takenDirtyBlocks() == [0])
    _ = shard.apply(write, hash: 9)
    _ = shard.apply(RecordImage(key: [1], value: [1], hybridTime: 4), hash: 9)
    check(shard.takenDirtyBlocks().isEmpty)
  }

  @Test("a block whose transaction failed is dirty again")
  func markDirty() {
    var shard = Shard()
    shard.restoreBlockBits(8)
    shard.markDirty(200)
    shard.markDirty(3)
    check(shard.takenDirtyBlocks() == [3, 200])
  }

  @Test("loading from the checkpoint restores the shard and makes nothing dirty")
  func load() {
    var shard = Shard()
    for number in 0..<500 as Range<UInt64> {
      let image = RecordImage(
        key: Array("\(number)".utf8), value: number % 5 == 0 ? nil : [1, 2, 3], sequence: number)
      _ = shard.apply(image, hash: HashShape.even.hash(number))
    }
    var restored = Shard()
    restored.restoreBlockBits(shard.blockBits)
    for number in (0..<500 as Range<UInt64>).reversed() {
      let hash = HashShape.even.hash(number)
      let image = shard.image(key: Array("\(number)".utf8), hash: hash)!
      let applied = restored.load(
        image.record(), hash: hash, originOrder: RecordImage.originOrder)
      check(applied.outcome == .stored && applied.becameLive == !image.isTombstone)
    }
    check(restored.images() == shard.images())
    check(restored.takenDirtyBlocks().isEmpty)
    check(restored.byteCount == shard.byteCount && restored.liveCount == 400)
  }

  @Test("a visit ends where its body throws")
  func throwing() {
    struct Enough: Error {}
    var shard = Shard()
    for number in 0..<10 as Range<UInt64> {
      _ = shard.apply(
        RecordImage(key: [UInt8(number)], value: []), hash: HashShape.even.hash(number))
    }
    var visited = 0
    do throws(Enough) {
      try shard.forEachRecord(inBlock: 0) { _ throws(Enough) in
        visited += 1
        if visited == 3 { throw Enough() }
      }
    } catch {}
    check(visited == 3)
  }
}
