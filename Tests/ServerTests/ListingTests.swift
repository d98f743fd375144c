import Bytes
import Foundation
import HTTP
import JSON
import Store
import Testing

@testable import Server

@Suite("Listing")
struct ListingTests {
  /// All pieces of a listing, each by itself.
  private func pieces(
    _ content: Listing.Content, _ world: World, reader: OwnerID? = nil,
    between: (Int) -> Void = { _ in }
  ) -> [[UInt8]] {
    let listing = Listing(content, reader: reader)
    var pieces: [[UInt8]] = []
    while !listing.isFinished {
      pieces.append(written { listing.appendPiece(to: &$0, from: world.database) })
      between(pieces.count)
      guard pieces.count < 100_000 else {
        Issue.record("a listing without end")
        break
      }
    }
    return pieces
  }

  private func whole(
    _ content: Listing.Content, _ world: World, reader: OwnerID? = nil
  ) -> [UInt8] {
    pieces(content, world, reader: reader).flatMap { $0 }
  }

  private func table(_ name: String, _ world: World) throws -> Table {
    world.database.tables.table(try #require(world.id(name)))
  }

  private func chosen(_ document: String, _ table: Table) throws -> Listing.Content {
    let bytes = utf8(document)
    let element = try JSONValidator.check(bytes.span)
    return .chosen(table, document: bytes, JSONCursor(element))
  }

  /// The names of a JSON object's members, as they come.
  private func names(_ document: [UInt8]) throws -> [String] {
    var cursor = JSONCursor(try JSONValidator.check(document.span))
    var names: [String] = []
    while let member = cursor.nextMember(in: document.span) {
      names.append(text(JSONReader.string(member.name, in: document.span) ?? []))
    }
    return names
  }

  private static let awkward = [
    "", "a", "A", "z", "a/b", "/", "%2F", "quote\"d", "back\\slash", "tab\t", "\u{0}",
    "\u{1}\u{1f}",
    "\u{e9}", "e\u{301}", "\u{1f600}", "\u{2028}", "ключ", "__proto__", "value",
    String(repeating: "k", count: 1024),
  ]

  // MARK: Keys

  @Test("an empty table has no keys and no records")
  func empty() throws {
    let world = try World()
    let table = try table("default", world)
    #expect(text(whole(.keys(table), world)) == "[]")
    #expect(text(whole(.records(table), world)) == "{}")
    #expect(text(whole(try chosen("[]", table), world)) == "{}")
    #expect(text(whole(try chosen("[\"a\"]", table), world)) == "{}")
  }

  @Test("keys come as a JSON array in byte order, whatever is in them")
  func keys() throws {
    let world = try World()
    for key in Self.awkward.shuffled() { try world.put(key, "1") }
    let document = whole(.keys(try table("default", world)), world)
    let expected = Self.awkward.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let found = try #require(json(document) as? [String])
    #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test("deleted keys are not listed, and come back when they are written again")
  func deleted() throws {
    let world = try World()
    let table = try table("default", world)
    for key in ["a", "b", "c"] { try world.put(key, "1") }
    try world.delete("b")
    #expect(text(whole(.keys(table), world)) == #"["a","c"]"#)
    #expect(try names(whole(.records(table), world)) == ["a", "c"])
    try world.put("b", "2")
    #expect(text(whole(.keys(table), world)) == #"["a","b","c"]"#)
    for key in ["a", "b", "c"] { try world.delete(key) }
    #expect(text(whole(.keys(table), world)) == "[]")
    #expect(text(whole(.records(table), world)) == "{}")
  }

  @Test("a long listing comes in bounded pieces that together are one document")
  func piecesOfKeys() throws {
    let world = try World()
    for number in 0..<20_000 { try world.put("key\(number)", "1") }
    let pieces = try pieces(.keys(table("default", world)), world)
    #expect(pieces.count > 3)
    #expect(pieces.allSatisfy { $0.count < 2 * Limits.listingPieceBytes })
    let found = try #require(json(pieces.flatMap { $0 }) as? [String])
    #expect(found == (0..<20_000).map { "key\($0)" }.sorted())
  }

  // MARK: Records

  @Test("records stand under their keys, as GET shows them")
  func records() throws {
    let world = try World()
    for key in Self.awkward { try world.put(key, "{ \"n\": 1.50 }", by: "o\"wner") }
    let document = whole(.records(try table("default", world)), world)
    #expect(
      try names(document).map { Array($0.utf8) }
        == Self.awkward.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { Array($0.utf8) }
    )
    let record = try #require(world.stored("a"))
    #expect(
      text(document).contains(
        "\"a\":{\"value\":{ \"n\": 1.50 },\"version\":1,\"timestamp\":\(record.stamp.milliseconds),\"owner\":\"o\\\"wner\"}"
      ))
  }

