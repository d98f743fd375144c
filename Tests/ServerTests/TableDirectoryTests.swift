import Bytes
import Platform
import Store
import Testing

@testable import Server

@Suite("Table directory")
struct TableDirectoryTests {
  @Test("a new directory has the users and the table that always exists")
  func beginning() {
    let tables = TableDirectory()
    #expect(tables.all.map { text($0.name) } == ["auth", "default"])
    #expect(tables.users.isReserved)
    #expect(tables.all.allSatisfy { $0.count == 0 })
  }

  @Test("a name that is known is no table before it has a record")
  func existence() throws {
    let tables = TableDirectory()
    #expect(tables.known("t") == nil)
    let id = tables.numbered("t")
    #expect(tables.known("t") == id)
    #expect(tables.existing(id) == nil)
    #expect(tables.existing(TableID(rawValue: 1_000_000)) == nil)
    let table = tables.table(id)
    #expect(tables.existing(id) === table && tables.table(id) === table)
    #expect(text(table.name) == "t" && !table.isReserved)
    #expect(text([UInt8](copying: tables.name(of: id))) == "t")
  }

  @Test("tables come in the byte order of their names, those that do not exist left out")
  func order() throws {
    let tables = TableDirectory()
    for name in ["zebra", "\u{e9}", "Z", "a", "hidden", "e\u{301}"] {
      let id = tables.numbered(name)
      if name != "hidden" { _ = tables.table(id) }
    }
    #expect(
      tables.all.map { text($0.name) }
        == ["Z", "a", "auth", "default", "e\u{301}", "zebra", "\u{e9}"])
  }

  @Test("those who only read take half of the names at most, and known ones for ever")
  func readers() throws {
    let tables = TableDirectory()
    let id = try #require(tables.forReader("t"))
    #expect(tables.forReader("t") == id)
    var number = 0
    while tables.forReader("t\(number)") != nil { number += 1 }
    #expect(number > 1000 && number < NameTable.namesMax)
    #expect(tables.forReader("t") == id)
    #expect(tables.known("a table to write to") == nil)
    _ = tables.numbered("a table to write to")
  }

  @Test(
    "reserved are auth, admin, internal, and what begins with an underscore, byte for byte",
    arguments: [
      ("auth", true), ("admin", true), ("internal", true), ("_", true), ("_x", true),
      ("__proto__", true), ("", false), ("Auth", false), ("auth ", false), ("authx", false),
      ("aut", false), ("ADMIN", false), ("internals", false), ("x_", false), ("default", false),
      ("\u{ff3f}x", false), ("\u{0430}uth", false),
    ])
  func reserved(name: String, expected: Bool) {
    let isReserved = utf8(name).span.isReservedTableName
    #expect(isReserved == expected)
  }

  @Test("threads that make the same tables at once make each once")
  func threads() throws {
    let tables = TableDirectory()
    let handles = try (0..<4).map { thread in
      Handover(
        try Thread.start(name: "tables-\(thread)") {
          for number in 0..<2_000 {
            let id = tables.numbered("t\(number)")
            _ = tables.table(id)
          }
        })
    }
    for handle in handles { handle.take().join() }
    #expect(tables.all.count == 2_002)
  }
}

extension TableDirectory {
  fileprivate func numbered(_ name: String) -> TableID { intern(utf8(name).span)! }
  fileprivate func known(_ name: String) -> TableID? { find(utf8(name).span) }
  fileprivate func forReader(_ name: String) -> TableID? { internForReader(utf8(name).span) }
}
