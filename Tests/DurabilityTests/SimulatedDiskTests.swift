import Bytes
import Durability
import Simulation
import Testing

@Suite("Simulated disk")
struct SimulatedDiskTests {
  /// A durable file of three pages.
  private func disk(seed: UInt64) throws -> (SimulatedDisk, SimulatedFile) {
    let disk = SimulatedDisk(seed: seed)
    let file = try disk.create("a")
    try file.write([UInt8](repeating: 1, count: 3 * 4096).span, at: 0)
    try file.sync()
    try disk.syncDirectory()
    return (disk, file)
  }

  private func outcomes(_ change: (SimulatedDisk, SimulatedFile) throws -> Void) throws
    -> [[UInt8]?]
  {
    try (0..<UInt64(60)).map { seed in
      let (disk, file) = try disk(seed: seed)
      try change(disk, file)
      return disk.afterCrash().content(of: "a")
    }
  }

  @Test("what was synced survives every crash")
  func synced() throws {
    let expected = [UInt8](repeating: 2, count: 5 * 4096)
    let outcomes = try outcomes { disk, file in
      try file.write(expected.span, at: 0)
      try file.sync()
    }
    #expect(outcomes.allSatisfy { $0 == expected })
  }

  @Test("of what was not synced a crash keeps all, nothing, some pages, or parts of a page")
  func unsynced() throws {
    let new = [UInt8](repeating: 2, count: 3 * 4096)
    let old = [UInt8](repeating: 1, count: 3 * 4096)
    let outcomes = try outcomes { disk, file in try file.write(new.span, at: 0) }.compactMap { $0 }
    #expect(outcomes.count == 60)
    #expect(outcomes.allSatisfy { $0.allSatisfy { $0 == 1 || $0 == 2 } })
    #expect(outcomes.contains(old))
    #expect(outcomes.contains(new))
    let pages = outcomes.map { $0[0..<4096] }
    #expect(pages.contains { $0.contains(1) && $0.contains(2) })
    #expect(outcomes.contains { $0[0] == 1 && $0[3 * 4096 - 1] == 2 })
  }

  @Test("an older content of a page may survive instead of the newest")
  func olderContent() throws {
    let outcomes = try outcomes { disk, file in
      for value in [2, 3] as [UInt8] {
        try file.write([UInt8](repeating: value, count: 4096).span, at: 0)
      }
    }
    let first = Set(outcomes.compactMap { $0?.first })
    #expect(first == [1, 2, 3])
  }

  @Test("a length that was not synced may be lost")
  func length() throws {
    let outcomes = try outcomes { disk, file in
      try file.write([UInt8](repeating: 2, count: 4096).span, at: 3 * 4096)
    }
    #expect(Set(outcomes.map { $0?.count }) == [3 * 4096, 4 * 4096])
    let cut = try self.outcomes { disk, file in try file.truncate(to: 5) }
    #expect(Set(cut.map { $0?.count }) == [3 * 4096, 5])
  }

  @Test("names that were not synced may be lost, and renames undone")
  func names() throws {
    var seen: Set<[String]> = []
    for seed in 0..<UInt64(200) {
      let (disk, _) = try disk(seed: seed)
      _ = try disk.create("b")
      try disk.rename("a", to: "c")
      seen.insert(try disk.afterCrash().names())
    }
    #expect(seen == [["a"], ["a", "b"], ["b", "c"], ["c"]])
  }

  @Test("a rename replaces a file and survives a directory sync")
  func rename() throws {
    let (disk, _) = try disk(seed: 1)
    let file = try disk.create("b")
    try file.write([9].span, at: 0)
    try file.sync()
    try disk.rename("b", to: "a")
    try disk.syncDirectory()
    let after = disk.afterCrash()
    #expect(try after.names() == ["a"])
    #expect(after.content(of: "a") == [9])
  }

  @Test("a failed sync forgets what it should have written, and the next one succeeds")
  func failedSync() throws {
    for seed in 0..<UInt64(10) {
      let (disk, file) = try disk(seed: seed)
      disk.failSync(number: 2)
      try file.write([7].span, at: 0)
      #expect(throws: DiskError(call: "sync", name: "a", code: DiskError.inputOutput)) {
        try file.sync()
      }
      try file.sync()
      #expect(disk.content(of: "a")?.first == 7)
      #expect(disk.afterKill().content(of: "a")?.first == 7)
      #expect(disk.afterCrash().content(of: "a")?.first == 1)
    }
  }

  @Test("a full disk refuses what needs more pages, and nothing else")
  func capacity() throws {
    let (disk, file) = try disk(seed: 1)
    disk.setCapacity(3 * 4096)
    #expect(try disk.freeBytes().free == 0)
    try file.write([5].span, at: 9)
    do {
      try file.write([5].span, at: 3 * 4096)
      Issue.record("there was no room")
    } catch { #expect(error.isOutOfSpace) }
    #expect(try file.size() == 3 * 4096)
    try disk.remove("a")
    #expect(try disk.freeBytes().free == 3 * 4096)
  }

  @Test("the machine stops at the step that was named, and stays down")
  func crashStep() throws {
    let (disk, file) = try disk(seed: 1)
    disk.crash(at: disk.steps + 2)
    try file.write([2].span, at: 0)
    #expect(throws: DiskError.self) { try file.sync() }
    #expect(disk.hasCrashed)
    #expect(throws: DiskError.self) { _ = try disk.names() }
    #expect(throws: DiskError.self) { try file.write([2].span, at: 0) }
    #expect(try disk.afterCrash().names() == ["a"])
  }

  @Test("the same seed gives the same crash")
  func deterministic() throws {
    func run() throws -> [UInt8]? {
      let (disk, file) = try disk(seed: 42)
      for index in 0..<20 {
        try file.write([UInt8](repeating: UInt8(index), count: 700).span, at: UInt64(index * 600))
      }
      return disk.afterCrash().content(of: "a")
    }
    #expect(try run() == run())
  }

  @Test("missing and existing names are refused as a file system does")
  func errors() throws {
    let (disk, _) = try disk(seed: 1)
    #expect(throws: DiskError(call: "open", name: "x", code: DiskError.noEntry)) {
      _ = try disk.open("x")
    }
    #expect(throws: DiskError(call: "create", name: "a", code: DiskError.exists)) {
      _ = try disk.create("a")
    }
    #expect(throws: DiskError(call: "remove", name: "x", code: DiskError.noEntry)) {
      try disk.remove("x")
    }
  }
}
