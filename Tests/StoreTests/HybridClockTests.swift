import Store
import Testing

@Suite("HybridClock") struct HybridClockTests {
  private let now: UInt64 = 1_700_000_000_000

  @Test("a time is the wall's, where the wall is ahead of the clock")
  func wall() {
    var clock = HybridClock(last: 0)
    check(clock.next(wallMilliseconds: now) == now << 16)
    #expect(clock.last == now << 16)
  }

  @Test("times grow while the wall stands still or goes back")
  func monotonic() {
    var clock = HybridClock(last: 0)
    var last = clock.next(wallMilliseconds: now)
    for wall in [now, now, now - 5000, 0, now] {
      let next = clock.next(wallMilliseconds: wall)
      #expect(next == last + 1)
      last = next
    }
  }

  @Test("a counter that runs over borrows from the next millisecond")
  func counterOverflow() {
    var clock = HybridClock(last: now << 16 | 0xffff)
    check(clock.next(wallMilliseconds: now) == (now + 1) << 16)
  }

  @Test("a write is later than the record it replaces, whatever the clocks say")
  func floor() {
    var clock = HybridClock(last: 0)
    let floor = (now + 30_000) << 16 | 9
    check(clock.next(wallMilliseconds: now, after: floor) == floor + 1)
    #expect(clock.last == floor + 1)
  }

  @Test("a floor more than 60 s ahead counts for its write and is not absorbed")
  func floorAhead() {
    var clock = HybridClock(last: 0)
    let floor = (now + 3_600_000) << 16
    check(clock.next(wallMilliseconds: now, after: floor) == floor + 1)
    check(clock.next(wallMilliseconds: now) == now << 16 + 1)
  }

  @Test("a time from elsewhere up to 60 s ahead is absorbed, and a later one is not")
  func observe() {
    var clock = HybridClock(last: 0)
    let limit = (now + 60_000) << 16 | 0xffff
    check(clock.observe(limit, wallMilliseconds: now))
    #expect(clock.last == limit)
    check(!clock.observe(limit + 1, wallMilliseconds: now))
    #expect(clock.last == limit)
  }

  @Test("an older time from elsewhere changes nothing")
  func observeOlder() {
    var clock = HybridClock(last: now << 16)
    check(clock.observe(5, wallMilliseconds: now))
    #expect(clock.last == now << 16)
  }

  @Test("the end of time does not trap")
  func endOfTime() {
    var clock = HybridClock(last: 0)
    check(clock.next(wallMilliseconds: now, after: .max) == .max)
    check(!clock.observe(.max, wallMilliseconds: now))
    check(clock.next(wallMilliseconds: .max) == .max << 16)
    clock = HybridClock(last: .max)
    check(clock.next(wallMilliseconds: now) == .max)
  }
}
