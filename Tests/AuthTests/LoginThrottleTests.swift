import Bytes
import Testing

@testable import Auth

@Suite("LoginThrottle")
struct LoginThrottleTests {
  /// A throttle and the names of one user and address.
  struct World: ~Copyable {
    var throttle = LoginThrottle()

    mutating func fail(_ user: String = "alice", _ address: String = "10.0.0.1", at time: UInt64) {
      throttle.recordFailure(
        user: ascii(user).span, address: ascii(address).span, nowMilliseconds: time)
    }

    mutating func succeed(_ user: String = "alice", at time: UInt64) {
      throttle.recordSuccess(
        user: ascii(user).span, address: ascii("10.0.0.1").span, nowMilliseconds: time)
    }

    mutating func retryAfter(
      _ user: String = "alice", _ address: String = "10.0.0.1", at time: UInt64
    ) -> UInt64? {
      throttle.retryAfterSeconds(
        user: ascii(user).span, address: ascii(address).span, nowMilliseconds: time)
    }
  }

  @Test("nine failures are let pass, the tenth closes the door")
  func tenth() {
    var world = World()
    for time in 0..<9 as Range<UInt64> {
      world.fail(at: time)
      let wait = world.retryAfter(at: time)
      #expect(wait == nil)
    }
    world.fail(at: 9)
    let wait = world.retryAfter(at: 9)
    #expect(wait == 60)
  }

  @Test(
    "the door opens when the oldest of the ten is a minute old, and closes with the next failure")
  func opens() {
    var world = World()
    for number in 0..<10 as Range<UInt64> { world.fail(at: 1_000 * number) }
    let waits = [9_000, 59_000, 59_999, 60_000].map { world.retryAfter(at: $0) }
    #expect(waits == [51, 1, 1, nil])
    world.fail(at: 60_000)
    let wait = world.retryAfter(at: 60_000)
    #expect(wait == 1)
  }

  @Test("ten failures spread over more than a minute close nothing")
  func spread() {
    var world = World()
    for number in 0..<100 as Range<UInt64> {
      world.fail(at: 6_667 * number)
      let wait = world.retryAfter(at: 6_667 * number)
      #expect(wait == nil)
    }
  }

  @Test("another user or another address is not refused")
  func others() {
    var world = World()
    for _ in 0..<10 { world.fail(at: 5) }
    let waits = [
      world.retryAfter("bob", at: 5), world.retryAfter("alice", "10.0.0.2", at: 5),
      world.retryAfter("alice1", "0.0.0.1", at: 5), world.retryAfter("alic", "e10.0.0.1", at: 5),
    ]
    #expect(waits == [nil, nil, nil, nil])
  }

  @Test("a success forgets the failures of its pair and of no other")
  func success() {
    var world = World()
    for _ in 0..<10 {
      world.fail(at: 5)
      world.fail("bob", at: 5)
    }
    world.succeed(at: 6)
    let waits = [world.retryAfter(at: 6), world.retryAfter("bob", at: 6)]
    #expect(waits == [nil, 60])
  }

  @Test("users and addresses may be empty or long")
  func lengths() {
    var world = World()
    let long = String(repeating: "x", count: 10_000)
    for _ in 0..<10 {
      world.fail("", "", at: 1)
      world.fail(long, long, at: 1)
    }
    let waits = [world.retryAfter("", "", at: 1), world.retryAfter(long, long, at: 1)]
    #expect(waits == [60, 60])
  }

  @Test("of far more pairs than it holds it keeps at most 65,536 and the newest of them")
  func bounded() {
    var world = World()
    for number in 0..<100_000 {
      world.fail("user\(number)", at: 0)
    }
    #expect(world.throttle.entryCount <= 65_536)
    for _ in 0..<10 { world.fail(at: 1) }
    let wait = world.retryAfter(at: 1)
    #expect(wait == 60)
  }

  @Test("pairs whose failures no longer count make room")
  func expired() {
    var world = World()
    for number in 0..<50_000 { world.fail("user\(number)", at: 0) }
    for number in 0..<50_000 { world.fail("later\(number)", at: 60_000) }
    #expect(world.throttle.entryCount < 52_000)
  }
}
