import Bytes
import Durability
import Simulation
import Testing

/// The expected bytes come from a second implementation of docs/formats/log.md, in Python.
@Suite("Log: bytes on disk")
struct LogFormatTests {
  /// A segment with a salt of 0, 1, 2 … and two frames: one with a clock ceiling, one empty.
  private func segment() throws -> [UInt8] {
    let disk = SimulatedDisk(seed: 1)
    var log = LogWriter(
      disk: disk, keyring: Fixed.keyring(), identity: Fixed.identity,
      recovered: RecoveryReport(), options: LogWorld.smallOptions, random: Fixed.counting())
    var entries = ByteBuffer()
    LogEntry.appendClockCeiling(0x0102_0304, into: &entries)
    try log.commit(entries.span, firstLSN: 1, count: 1)
    try log.sync()
    try log.commit(Span(), firstLSN: 2, count: 0)
    return try #require(disk.content(of: "wal-0000000000000001.log"))
  }

  @Test("the head of a segment has these bytes, twice")
  func head() throws {
    let content = try segment()
    let salt = hex(Array(0..<32))
    let fields =
      hex(Array("DYNALOG1".utf8)) + "8877665544332211" + "bbaa000000000000" + "03000000"
      + "01000000" + "0100000000000000" + "0100000000000000" + salt
    let zeros = String(repeating: "00", count: 44)
    #expect(hex(Array(content[0..<128])) == fields + zeros + "aa15f8f6")
    #expect(content[512..<640] == content[0..<128])
    #expect(content[128..<512].allSatisfy { $0 == 0 })
    #expect(content[640..<1024].allSatisfy { $0 == 0 })
    #expect(content.count == 4096)
  }

  @Test("a frame has these bytes")
  func frame() throws {
    let content = try segment()
    #expect(
      hex(Array(content[1024..<1024 + 32 + 13 + 16]))
        == "1d000000" + "8dc25b42" + "0100000000000000" + "01000000" + "00000000"
        + "0000000000000000"
        + "61d69c8e49c53b74e56693985dfa347bde5ad2608952c3702742960a92")
  }

  @Test("an empty frame has these bytes, and follows at once")
  func emptyFrame() throws {
    let content = try segment()
    #expect(
      hex(Array(content[1085..<1085 + 48]))
        == "10000000" + "a73e04dc" + "0200000000000000" + "00000000" + "01000000"
        + "0100000000000000" + "c5ef64aeaac3eaac509ea9f246815ebe")
    #expect(content[1133...].allSatisfy { $0 == 0 })
  }
}
