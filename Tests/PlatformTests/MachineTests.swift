import Bytes
import Glibc
import Platform
import Testing

@Suite("Machine")
struct MachineTests {
  @Test("there is at least one processor and some memory in use")
  func measures() {
    #expect(Machine.availableCores() >= 1)
    #expect(Machine.residentBytes() > 1 << 20)
    let (soft, hard) = Machine.raiseDescriptorLimit()
    #expect(soft == hard && soft >= 256)
  }

  @Test("the environment is read as it is now")
  func environment() {
    setenv("PLATFORM_TESTS_VARIABLE", "a value", 1)
    #expect(Machine.environment("PLATFORM_TESTS_VARIABLE") == "a value")
    unsetenv("PLATFORM_TESTS_VARIABLE")
    #expect(Machine.environment("PLATFORM_TESTS_VARIABLE") == nil)
  }

  @Test("a new file is written whole, and never over another")
  func newFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/key"
    let bytes = [UInt8](repeating: 3, count: 100_000)
    try Machine.writeNewFile(path, bytes.span)
    #expect(try Machine.readWholeFile(path, limit: 100_000) == bytes)
    #expect(try folder.mode("key") == 0o600)
    let error = #expect(throws: FileError.self) { try Machine.writeNewFile(path, [1].span) }
    #expect(error?.isTaken == true)
    #expect(try Machine.readWholeFile(path, limit: 100_000) == bytes)
  }

  @Test("a file is not read past the limit, and a missing one is told from others")
  func limits() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/file"
    try Machine.writeNewFile(path, [1, 2, 3].span)
    #expect(throws: FileError.tooLarge(path: path, limit: 2)) {
      try Machine.readWholeFile(path, limit: 2)
    }
    let missing = #expect(throws: FileError.self) {
      try Machine.readWholeFile(path + "no", limit: 2)
    }
    #expect(missing?.isMissing == true)
    let directory = #expect(throws: FileError.self) {
      try Machine.readWholeFile(folder.path, limit: 2)
    }
    #expect(directory == .system(path: folder.path, SystemError(call: "read", code: EISDIR)))
  }

  @Test("folders are made down to the last, for their owner alone, and once")
  func directories() throws {
    let folder = try TemporaryFolder()
    try Machine.makeDirectories(folder.path + "/a/b//c/")
    try Machine.makeDirectories(folder.path + "/a/b/c")
    #expect(try folder.mode("a/b/c") == 0o700 && folder.mode("a") == 0o700)
    try Machine.writeNewFile(folder.path + "/file", [1].span)
    #expect(throws: FileError.self) { try Machine.makeDirectories(folder.path + "/file") }
    #expect(throws: FileError.self) { try Machine.makeDirectories(folder.path + "/file/x") }
  }
}