  @Test(
    "values of any size: each record once, in pieces of no more than one record beyond the bound",
    arguments: [10, 1_000, 30_000, 100_000])
  func sizes(bytes: Int) throws {
    let world = try World()
    let value = "\"" + String(repeating: "v", count: bytes) + "\""
    let count = 300
    for number in 0..<count { try world.put("key\(number)", value) }
    let pieces = try pieces(.records(table("default", world)), world)
    #expect(pieces.allSatisfy { $0.count < Limits.listingPieceBytes + bytes + 200 })
    #expect(try names(pieces.flatMap { $0 }) == (0..<count).map { "key\($0)" }.sorted())
  }

  @Test("what is there throughout is listed once, whatever comes and goes between the pieces")
  func changes() throws {
    let world = try World()
    let steady = (0..<2_000).map { "steady\($0)" }
    for key in steady { try world.put(key, "\"" + String(repeating: "v", count: 300) + "\"") }
    for number in 0..<2_000 { try world.put("stXbriefly\(number)", "1") }
    var random = SeededRandom(seed: 4)
    let pieces = try pieces(.records(table("default", world)), world) { piece in
      #expect(throws: Never.self) { try comeAndGo(world, piece, &random) }
    }
    #expect(pieces.count > 5)
    let found = try names(pieces.flatMap { $0 })
    #expect(Set(found).count == found.count)
    #expect(found.filter { $0.hasPrefix("steady") } == steady.sorted())
  }

  private func comeAndGo(_ world: World, _ piece: Int, _ random: inout SeededRandom) throws {
    for _ in 0..<50 {
      let key = "stXbriefly\(random.next(below: 2_000))"
      if world.value(key) == nil { try world.put(key, "2") } else { try world.delete(key) }
      try world.put("steady\(random.next(below: 2_000))", "\"changed\"")
      try world.put("a-new-one-\(piece)-\(random.next())", "3")
      try world.put("z-new-one-\(piece)-\(random.next())", "3")
    }
  }

  @Test("a reader who sees only what is theirs gets that and no more")
  func reader() throws {
    let world = try World()
    let table = try table("default", world)
    for number in 0..<1_000 {
      try world.put("key\(number)", "1", by: number % 3 == 0 ? "alice" : "bob")
    }
    let expected = (0..<1_000).filter { $0 % 3 == 0 }.map { "key\($0)" }.sorted()
    let alice = world.owner("alice")
    #expect(json(whole(.keys(table), world, reader: alice)) as? [String] == expected)
    #expect(try names(whole(.records(table), world, reader: alice)) == expected)
    let asked = try chosen(#"["key0","key1","key3","nothing"]"#, table)
    #expect(try names(whole(asked, world, reader: alice)) == ["key0", "key3"])
    let nobody = world.owner("nobody")
    #expect(text(whole(.keys(table), world, reader: nobody)) == "[]")
    #expect(text(whole(.records(table), world, reader: nobody)) == "{}")
  }

  @Test("where nothing is the reader's no piece looks at more than a few thousand keys")
  func looks() throws {
    let world = try World()
    let table = try table("default", world)
    for number in 0..<20_000 { try world.put("key\(number)", "1") }
    let nobody = world.owner("nobody")
    for content in [Listing.Content.keys(table), .records(table)] {
      let pieces = pieces(content, world, reader: nobody)
      #expect(pieces.count >= 20_000 / (Limits.listingLooksMax + 256))
      #expect(pieces.flatMap { $0 }.count == 2)
    }
    let missing = "[" + (0..<20_000).map { "\"missing\($0)\"" }.joined(separator: ",") + "]"
    let pieces = pieces(try chosen(missing, table), world)
    #expect(pieces.count >= 4)
    #expect(text(pieces.flatMap { $0 }) == "{}")
  }

  // MARK: Chosen keys

  @Test("chosen keys come in the order in which they were asked for, those that exist, each once")
  func chosenKeys() throws {
    let world = try World()
    let table = try table("default", world)
    for key in ["a", "b", "c", "\u{e9}", "\u{1f600}"] { try world.put(key, "\"\(key)\"") }
    try world.delete("b")
    let asked = #"["c","a","missing","b","a","\u0061","c", "\ud83d\ude00" ,"\ud83d","\u00e9"]"#
    #expect(
      try names(whole(chosen(asked, table), world)) == ["c", "a", "\u{1f600}", "\u{e9}"])
  }

