import Bytes
import Platform
import Testing

private func name(_ number: Int) -> [UInt8] { Array("name \(number)".utf8) }

extension NameTable {
  fileprivate func intern(_ name: [UInt8]) -> UInt32? { intern(name.span) }
  fileprivate func find(_ name: [UInt8]) -> UInt32? { find(name.span) }
  fileprivate func name(of id: UInt32) -> [UInt8] { [UInt8](copying: bytes(of: id)) }
}

@Suite("NameTable")
struct NameTableTests {
  @Test("numbers names in the order of arrival, and each once")
  func numbers() {
    let table = NameTable()
    #expect(table.intern(name(1)) == 0)
    #expect(table.intern(name(2)) == 1)
    #expect(table.intern(name(1)) == 0)
    #expect(table.count == 2)
  }

  @Test("finds what was interned and nothing else")
  func finds() {
    let table = NameTable()
    #expect(table.find(name(1)) == nil)
    _ = table.intern(name(1))
    #expect(table.find(name(1)) == 0)
    #expect(table.find(name(2)) == nil)
    #expect(table.count == 1)
  }

  @Test(
    "gives back the bytes, whatever they are",
    arguments: [
      [], [0], [0, 0], Array("a".utf8), Array("é".utf8), Array("e\u{301}".utf8),
      [UInt8](repeating: 0xff, count: 128), [UInt8](repeating: 1, count: 200_000),
    ])
  func roundTrip(bytes: [UInt8]) throws {
    let table = NameTable()
    _ = table.intern(name(0))
    let id = try #require(table.intern(bytes))
    #expect(table.name(of: id) == bytes)
    #expect(table.find(bytes) == id)
  }

  @Test("keeps every name through growth")
  func grows() {
    let table = NameTable()
    let names = 50_000
    for number in 0..<names { #expect(table.intern(name(number)) == UInt32(number)) }
    #expect(table.count == names)
    for number in 0..<names {
      #expect(table.find(name(number)) == UInt32(number))
      #expect(table.name(of: UInt32(number)) == name(number))
    }
  }

  @Test("refuses a new name past its limit, and still knows the old ones")
  func limit() {
    let table = NameTable(limit: 3)
    for number in 0..<3 { #expect(table.intern(name(number)) != nil) }
    #expect(table.intern(name(3)) == nil)
    #expect(table.find(name(3)) == nil)
    #expect(table.intern(name(2)) == 2)
    #expect(table.count == 3)
  }

  @Test("gives threads that intern the same names the same numbers")
  func concurrent() throws {
    let table = NameTable()
    let names = 20_000
    let found = Locked<[[UInt32]]>([])
    let work: @Sendable () -> Void = {
      var mine: [UInt32] = []
      for number in 0..<names {
        let id = table.intern(name(number))!
        mine.append(id)
        let same = table.bytes(of: id).count == name(number).count
        precondition(same && table.find(name(number)) == id)
      }
      found.withLock { $0.append(mine) }
    }
    let first = try Thread.start(name: "first", work)
    let second = try Thread.start(name: "second", work)
    work()
    first.join()
    second.join()
    let all = found.withLock { $0 }
    #expect(all.count == 3)
    #expect(all[0] == all[1] && all[1] == all[2])
    #expect(Set(all[0]).count == names)
    #expect(table.count == names)
  }
}
