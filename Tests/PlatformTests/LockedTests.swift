import Platform
import Testing

private final class Counted: Sendable {
  let alive: Locked<Int>
  init(_ alive: Locked<Int>) {
    self.alive = alive
    alive.withLock { $0 += 1 }
  }
  deinit { alive.withLock { $0 -= 1 } }
}

private struct Refused: Error {}

@Suite("Locked")
struct LockedTests {
  @Test("one thread at a time changes the value")
  func excludes() throws {
    let counter = Locked(0)
    let rounds = 200_000
    let work: @Sendable () -> Void = { for _ in 0..<rounds { counter.withLock { $0 += 1 } } }
    let first = try Thread.start(name: "first", work)
    let second = try Thread.start(name: "second", work)
    work()
    first.join()
    second.join()
    #expect(counter.withLock { $0 } == 3 * rounds)
  }

  @Test("is free again after its body threw")
  func freeAfterThrow() {
    let value = Locked(1)
    #expect(throws: Refused.self) {
      try value.withLock { number throws(Refused) in
        number = 2
        throw Refused()
      }
    }
    #expect(value.withLock { $0 } == 2)
  }

  private struct Single: ~Copyable { var number: Int }

  @Test("holds and gives back values that cannot be copied")
  func noncopyable() {
    let held = Locked(Single(number: 1))
    var other: Single? = Single(number: 2)
    let old = held.withLock { value -> Single in
      let old = value
      value = other.take()!
      return old
    }
    #expect(old.number == 1)
    #expect(held.withLock { $0.number } == 2)
  }

  @Test("lets its value go with itself")
  func releases() {
    let alive = Locked(0)
    do { _ = Locked(Counted(alive)) }
    #expect(alive.withLock { $0 } == 0)
  }
}

@Suite("LockedArray")
struct LockedArrayTests {
  @Test("each element begins as it was made and is changed alone")
  func elements() {
    let array = LockedArray(count: 5) { index in index * 10 }
    array.withLock(3) { $0 += 1 }
    #expect((0..<5).map { array.withLock($0) { $0 } } == [0, 10, 20, 31, 40])
  }

  @Test("one thread at a time changes an element")
  func excludes() throws {
    let array = LockedArray(count: 4) { _ in (0, [Int]()) }
    let rounds = 50_000
    let work: @Sendable () -> Void = {
      for round in 0..<rounds {
        array.withLock(round % 4) {
          $0.0 += 1
          $0.1.append(1)
        }
      }
    }
    let first = try Thread.start(name: "first", work)
    let second = try Thread.start(name: "second", work)
    first.join()
    second.join()
    for index in 0..<4 {
      #expect(array.withLock(index) { $0.0 } == 2 * rounds / 4)
      #expect(array.withLock(index) { $0.1.count } == 2 * rounds / 4)
    }
  }

  @Test("lets the elements go with itself, also where making one failed")
  func releases() throws {
    let alive = Locked(0)
    do {
      let array = LockedArray(count: 3) { _ in Counted(alive) }
      #expect(array.count == 3)
      #expect(alive.withLock { $0 } == 3)
    }
    #expect(alive.withLock { $0 } == 0)
    #expect(throws: Refused.self) {
      _ = try LockedArray(count: 3) { index throws(Refused) in
        if index == 2 { throw Refused() }
        return Counted(alive)
      }
    }
    #expect(alive.withLock { $0 } == 0)
  }
}
