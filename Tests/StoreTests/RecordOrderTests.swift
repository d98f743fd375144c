import Store
import Testing

@Suite("Record order: property") struct RecordOrderTests {
  /// Few values for each field, so that equal times, stamps and whole records are likely.
  private func write(_ random: inout TestRandom) -> RecordImage {
    RecordImage(
      key: [1], value: random.isOne(in: 3) ? nil : random.bytes(random.below(2)).map { $0 & 1 },
      version: UInt64(1 + random.below(2)), hybridTime: UInt64(1 + random.below(2)),
      sequence: UInt64(1 + random.below(2)), origin: UInt32(1 + random.below(3)),
      owner: UInt32(1 + random.below(2)))
  }

  private func result(of writes: [RecordImage]) -> RecordImage? {
    var shard = Shard()
    for write in writes { _ = shard.apply(write, hash: 42) }
    check(shard.liveCount + shard.tombstoneCount == 1)
    return shard.image(key: [1], hash: 42)
  }

  @Test("any order, grouping and repetition of three writes leaves the same record")
  func convergence() {
    var random = TestRandom(seed: 1)
    var twins = 0
    for _ in 0..<20_000 {
      let (a, b, c) = (write(&random), write(&random), write(&random))
      if a.stamp == b.stamp && a != b { twins += 1 }
      let greatest = [b, c].reduce(a) { $0.isBefore($1) ? $1 : $0 }
      for order in [
        [a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a],
        [a, a, b, c, b], [c, b, a, c, b, a],
      ] {
        check(result(of: order) == greatest)
      }
      // Two replicas merge what each of them has: (a ∨ b) ∨ c = a ∨ (b ∨ c).
      let left = result(of: [result(of: [a, b])!, c])
      let right = result(of: [a, result(of: [b, c])!])
      check(left == right)
    }
    check(twins > 100, "the test is meant to meet equal stamps")
  }

  @Test("a write applied twice changes nothing the second time")
  func idempotence() {
    var random = TestRandom(seed: 2)
    for _ in 0..<2000 {
      var shard = Shard()
      let write = write(&random)
      check(shard.apply(write, hash: 42).outcome == .stored)
      let again = shard.apply(write, hash: 42)
      check(again.outcome == .ignored)
      check(!again.changed && !again.becameLive && !again.ceasedLive)
      check(shard.images() == [write])
    }
  }

  @Test("different records under one stamp are reported, whichever comes first")
  func twins() {
    let one = RecordImage(key: [1], value: [1])
    let other = RecordImage(key: [1], value: [2])
    for (first, second) in [(one, other), (other, one)] {
      var shard = Shard()
      _ = shard.apply(first, hash: 0)
      let applied = shard.apply(second, hash: 0)
      check(applied.outcome == .conflictingTwin)
      check(applied.changed == (second == other))
      check(shard.images() == [other])
    }
  }

  @Test("the order of origins is asked for only where times are equal and origins differ")
  func originOrderAsked() {
    let stored = RecordImage(key: [1], value: [1], hybridTime: 5, sequence: 5, origin: 1)
    let cases: [(time: UInt64, origin: UInt32, asked: Int)] = [
      (4, 2, 0), (6, 2, 0), (5, 1, 0), (5, 2, 1),
    ]
    for (time, origin, asked) in cases {
      var shard = Shard()
      _ = shard.apply(stored, hash: 0)
      var questions: [[UInt32]] = []
      let write = RecordImage(key: [1], value: [2], hybridTime: time, sequence: 6, origin: origin)
      _ = shard.apply(write.record(), hash: 0) { left, right in
        questions.append([left.rawValue, right.rawValue])
        return true
      }
      check(questions.count == asked)
      if asked == 1 { check(questions == [[2, 1]]) }
    }
  }
}
