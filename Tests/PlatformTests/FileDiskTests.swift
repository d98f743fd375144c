import Bytes
import Durability
import Glibc
import Platform
import Testing

@Suite("FileDisk")
struct FileDiskTests {
  let folder: TemporaryFolder
  let disk: FileDisk

  init() throws {
    folder = try TemporaryFolder()
    disk = try FileDisk(path: folder.path)
  }

  private func content(_ file: OpenFile, at offset: UInt64 = 0, count: Int = 1 << 20) throws
    -> [UInt8]
  {
    var buffer = ByteBuffer()
    let read = try file.read(at: offset, count: count, into: &buffer)
    #expect(read == buffer.count)
    return buffer.copied()
  }

  @Test("what is written at an offset is read there, also after reopening")
  func roundTrip() throws {
    let file = try disk.create("log")
    try file.write([1, 2, 3, 4].span, at: 0)
    try file.write([9, 9].span, at: 1)
    try file.sync()
    #expect(try content(file) == [1, 9, 9, 4])
    let again = try disk.open("log")
    #expect(try content(again, at: 2, count: 1) == [9])
    #expect(try again.size() == 4)
  }

  @Test("a write past the end leaves a hole of zeros")
  func hole() throws {
    let file = try disk.create("log")
    try file.write([7].span, at: 5)
    #expect(try content(file) == [0, 0, 0, 0, 0, 7])
  }

  @Test("reading appends, and past the end there is nothing")
  func readAppends() throws {
    let file = try disk.create("log")
    try file.write([1, 2, 3].span, at: 0)
    var buffer = ByteBuffer()
    buffer.append([0])
    #expect(try file.read(at: 1, count: 10, into: &buffer) == 2)
    #expect(buffer.copied() == [0, 2, 3])
    #expect(try file.read(at: 3, count: 10, into: &buffer) == 0)
    #expect(try file.read(at: 0, count: 0, into: &buffer) == 0)
    #expect(buffer.count == 3)
  }

  @Test("reads no more than was asked for")
  func readsNoMore() throws {
    let file = try disk.create("log")
    try file.write([1, 2, 3].span, at: 0)
    #expect(try content(file, count: 2) == [1, 2])
  }

  @Test("truncating cuts off and extends")
  func truncate() throws {
    let file = try disk.create("log")
    try file.write([1, 2, 3].span, at: 0)
    try file.truncate(to: 1)
    try file.truncate(to: 3)
    #expect(try content(file) == [1, 0, 0])
  }

  @Test("a new file can be read by its owner alone")
  func mode() throws {
    _ = try disk.create("log")
    #expect(try folder.mode("log") == 0o600)
  }

  @Test("plain files are listed by their bytes, and nothing else is")
  func names() throws {
    for name in ["b", "a", "é", "B", "a.tmp"] { _ = try disk.create(name) }
    #expect(mkdir(folder.path + "/folder", 0o700) == 0)
    #expect(symlink("a", folder.path + "/link") == 0)
    #expect(try disk.names() == ["B", "a", "a.tmp", "b", "é"])
    #expect(try disk.names().count == 5)
  }

  @Test("renaming replaces, removing removes")
  func renameRemove() throws {
    try disk.create("a").write([1].span, at: 0)
    try disk.create("b").write([2].span, at: 0)
    try disk.rename("a", to: "b")
    try disk.syncDirectory()
    #expect(try disk.names() == ["b"])
    #expect(try content(disk.open("b")) == [1])
    try disk.remove("b")
    #expect(try disk.names() == [])
  }

  @Test("errors name the call, the file and the reason")
  func errors() throws {
    _ = try disk.create("taken")
    #expect(throws: DiskError(call: "open", name: "none", code: ENOENT)) { try disk.open("none") }
    #expect(throws: DiskError(call: "open", name: "taken", code: EEXIST)) {
      try disk.create("taken")
    }
    #expect(throws: DiskError(call: "rename", name: "none", code: ENOENT)) {
      try disk.rename("none", to: "b")
    }
    #expect(throws: DiskError(call: "unlink", name: "none", code: ENOENT)) {
      try disk.remove("none")
    }
    #expect(throws: DiskError(call: "open", name: "/no/such/folder", code: ENOENT)) {
      try FileDisk(path: "/no/such/folder")
    }
  }

  @Test("does not follow a link out of the directory")
  func links() throws {
    #expect(symlink("/etc/passwd", folder.path + "/link") == 0)
    #expect(throws: DiskError(call: "open", name: "link", code: ELOOP)) { try disk.open("link") }
  }

  @Test("a disk without room is out of space, and a sync of nothing is none of its business")
  func outOfSpace() throws {
    // /dev/full takes no byte: the kernel's own full disk.
    let devices = try FileDisk(path: "/dev")
    let full = try devices.open("full")
    #expect {
      try full.write([1].span, at: 0)
    } throws: { ($0 as? DiskError)?.isOutOfSpace == true }
  }

  @Test("there is not more free than there is in all")
  func freeBytes() throws {
    let (free, total) = try disk.freeBytes()
    #expect(total > 0 && free <= total)
  }
}

@Suite("DirectoryLock")
struct DirectoryLockTests {
  @Test("a second holder is refused by the number of the first")
  func second() throws {
    let folder = try TemporaryFolder()
    let lock = try DirectoryLock(directory: folder.path)
    #expect(throws: DirectoryLockError.held(directory: folder.path, by: getpid())) {
      _ = try DirectoryLock(directory: folder.path)
    }
    _ = consume lock
  }

  @Test("another process is refused")
  func otherProcess() throws {
    let folder = try TemporaryFolder()
    let lock = try DirectoryLock(directory: folder.path)
    #expect(try run("/usr/bin/flock", "--nonblock", folder.path + "/lock", "true") == 1)
    _ = consume lock
    #expect(try run("/usr/bin/flock", "--nonblock", folder.path + "/lock", "true") == 0)
  }

  @Test("whoever lets go makes room for the next")
  func release() throws {
    let folder = try TemporaryFolder()
    do { _ = try DirectoryLock(directory: folder.path) }
    _ = try DirectoryLock(directory: folder.path)
    #expect(try folder.mode("lock") == 0o600)
  }

  @Test("a missing directory is named")
  func missing() {
    #expect(
      throws: DirectoryLockError.system(
        path: "/no/such/lock", SystemError(call: "open", code: ENOENT))
    ) { _ = try DirectoryLock(directory: "/no/such") }
  }

  private func run(_ words: String...) throws -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, words[0], nil, nil, &arguments, environ)
    guard code == 0 else { throw SystemError(call: "posix_spawn", code: code) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) == -1, errno == EINTR {}
    return status >> 8 & 0xff
  }
}
