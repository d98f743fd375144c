import Bytes
import Testing

@Suite("Instant")
struct InstantTests {
  @Test("moments advance and compare")
  func advances() {
    let start = Instant(nanoseconds: 5)
    #expect(start.advanced(bySeconds: 2).nanoseconds == 2_000_000_005)
    #expect(start.advanced(byMilliseconds: 3).nanoseconds == 3_000_005)
    #expect(start < start.advanced(byMilliseconds: 1))
  }

  @Test("whole milliseconds have passed, and never fewer than none")
  func passed() {
    let start = Instant(nanoseconds: 1_000_000)
    #expect(Instant(nanoseconds: 3_999_999).milliseconds(since: start) == 2)
    #expect(start.milliseconds(since: Instant(nanoseconds: 9_000_000)) == 0)
  }
}
