import Bytes
import Durability
import Foundation
import Platform
import Store
import Testing

@testable import Server

@Suite("Snapshots")
struct SnapshotsTests {
  private func snapshots(_ node: borrowing StartedNode, limit: Int = 5) throws -> Snapshots {
    try Snapshots(
      directory: node.storage.directory, keyring: node.storage.keyring,
      identity: node.storage.identity, limit: limit)
  }

  private func command(
    _ words: [String], _ directory: DataDirectory, key: [UInt8] = DataDirectory.key
  ) throws -> [String] {
    var said: [String] = []
    try SnapshotCommand(
      words, environment: { _ in nil }, file: ["DYNA_DATA_DIR": directory.path], embeddedKey: key
    ).run { said.append($0) }
    return said
  }

  private func failure(
    _ words: [String], _ directory: DataDirectory, key: [UInt8] = DataDirectory.key
  ) -> SnapshotCommand.Failure? {
    do {
      _ = try command(words, directory, key: key)
      return nil
    } catch { return error as? SnapshotCommand.Failure }
  }

  /// What a snapshot of these contents restores: everything but tombstones.
  private func live(_ contents: [String: Stored]) -> [String: Stored] {
    contents.filter { $0.value.value != nil }
  }

  private static let awkwardValues = [
    "{}", "{ \"a\" :\n[1.50e+3, \"\\u0000\\ud83d\"] }", "\"\u{2028}\u{1f600}\"", "null", "-0",
    "123456789012345678901234567890.10", "{\"a\":1,\"a\":2}",
  ]

  @Test("a snapshot restores every record, byte for byte, with version, owner and stamp")
  func roundTrip() throws {
    let directory = try DataDirectory()
    let (contents, name) = try directory.start { node in
      let world = node.world
      for (number, value) in Self.awkwardValues.enumerated() {
        try world.put("k\"\(number)\u{0}", value, by: "ow\"ner\u{e9}", table: "t/\(number % 3)")
        try world.put("k\"\(number)\u{0}", value, by: "ow\"ner\u{e9}", table: "t/\(number % 3)")
      }
      // Shards of many blocks.
      for number in 0..<300 {
        try world.put("big\(number)", World.value(number, bytes: 60_000 * (number % 7) / 6))
      }
      for number in 0..<50 { try world.delete("big\(number)") }
      try world.put("alice", "{\"hash\":\"x\"}", table: "auth")
      let taken = try #require(try snapshots(node).take(of: world.database))
      #expect(taken.summary.records == live(world.contents).count)
      return (world.contents, taken.name)
    }
    let target = try DataDirectory()
    let said = try command(["restore", name, target.path], directory)
    #expect(said == ["\(live(contents).count) records restored into \(target.path)"])
    try target.start { node in
      #expect(node.world.contents == live(contents))
      let receipt = try node.world.put("big50", "1")
      #expect(receipt.version == 2)
    }
  }

  @Test(
    "records that are there while a snapshot is taken are in it, each once, in one of their states")
  func concurrent() throws {
    let directory = try DataDirectory()
    let name = try directory.start { node in
      let world = node.world
      for number in 0..<3_000 { try world.put("k\(number)", World.value(0, bytes: 100)) }
      var random = SeededRandom(seed: 5)
      let taken = try snapshots(node).take(of: world.database) {
        for _ in 0..<5 {
          let key = "k\(random.next(below: 3_000))"
          _ = try? world.put(key, World.value(1, bytes: Int(random.next(below: 5_000))))
        }
        return false
      }
      return try #require(taken).name
    }
    let target = try DataDirectory()
    _ = try command(["restore", name, target.path], directory)
    try target.start { node in
      #expect(node.world.keys() == (0..<3_000).map { "k\($0)" }.sorted())
      #expect(node.world.contents.values.allSatisfy { $0.value?.hasPrefix("{\"n\":") == true })
    }
  }