  @Test("many chosen keys come in bounded pieces")
  func manyChosen() throws {
    let world = try World()
    let table = try table("default", world)
    let value = "\"" + String(repeating: "v", count: 1_000) + "\""
    for number in 0..<1_000 { try world.put("key\(number)", value) }
    let asked = (0..<1_500).reversed().map { "key\($0)" }
    let document = "[" + asked.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    let pieces = pieces(try chosen(document, table), world)
    #expect(pieces.count > 10)
    #expect(pieces.allSatisfy { $0.count < Limits.listingPieceBytes + 1_200 })
    #expect(try names(pieces.flatMap { $0 }) == Array(asked.dropFirst(500)))
  }

  @Test("a key longer than any record's is asked for in vain")
  func longKey() throws {
    let world = try World()
    let table = try table("default", world)
    let long = String(repeating: "k", count: 100_000)
    #expect(text(whole(try chosen("[\"\(long)\"]", table), world)) == "{}")
  }

  // MARK: Everything

  @Test("everything of no table is an empty object")
  func noTables() throws {
    let world = try World()
    #expect(text(whole(.everything([]), world)) == "{}")
  }

  @Test("a table without records is an empty object among the others, wherever it stands")
  func emptyTables() throws {
    let world = try World()
    let empty = try (0..<3).map { try table("empty\($0)", world) }
    let full = try table("full", world)
    try world.put("k", "1", table: "full")
    let record = try #require(
      text(whole(.records(full), world)).wholeMatch(of: /\{"k":(.*)\}/)?.output.1)
    #expect(text(whole(.everything([empty[0]]), world)) == #"{"empty0":{}}"#)
    #expect(text(whole(.everything([empty[0], empty[1]]), world)) == #"{"empty0":{},"empty1":{}}"#)
    #expect(text(whole(.everything([full]), world)) == #"{"full":{"k":\#(record)}}"#)
    #expect(
      text(whole(.everything([empty[0], full]), world)) == #"{"empty0":{},"full":{"k":\#(record)}}"#
    )
    #expect(
      text(whole(.everything([full, empty[0]]), world)) == #"{"full":{"k":\#(record)},"empty0":{}}"#
    )
    #expect(
      text(whole(.everything([empty[0], full, empty[1], empty[2]]), world))
        == #"{"empty0":{},"full":{"k":\#(record)},"empty1":{},"empty2":{}}"#)
    try world.delete("k", table: "full")
    #expect(text(whole(.everything([full, empty[0]]), world)) == #"{"full":{},"empty0":{}}"#)
  }

  @Test(
    "everything of tables of any size is one document, its pieces bounded",
    arguments: [1, 2, 3, 4] as [UInt64])
  func everything(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let world = try World()
    var tables: [Table] = []
    var expected: [String: [String]] = [:]
    for number in 0..<12 {
      let name = "t\"\(number)"
      tables.append(try table(name, world))
      // Some empty, some of one batch, some of many, some whose last record ends a piece.
      let counts: [UInt64] = [0, 0, 1, 10, 256, 257, 1_000]
      let count = Int(counts[Int(random.next(below: UInt64(counts.count)))])
      let bytes = Int(random.next(below: 5) == 0 ? 70_000 : random.next(below: 500))
      let value = "\"" + String(repeating: "v", count: bytes) + "\""
      expected[name] = []
      for key in 0..<min(count, bytes > 10_000 ? 10 : 1_000) {
        try world.put("k\(key)", value, table: name)
        expected[name]?.append("k\(key)")
      }
    }
    let pieces = pieces(.everything(tables), world)
    #expect(pieces.allSatisfy { $0.count < Limits.listingPieceBytes + 71_000 })
    let document = pieces.flatMap { $0 }
    #expect(try names(document) == tables.map { text($0.name) })
    let found = try #require(json(document) as? [String: [String: Any]])
    #expect(found.mapValues { $0.keys.sorted() } == expected.mapValues { $0.sorted() })
  }
}
