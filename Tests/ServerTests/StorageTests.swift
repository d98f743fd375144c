import Bytes
import Durability
import Foundation
import Platform
import Store
import Testing

@testable import Server

@Suite("Storage")
struct StorageTests {
  private func refusal(_ body: () throws -> Void) -> StorageError? {
    do {
      try body()
      return nil
    } catch { return error as? StorageError }
  }

  @Test("a new directory is made, with an identity that stays while its starts are counted")
  func identity() throws {
    let directory = try DataDirectory()
    let first = try directory.start { node in
      #expect(node.report.records == 0 && node.report.logEntries == 0)
      return node.storage.identity
    }
    let second = try directory.start { $0.storage.identity }
    #expect(second.node == first.node && second.cluster == first.cluster)
    #expect(second.boot == first.boot + 1)
  }

  @Test("one process at a time has the directory")
  func lock() throws {
    let directory = try DataDirectory()
    try directory.start { _ in
      let refused = refusal { try directory.start { _ in } }
      #expect(refused?.code == .cannotStart)
      #expect(refused?.message.contains(directory.path) == true)
    }
    try directory.start { _ in }
  }

  @Test("another key is refused, and nothing is changed")
  func wrongKey() throws {
    let directory = try DataDirectory()
    let contents = try directory.start { node in
      try node.world.put("k", "1")
      try node.commitToLog()
      _ = try node.checkpointer.run()
      return node.world.contents
    }
    let refused = refusal {
      try directory.start(key: [UInt8](repeating: 8, count: 32)) { _ in }
    }
    let message = try #require(refused).message
    #expect(message.contains("key") && !message.contains("\n"))
    try directory.start { node in #expect(node.world.contents == contents) }
  }

  @Test("a row that was changed is refused, and never serves a wrong value")
  func damagedRow() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<100 { try node.world.put("k\(number)", "1") }
      _ = try node.checkpointer.run()
      var (id, row) = try #require(try node.rows().first)
      row[row.count / 2] ^= 1
      try node.checkpointer.store.begin()
      try node.checkpointer.store.replaceBlock(id, row.span)
      try node.checkpointer.store.commit()
    }
    let refused = try #require(refusal { try directory.start { _ in } })
    #expect(refused.code == .damagedData && refused.message.contains("storage.db"))
  }

  @Test("a row under another's number is refused")
  func movedRow() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<100 { try node.world.put("k\(number)", "1") }
      _ = try node.checkpointer.run()
      let rows = try node.rows().sorted { $0.key < $1.key }
      let other = rows[1].value
      try node.checkpointer.store.begin()
      try node.checkpointer.store.replaceBlock(rows[0].key, other.span)
      try node.checkpointer.store.commit()
    }
    #expect(refusal { try directory.start { _ in } }?.code == .damagedData)
  }

  @Test("the node.json of another cluster is refused: its records would lie elsewhere")
  func otherCluster() throws {
    let (directory, other) = (try DataDirectory(), try DataDirectory())
    for place in [directory, other] {
      try place.start { node in
        for number in 0..<20 { try node.world.put("k\(number)", "1") }
        _ = try node.checkpointer.run()
      }
    }
    let files = (directory.path + "/node.json", other.path + "/node.json")
    let own = try Data(contentsOf: URL(fileURLWithPath: files.0))
    let foreign = try Data(contentsOf: URL(fileURLWithPath: files.1))
    try foreign.write(to: URL(fileURLWithPath: files.0))
    let refused = try #require(refusal { try directory.start { _ in } })
    #expect(refused.code == .damagedData && refused.message.contains("node.json"))
    try own.write(to: URL(fileURLWithPath: files.0))
    try directory.start { node in #expect(node.world.value("k7") == "1") }
  }

  @Test("a file that is no database is refused")
  func noDatabase() throws {
    let directory = try DataDirectory()
    try directory.start { _ in }
    try Data("this is no database, but long enough to be taken for one at first sight".utf8)
      .write(to: URL(fileURLWithPath: directory.path + "/storage.db"))
    let refused = try #require(refusal { try directory.start { _ in } })
    #expect(refused.message.contains("storage.db") && !refused.message.contains("\n"))
  }

  @Test("each start is an origin of its own, and later stamps win over earlier ones")
  func origins() throws {
    let directory = try DataDirectory()
    var stamps: [Stamp] = []
    for start in 0..<4 {
      try directory.start { node in
        let receipt = try node.world.put("k", "\(start)")
        #expect(receipt.version == UInt64(start + 1))
        try node.commitToLog()
        stamps.append(try #require(node.world.stored("k")).stamp)
      }
    }
    #expect(stamps == stamps.sorted() && Set(stamps.map(\.boot)).count == 4)
    try directory.start { node in #expect(node.world.value("k") == "3") }
  }
}
