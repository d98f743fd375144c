import Bytes
import Testing

@testable import Server

@Suite("Deadlines")
struct DeadlinesTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)

  private func at(_ seconds: Double) -> Instant {
    Instant(nanoseconds: start.nanoseconds + UInt64(seconds * 1_000_000_000))
  }

  private func drain(
    _ deadlines: inout Deadlines, _ kind: DeadlineKind, now: Instant
  ) -> [Int] {
    var slots: [Int] = []
    while let slot = deadlines.expired(kind, now: now) { slots.append(slot) }
    return slots
  }

  @Test("nothing is due where nothing was set")
  func empty() {
    var deadlines = Deadlines()
    #expect(deadlines.isEmpty)
    for kind in DeadlineKind.allCases {
      #expect(deadlines.expired(kind, now: at(1_000_000)) == nil)
    }
    #expect(deadlines.kind(of: 0) == nil && deadlines.kind(of: 1_000) == nil)
    deadlines.clear(0)
    deadlines.clear(1_000)
    #expect(deadlines.isEmpty)
  }

  @Test("slots come when their time has come, the one that was set first first")
  func order() {
    var deadlines = Deadlines()
    deadlines.set(.idle, 5, due: at(10))
    deadlines.set(.idle, 2, due: at(11))
    deadlines.set(.idle, 9, due: at(12))
    #expect(drain(&deadlines, .idle, now: at(9.999)).isEmpty)
    #expect(drain(&deadlines, .idle, now: at(10)) == [5])
    #expect(drain(&deadlines, .idle, now: at(20)) == [2, 9])
    #expect(deadlines.isEmpty)
  }

  @Test("what is due once is due once")
  func once() {
    var deadlines = Deadlines()
    deadlines.set(.head, 3, due: at(1))
    #expect(deadlines.expired(.head, now: at(2)) == 3)
    #expect(deadlines.expired(.head, now: at(2)) == nil)
    #expect(deadlines.kind(of: 3) == nil)
  }

  @Test("a deadline that is set again moves to the end of the line")
  func move() {
    var deadlines = Deadlines()
    for slot in 0..<3 { deadlines.set(.idle, slot, due: at(10)) }
    deadlines.set(.idle, 0, due: at(20))
    #expect(drain(&deadlines, .idle, now: at(15)) == [1, 2])
    #expect(drain(&deadlines, .idle, now: at(20)) == [0])
  }

  @Test("it moves by a second or more, and else stays where it is")
  func resolution() {
    var deadlines = Deadlines()
    deadlines.set(.idle, 0, due: at(10))
    deadlines.set(.idle, 1, due: at(10.5))
    deadlines.set(.idle, 0, due: at(10.999))
    #expect(drain(&deadlines, .idle, now: at(10)) == [0], "less than a second later")
    deadlines.set(.idle, 0, due: at(10.6))
    deadlines.set(.idle, 0, due: at(11.6))
    #expect(drain(&deadlines, .idle, now: at(11.5)) == [1], "a second later")
    #expect(drain(&deadlines, .idle, now: at(11.6)) == [0])
  }

  @Test("a deadline of another kind replaces the one before, whatever its time")
  func replacement() {
    var deadlines = Deadlines()
    deadlines.set(.idle, 4, due: at(10))
    deadlines.set(.head, 4, due: at(10))
    #expect(deadlines.kind(of: 4) == .head)
    #expect(deadlines.expired(.idle, now: at(100)) == nil)
    #expect(deadlines.expired(.head, now: at(100)) == 4)
  }

  @Test("a dropped deadline never comes", arguments: [0, 1, 2])
  func drop(slot: Int) {
    var deadlines = Deadlines()
    for other in 0..<3 { deadlines.set(.body, other, due: at(1)) }
    deadlines.clear(slot)
    deadlines.clear(slot)
    #expect(drain(&deadlines, .body, now: at(2)) == [0, 1, 2].filter { $0 != slot })
    #expect(deadlines.isEmpty)
  }

  @Test("ten thousand idle slots cost a turn no more than one")
  func many() {
    var deadlines = Deadlines()
    for slot in 0..<10_000 { deadlines.set(.idle, slot, due: at(60 + Double(slot) / 1000)) }
    #expect(deadlines.expired(.idle, now: at(59)) == nil)
    for slot in stride(from: 0, to: 10_000, by: 2) { deadlines.clear(slot) }
    #expect(
      drain(&deadlines, .idle, now: at(70)) == Array(stride(from: 1, to: 10_000, by: 2)))
  }

  @Test("it does what a list of deadlines does", arguments: [1, 2, 3, 4] as [UInt64])
  func model(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var deadlines = Deadlines()
    // Per kind, in order: slot and due.
    var model = [[(slot: Int, due: Instant)]](repeating: [], count: DeadlineKind.allCases.count)
    let lengths: [UInt64] = [60, 10, 30, 15, 2]
    var now = start
    for step in 0..<20_000 {
      now = now.advanced(byMilliseconds: random.next(below: 50))
      let slot = Int(random.next(below: 200))
      let index = Int(random.next(below: UInt64(lengths.count)))
      let kind = DeadlineKind.allCases[index]
      switch random.next(below: 10) {
      case 0..<6:
        let due = now.advanced(bySeconds: lengths[index])
        deadlines.set(kind, slot, due: due)
        if let place = model[index].firstIndex(where: { $0.slot == slot }),
          due.nanoseconds < model[index][place].due.nanoseconds + 1_000_000_000
        {
          break
        }
        for other in model.indices { model[other].removeAll { $0.slot == slot } }
        model[index].append((slot, due))
      case 6..<8:
        deadlines.clear(slot)
        for other in model.indices { model[other].removeAll { $0.slot == slot } }
      default:
        var expected: [Int] = []
        while let first = model[index].first, first.due <= now {
          expected.append(first.slot)
          model[index].removeFirst()
        }
        let found = drain(&deadlines, kind, now: now)
        if found != expected { Issue.record("step \(step): \(found), not \(expected)") }
      }
      let known = model.firstIndex { $0.contains { $0.slot == slot } }
      if deadlines.kind(of: slot) != known.map({ DeadlineKind.allCases[$0] }) {
        Issue.record("step \(step): slot \(slot) has another kind")
      }
      if deadlines.isEmpty != model.allSatisfy(\.isEmpty) { Issue.record("step \(step): empty?") }
    }
  }
}
