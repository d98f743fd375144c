import Durability
import Foundation
import Testing

@testable import Platform

@Suite("Directory access")
struct DirectoryAccessTests {
  private func mode(_ path: String) throws -> Int {
    try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  @Test("a directory and files that are their owner's alone stay as they are")
  func closed() throws {
    let folder = try TemporaryFolder()
    let disk = try FileDisk(path: folder.path)
    _ = try disk.create("a")
    chmod(folder.path, 0o700)
    #expect(try disk.tighten() == .closed)
    #expect(try mode(folder.path) == 0o700 && mode(folder.path + "/a") == 0o600)
  }

  @Test("what others may is taken away", arguments: [0o755, 0o777, 0o750, 0o701])
  func open(rights: Int) throws {
    let folder = try TemporaryFolder()
    let disk = try FileDisk(path: folder.path)
    _ = try disk.create("a")
    chmod(folder.path + "/a", 0o664)
    chown(folder.path, getuid(), getuid() == 0 ? 4711 : getgid())
    chmod(folder.path, mode_t(rights))
    #expect(try disk.tighten() == .tightened)
    #expect(try mode(folder.path) == 0o700 && mode(folder.path + "/a") == 0o600)
    #expect(try disk.tighten() == .closed)
  }

  @Test("the group 0 keeps what a container's volume gives it", .enabled(if: getuid() == 0))
  func containerVolume() throws {
    let folder = try TemporaryFolder()
    chown(folder.path, getuid(), 0)
    chmod(folder.path, 0o2775)
    #expect(try FileDisk(path: folder.path).tighten() == .tightened)
    #expect(try mode(folder.path) & 0o777 == 0o770)
    #expect(try FileDisk(path: folder.path).tighten() == .closed)
  }
}
