import Bytes
import Store
import Testing

@Suite("Shard clock") struct ShardClockTests {
  /// Few nodes, boots and sequences, so that runs meet, overlap and close gaps.
  private func randomDots(_ random: inout TestRandom, count: Int) -> [Dot] {
    (0..<count).map { _ in
      Dot(
        node: UInt64(random.below(3)) + 1, boot: UInt32(random.below(2)) + 1,
        sequence: UInt64(random.below(14)) + 1)
    }
  }

  private func clock(adding dots: [Dot]) -> ShardClock {
    var clock = ShardClock()
    for dot in dots { clock.add(dot) }
    return clock
  }

  private func bytes(_ clock: ShardClock) -> [UInt8] {
    var buffer = ByteBuffer()
    clock.encode(into: &buffer)
    return buffer.copied()
  }

  private func read(_ bytes: [UInt8]) -> ShardClock? {
    var reader = ByteReader(bytes.span)
    guard let clock = ShardClock(reading: &reader), reader.remaining == 0 else { return nil }
    return clock
  }

  private let everyDot: [Dot] = (1...4 as ClosedRange<UInt64>).flatMap { node in
    (1...2 as ClosedRange<UInt32>).flatMap { boot in
      (1...16 as ClosedRange<UInt64>).map { Dot(node: node, boot: boot, sequence: $0) }
    }
  }

  @Test("a clock contains what was added and nothing else")
  func contains() {
    var random = TestRandom(seed: 1)
    for _ in 0..<500 {
      let dots = randomDots(&random, count: random.below(30))
      let added = clock(adding: dots)
      let set = Set(dots)
      for dot in everyDot { #expect(added.contains(dot) == set.contains(dot)) }
      #expect(added.count == UInt64(set.count))
    }
  }

  @Test("adding says whether the write is news")
  func addTwice() {
    var clock = ShardClock()
    let dot = Dot(node: 1, boot: 1, sequence: 3)
    check(clock.add(dot))
    check(!clock.add(dot))
    check(!clock.add(Dot(node: 1, boot: 1, sequence: 0)))
    check(clock.add(Dot(node: 1, boot: 1, sequence: .max)))
    check(!clock.add(Dot(node: 1, boot: 1, sequence: .max)))
  }

  @Test("one by one, in any order, or all at once: the same clock with the same bytes")
  func order() {
    var random = TestRandom(seed: 2)
    for _ in 0..<300 {
      let dots = randomDots(&random, count: random.below(40))
      let one = clock(adding: dots)
      let other = clock(adding: random.shuffled(dots))
      let atOnce = ShardClock(dots: random.shuffled(dots + dots))
      #expect(one == other)
      #expect(one == atOnce)
      #expect(bytes(one) == bytes(atOnce))
    }
  }

  @Test("sequences in order leave one number an origin")
  func compact() {
    var clock = ShardClock()
    for sequence in random(1...1000) { clock.add(Dot(node: 5, boot: 1, sequence: sequence)) }
    #expect(bytes(clock).count == 13)
    #expect(clock.size == 2)
  }

  private func random(_ range: ClosedRange<UInt64>) -> [UInt64] {
    var random = TestRandom(seed: 3)
    return random.shuffled(Array(range))
  }

  @Test("merging is commutative, associative and idempotent")
  func merge() {
    var random = TestRandom(seed: 4)
    for _ in 0..<500 {
      let (a, b, c) = (
        clock(adding: randomDots(&random, count: random.below(25))),
        clock(adding: randomDots(&random, count: random.below(25))),
        clock(adding: randomDots(&random, count: random.below(25)))
      )
      #expect(merged(a, b) == merged(b, a))
      #expect(merged(merged(a, b), c) == merged(a, merged(b, c)))
      #expect(merged(a, a) == a)
      #expect(merged(a, ShardClock()) == a)
    }
  }

  @Test("a union holds what either holds, and covers both")
  func union() {
    var random = TestRandom(seed: 5)
    for _ in 0..<500 {
      let (left, right) = (
        randomDots(&random, count: random.below(25)), randomDots(&random, count: random.below(25))
      )
      let (a, b) = (clock(adding: left), clock(adding: right))
      let both = merged(a, b)
      #expect(both == clock(adding: left + right))
      #expect(both.covers(a) && both.covers(b))
      #expect(a.covers(b) == Set(left).isSuperset(of: right))
      #expect(a.missingCount(of: b) == UInt64(Set(right).subtracting(left).count))
    }
  }

  private func merged(_ left: ShardClock, _ right: ShardClock) -> ShardClock {
    var left = left
    left.merge(right)
    return left
  }

  @Test("a clock has these bytes")
  func golden() {
    let clock = ShardClock(dots: [
      Dot(node: 2, boot: 300, sequence: 1), Dot(node: 1, boot: 1, sequence: 1),
      Dot(node: 1, boot: 1, sequence: 2), Dot(node: 1, boot: 1, sequence: 4),
      Dot(node: 1, boot: 1, sequence: 5), Dot(node: 1, boot: 1, sequence: 9),
    ])
    #expect(
      bytes(clock) == [
        2,
        1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 1, 4, 0,
        2, 0, 0, 0, 0, 0, 0, 0, 0xac, 2, 1, 0,
      ])
    #expect(bytes(ShardClock()) == [0])
  }