  @Test("a snapshot that is told to stop leaves nothing behind")
  func stopped() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<2_000 { try node.world.put("k\(number)", World.value(1, bytes: 1_000)) }
      var asked = 0
      let taken = try snapshots(node).take(of: node.world.database) {
        asked += 1
        return asked > 600
      }
      #expect(taken == nil)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path + "/snapshots").isEmpty)
  }

  @Test("the newest are kept, as many as are asked for")
  func limit() throws {
    let directory = try DataDirectory()
    let names = try directory.start { node in
      let snapshots = try snapshots(node, limit: 2)
      var names: [String] = []
      for number in 0..<4 {
        try node.world.put("k", "\(number)")
        let name = try #require(try snapshots.take(of: node.world.database)).name
        #expect(!names.contains(name), "two snapshots of one millisecond are two files")
        names.append(name)
      }
      return names
    }
    #expect(
      try command(["list"], directory)
        == names.suffix(2).map { "\(directory.path)/snapshots/\($0)" })
  }

  @Test("a snapshot is asked for by a file, which goes away once it is there")
  func request() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let snapshots = try snapshots(node)
      #expect(!snapshots.isRequested)
      _ = try FileDisk(path: directory.path + "/snapshots").create(Snapshots.requestName)
      #expect(snapshots.isRequested)
      #expect(try snapshots.take(of: node.world.database) != nil)
      #expect(!snapshots.isRequested)
      #expect(try snapshots.take(of: node.world.database) != nil)
    }
  }

  @Test("who asks while a snapshot is under way waits for the next one")
  func lateRequest() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let snapshots = try snapshots(node)
      let disk = try FileDisk(path: directory.path + "/snapshots")
      let taken = try snapshots.take(of: node.world.database) {
        _ = try? disk.create(Snapshots.requestName)
        return false
      }
      #expect(taken != nil && snapshots.isRequested)
    }
  }

  @Test("a snapshot that is interrupted leaves the request to whoever comes after")
  func interruptedRequest() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      let snapshots = try snapshots(node)
      _ = try FileDisk(path: directory.path + "/snapshots").create(Snapshots.requestName)
      #expect(try snapshots.take(of: node.world.database, until: { true }) == nil)
      #expect(snapshots.isRequested)
    }
  }

  // MARK: The command

  @Test("without a running node the command writes the snapshot itself, and verifies it")
  func now() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<10 { try node.world.put("k\(number)", "1") }
      try node.commitToLog()
    }
    let path = try #require(try command(["now"], directory).first)
    #expect(try command(["list"], directory) == [path])
    let said = try command(["verify", path], directory)
    #expect(said.first?.contains("10 records, 10 bytes of values") == true)
    try directory.start { node in #expect(node.world.keys().count == 10) }
  }

  @Test("a damaged snapshot is refused and restores nothing")
  func damaged() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      for number in 0..<100 { try node.world.put("k\(number)", World.value(1, bytes: 2_000)) }
      try node.commitToLog()
    }
    let path = try #require(try command(["now"], directory).first)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 1_000] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(failure(["verify", path], directory)?.code == .damagedData)
    let target = try DataDirectory()
    #expect(failure(["restore", path, target.path], directory)?.code == .damagedData)
    #expect(!FileManager.default.fileExists(atPath: target.path))
  }

  @Test(
    "the wrong key, a directory that is not empty, and one that is none are refused in one line")
  func refusals() throws {
    let directory = try DataDirectory()
    try directory.start { node in
      try node.world.put("k", "1")
      try node.commitToLog()
    }
    let path = try #require(try command(["now"], directory).first)
    let other = [UInt8](repeating: 8, count: 32)
    let target = try DataDirectory()
    for refused in [
      failure(["verify", path], directory, key: other),
      failure(["restore", path, target.path], directory, key: other),
      failure(["restore", path, directory.path], directory),
      failure(["verify", directory.path + "/snapshots/nothing"], directory),
      failure(["verify", directory.path + "/node.json"], directory),
      failure(["now"], target), failure([], directory), failure(["nonsense"], directory),
      failure(["verify"], directory), failure(["restore", path], directory),
    ] {
      let message = try #require(refused).message
      #expect(!message.isEmpty && !message.contains("\n"), "\(message)")
    }
    #expect(try command(["list"], target) == [])
  }
}
