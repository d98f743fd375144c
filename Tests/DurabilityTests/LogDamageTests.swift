import Bytes
import Simulation
import Testing

@testable import Durability

@Suite("Log: damage and torn tails")
struct LogDamageTests {
  @Test("a flipped byte in any frame is refused, with the segment and the offset of the frame")
  func everyFrame() throws {
    let image = try LogImage(entries: 60)
    let frames = try image.frames().filter { $0.count > 0 }
    #expect(Set(frames.map { $0.segment }).count >= 3)
    #expect(frames.count == 60)
    for (index, frame) in frames.enumerated() {
      for place in stride(from: index % 5, to: frame.byteCount, by: 11) {
        #expect(throws: RecoveryError.self) {
          do {
            _ = try image.recover { LogImage.flip($0, frame.segment, at: frame.offset + place) }
          } catch RecoveryError.damaged(let segment, let offset, _) {
            #expect(segment == frame.segment)
            #expect(offset == frame.offset)
            throw RecoveryError.damaged(segment: segment, offset: offset, detail: "")
          }
        }
      }
    }
  }

  @Test("a flipped byte in what recovery wrote anew is refused as well")
  func rewritten() throws {
    var image = try LogImage(entries: 40, certified: false)
    image = LogImage(image, on: try image.recover().disk)
    let last = try #require(try image.segments().last)
    let frames = try image.frames().filter { $0.segment == last && $0.count > 0 }
    #expect(frames.count > 5)
    for frame in frames {
      #expect(throws: RecoveryError.self) {
        _ = try image.recover { LogImage.flip($0, last, at: frame.offset + 40) }
      }
    }
    #expect(try image.recover().found == image.values)
  }

  @Test("damage leaves the directory as it was")
  func untouched() throws {
    let image = try LogImage(entries: 40)
    let frame = try image.frames()[3]
    let copy = image.disk.afterKill()
    LogImage.flip(copy, frame.segment, at: frame.offset + 40)
    let before = try copy.names().map { copy.content(of: $0) }
    #expect(throws: RecoveryError.self) {
      try Recovery.replay(copy, keyring: image.keyring, after: 0) { _ in }
    }
    #expect(try copy.names().map { copy.content(of: $0) } == before)
    #expect(copy.steps == 0)
  }

  @Test("damage that the checkpoint covers stops nobody")
  func covered() throws {
    let image = try LogImage(entries: 60)
    let frames = try image.frames()
    let second = try image.segments()[1]
    let applied = try #require(frames.first { $0.segment == second }).firstLSN - 1
    let (found, report, disk) = try image.recover(after: applied) {
      LogImage.flip($0, frames[2].segment, at: frames[2].offset + 50)
    }
    #expect(found == Array(image.values[applied...]))
    #expect(report.lastLSN == 60)
    #expect(try disk.names().contains(frames[2].segment) == false)
  }

  @Test("a flipped byte in the last frame, when nothing certifies it, cuts that frame alone")
  func lastFrame() throws {
    let image = try LogImage(entries: 30, certified: false)
    let last = try #require(try image.frames().last)
    for place in 0..<last.byteCount {
      let (found, report, _) = try image.recover {
        LogImage.flip($0, last.segment, at: last.offset + place)
      }
      #expect(found == Array(image.values.dropLast()))
      #expect(report.lastLSN == 29)
    }
  }

  @Test("a flipped byte in the empty frame that certifies loses nothing")
  func certificate() throws {
    let image = try LogImage(entries: 30)
    let last = try #require(try image.frames().last)
    #expect(last.count == 0)
    for place in 0..<last.byteCount {
      let found = try image.recover {
        LogImage.flip($0, last.segment, at: last.offset + place)
      }.found
      #expect(found == image.values)
    }
  }

  @Test("a flipped byte in the head of a segment loses nothing: the head stands there twice")
  func head() throws {
    let image = try LogImage(entries: 60)
    for segment in try image.segments() {
      for place in Array(0..<128) + Array(512..<640) {
        let found = try image.recover { LogImage.flip($0, segment, at: place) }.found
        #expect(found == image.values)
      }
    }
  }

  @Test("a frame that was only partly written is cut, and reported")
  func tornFrame() throws {
    let image = try LogImage(entries: 30, certified: false)
    let last = try #require(try image.frames().last)
    for kept in [1, 8, 31, 32, 60, last.byteCount - 1] {
      let (found, report, disk) = try image.recover {
        $0.overwrite(
          last.segment, at: last.offset + kept,
          with: [UInt8](repeating: 0, count: last.byteCount - kept))
      }
      #expect(found == Array(image.values.dropLast()))
      if kept >= 32 {
        #expect(
          report.torn
            == RecoveryReport.Torn(
              segment: last.segment, offset: last.offset, bytes: last.byteCount))
      }
      #expect(try Recovery.replay(disk, keyring: image.keyring, after: 0) { _ in }.torn == nil)
    }
  }

  @Test("a missing segment in the middle is damage")
  func missingSegment() throws {
    let image = try LogImage(entries: 60)
    let segments = try image.segments()
    #expect(throws: RecoveryError.self) {
      _ = try image.recover { try $0.remove(segments[1]) }
    }
  }

  @Test("a missing first segment is damage, unless the checkpoint covers it")
  func missingFirst() throws {
    let image = try LogImage(entries: 60)
    let segments = try image.segments()
    #expect(throws: RecoveryError.self) {
      _ = try image.recover { try $0.remove(segments[0]) }
    }
    let first = try #require(try image.frames().first { $0.segment == segments[1] }).firstLSN
    let found = try image.recover(after: first - 1) { try $0.remove(segments[0]) }.found
    #expect(found == Array(image.values[(first - 1)...]))
  }

  @Test("a segment without a head is damage where another follows it")
  func missingHead() throws {
    let image = try LogImage(entries: 60)
    let segments = try image.segments()
    #expect(throws: RecoveryError.self) {
      _ = try image.recover {
        $0.overwrite(segments[1], at: 0, with: [UInt8](repeating: 0, count: 1024))
      }
    }
  }

  @Test("a frame of a lost write does not certify those that were written with it")
  func uncertified() throws {
    // Two commits and one sync that never came: the first was lost, the second reached the disk.
    let disk = SimulatedDisk(seed: 1)
    let keyring = Fixed.keyring()
    var log = LogWriter(
      disk: disk, keyring: keyring, identity: Fixed.identity, recovered: RecoveryReport(),
      options: LogWorld.smallOptions, random: Fixed.seeded(4))
    var values: [[UInt8]] = []
    for lsn in 1...3 {
      var buffer = ByteBuffer()
      values.append(LogImage.value(lsn, 50))
      LogImage.append(values[lsn - 1], to: &buffer)
      try log.commit(buffer.span, firstLSN: UInt64(lsn), count: 1)
      if lsn == 1 { try log.sync() }
    }
    let name = try #require(try disk.names().first)
    let length = 32 + Int(try #require(disk.content(of: name))[1024])
    disk.overwrite(name, at: 1024 + length, with: [UInt8](repeating: 0, count: length))
    var found: [[UInt8]] = []
    let report = try Recovery.replay(disk, keyring: keyring, after: 0) {
      found.append([UInt8](copying: $0.value))
    }
    #expect(found == [values[0]])
    #expect(report.torn?.offset == 1024 + length)
    #expect(report.torn?.bytes == 2 * length)
  }

  @Test("another data key opens nothing, and cuts nothing", arguments: [1, 30])
  func wrongKey(entries: Int) throws {
    let image = try LogImage(entries: entries, certified: false)
    let key = Fixed.keyEncryptionKey
    let other = try Keyring.open(
      SimulatedDisk(seed: 3), keyEncryptionKey: key.span,
      random: Fixed.counting(from: 1))
    #expect(throws: RecoveryError.self) {
      try Recovery.replay(image.disk.afterKill(), keyring: other, after: 0) { _ in
        Issue.record("an entry was handed on")
      }
    }
  }
}