  @Test("what was written is read back")
  func roundTrip() {
    var random = TestRandom(seed: 6)
    for _ in 0..<300 {
      var dots = randomDots(&random, count: random.below(40))
      if random.isOne(in: 4) {
        dots.append(Dot(node: .max, boot: .max, sequence: .max))
        dots.append(Dot(node: .max, boot: .max, sequence: .max - 1))
      }
      let clock = clock(adding: dots)
      #expect(read(bytes(clock)) == clock)
    }
  }

  @Test("a clock that is cut off anywhere is none")
  func truncated() {
    var random = TestRandom(seed: 7)
    let whole = bytes(clock(adding: randomDots(&random, count: 30)))
    for count in 0..<whole.count { #expect(read(Array(whole.prefix(count))) == nil) }
    #expect(read(whole + [0]) == nil)
  }

  @Test(
    "bytes that no clock has are refused",
    arguments: [
      [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],  // an origin of which nothing was seen
      [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0],  // a run that touches the base
      [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0],  // a run inside it
      [  // the same origin twice
        2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0,
      ],
      [  // origins that descend
        2, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0,
      ],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],  // 2^64 − 1 origins
      [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 2, 0],  // so many runs
      [  // a run that ends behind the last number
        1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 1,
      ],
    ] as [[UInt8]])
  func nonsense(bytes: [UInt8]) {
    #expect(read(bytes) == nil)
  }

  @Test("random bytes never trap, and what is read is written the same")
  func fuzz() {
    var random = TestRandom(seed: 8)
    let whole = bytes(clock(adding: randomDots(&random, count: 20)))
    for _ in 0..<5000 {
      var changed = whole
      for _ in 0...random.below(3) {
        changed[random.below(changed.count)] = UInt8(random.below(256))
      }
      if let clock = read(changed) { #expect(bytes(clock) == changed) }
    }
  }

  @Test("different clocks have different digests, equal ones the same, an empty one 0")
  func digest() {
    var scratch = ByteBuffer()
    var random = TestRandom(seed: 9)
    var digests: [UInt64: ShardClock] = [:]
    for _ in 0..<1000 {
      let clock = clock(adding: randomDots(&random, count: random.below(20)))
      let digest = clock.digest(scratch: &scratch)
      #expect(digests[digest] == nil || digests[digest] == clock)
      digests[digest] = clock
      #expect((digest == 0) == clock.isEmpty)
    }
  }
}
