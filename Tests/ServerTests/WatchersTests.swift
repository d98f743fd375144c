import Bytes
import Store
import Testing

@testable import Server

@Suite("Watchers")
struct WatchersTests {
  private let table = TableID(rawValue: 1)

  private func loops(
    _ watchers: borrowing Watchers, _ hash: UInt64, _ key: String, table: UInt32 = 1
  ) -> [Int] {
    var loops: [Int] = []
    watchers.forEachLoop(hash, TableID(rawValue: table), utf8(key).span) { loops.append($0) }
    return loops
  }

  @Test("a loop is called once, however many streams it has for the key")
  func counting() {
    var watchers = Watchers()
    #expect(watchers.isEmpty && loops(watchers, 1, "k") == [])
    watchers.add(1, table, utf8("k").span, loop: 2)
    watchers.add(1, table, utf8("k").span, loop: 2)
    watchers.add(1, table, utf8("k").span, loop: 0)
    #expect(loops(watchers, 1, "k") == [0, 2])
    watchers.remove(1, table, utf8("k").span, loop: 2)
    #expect(loops(watchers, 1, "k") == [0, 2])
    watchers.remove(1, table, utf8("k").span, loop: 2)
    #expect(loops(watchers, 1, "k") == [0])
    watchers.remove(1, table, utf8("k").span, loop: 0)
    #expect(loops(watchers, 1, "k") == [] && watchers.isEmpty)
  }

  @Test("keys and tables that share a hash are told apart")
  func collisions() {
    var watchers = Watchers()
    watchers.add(1, table, utf8("a").span, loop: 0)
    watchers.add(1, table, utf8("b").span, loop: 1)
    watchers.add(1, TableID(rawValue: 2), utf8("a").span, loop: 2)
    #expect(loops(watchers, 1, "a") == [0])
    #expect(loops(watchers, 1, "b") == [1])
    #expect(loops(watchers, 1, "a", table: 2) == [2])
    #expect(loops(watchers, 1, "c") == [] && loops(watchers, 2, "a") == [])
    watchers.remove(1, table, utf8("a").span, loop: 0)
    #expect(loops(watchers, 1, "b") == [1] && loops(watchers, 1, "a", table: 2) == [2])
  }

  @Test("removing what was never added changes nothing")
  func unknown() {
    var watchers = Watchers()
    watchers.remove(1, table, utf8("a").span, loop: 0)
    watchers.add(1, table, utf8("a").span, loop: 0)
    watchers.remove(1, table, utf8("b").span, loop: 0)
    watchers.remove(2, table, utf8("a").span, loop: 0)
    #expect(loops(watchers, 1, "a") == [0])
  }
}
