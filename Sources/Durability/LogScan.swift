import Bytes

/// Reads the frames of one segment after the other.
struct LogScan: ~Copyable {
  private let appliedLSN: UInt64
  /// The entry that must come next.
  private var nextLSN: UInt64
  /// Bytes of the segment that was read last up to the end of its last whole frame.
  private(set) var wholeBytes = 0
  var report = RecoveryReport()

  init(appliedLSN: UInt64, nextLSN: UInt64?) {
    self.appliedLSN = appliedLSN
    self.nextLSN = nextLSN ?? appliedLSN + 1
  }

  // MARK: Reading

  /// Reads a segment: up to the entry `successor`, with which the next segment begins, or where
  /// there is none up to the torn or clean end.
  mutating func read(
    _ segment: Span<UInt8>, of header: LogSegment, until successor: UInt64?, keyring: Keyring,
    apply: (LogEntryView) -> Void
  ) throws {
    let name = LogSegment.name(header.number)
    precondition(header.firstLSN == nextLSN, "the segment before ends where this one begins")
    var cipher = try LogFrameCipher(segment: header, keyring: keyring)
    var entries = ByteBuffer()
    var offset = LogSegment.framesOffset
    var number: UInt32 = 0
    while successor.map({ nextLSN < $0 }) ?? true {
      entries.clear()
      guard let frame = cipher.open(at: offset, of: segment, number: number, into: &entries),
        frame.firstLSN == nextLSN
      else { break }
      try take(entries.span, of: frame, at: offset, of: name, apply: apply)
      offset += frame.byteCount
      number += 1
    }
    if let successor, nextLSN != successor {
      throw RecoveryError.damaged(
        segment: name, offset: offset,
        detail: "entries before the next segment are missing or not whole")
    }
    if successor == nil {
      try judge(segment, from: offset, number: number, seed: cipher.seed, name)
    }
    wholeBytes = offset
    report.lastLSN = nextLSN - 1
    report.segments.append(
      RecoveryReport.Segment(
        number: header.number, firstLSN: header.firstLSN, lastLSN: report.lastLSN,
        byteCount: segment.count, keyID: header.keyID))
  }

  private mutating func take(
    _ entries: Span<UInt8>, of frame: LogFrame, at offset: Int, of name: String,
    apply: (LogEntryView) -> Void
  ) throws {
    var reader = LogEntryReader(entries)
    var lsn = frame.firstLSN
    while let entry = reader.next() {
      report.hybridTimeMax = max(report.hybridTimeMax, entry.hybridTime)
      if entry.kind == .clockCeiling {
        report.clockCeiling = max(report.clockCeiling, entry.hybridTime)
      }
      if lsn > appliedLSN {
        apply(entry)
        report.entries += 1
      }
      lsn += 1
    }
    guard reader.isAtEnd, lsn == frame.nextLSN else {
      throw RecoveryError.damaged(
        segment: name, offset: offset,
        detail: "a frame holds an entry that this version does not know")
    }
    if frame.firstLSN > appliedLSN { report.bytes += entries.count }
    nextLSN = lsn
  }

  // MARK: The tail

  /// Decides about the first frame of the last segment that is not whole: refuses it where a later
  /// frame says that it was durable, notes a torn tail otherwise.
  private mutating func judge(
    _ segment: Span<UInt8>, from offset: Int, number: UInt32, seed: UInt32, _ name: String
  ) throws {
    let tail = LogTail.examine(
      segment, from: offset, nextLSN: nextLSN, number: number, seed: seed)
    if tail.isSealedOtherwise {
      throw RecoveryError.damaged(
        segment: name, offset: offset,
        detail: "a frame is whole but sealed with another key than keyring.json holds")
    }
    if tail.isCertified {
      throw RecoveryError.damaged(
        segment: name, offset: offset, detail: "a frame is not whole, and was durable")
    }
    let bytes = max(tail.byteCount, strayBytes(segment, from: offset))
    if bytes > 0 {
      report.torn = RecoveryReport.Torn(segment: name, offset: offset, bytes: bytes)
    }
  }

  /// Bytes behind the last frame that are not the zeros which a writer leaves there.
  private func strayBytes(_ segment: Span<UInt8>, from offset: Int) -> Int {
    var count = 0
    for index in offset..<min(offset + LogSegment.endMarkBytes, segment.count)
    where segment[index] != 0 {
      count = index + 1 - offset
    }
    return count
  }

  /// Appends a segment with the same number, a new salt, and those frames that the checkpoint does
  /// not hold; nil where it holds them all. `segment` is the one that was read last.
  mutating func rewrite(
    _ segment: Span<UInt8>, of old: LogSegment, keyring: Keyring, salt: [UInt8],
    into target: inout ByteBuffer
  ) throws -> RecoveryReport.Segment? {
    guard report.lastLSN > appliedLSN, report.lastLSN >= old.firstLSN else { return nil }
    var header = old
    header.salt = salt
    header.keyID = keyring.currentKeyID
    var source = try LogFrameCipher(segment: old, keyring: keyring)
    var sealer: LogFrameCipher?
    var entries = ByteBuffer()
    var offset = LogSegment.framesOffset
    var number: UInt32 = 0
    var written: UInt32 = 0
    var lsn = old.firstLSN
    while lsn <= report.lastLSN {
      entries.clear()
      guard let frame = source.open(at: offset, of: segment, number: number, into: &entries) else {
        preconditionFailure("a frame that was read a moment ago")
      }
      offset += frame.byteCount
      number += 1
      lsn = frame.nextLSN
      guard frame.nextLSN > appliedLSN + 1 else { continue }
      if sealer == nil {
        header.firstLSN = frame.firstLSN
        target.reserve(segment.count - offset + frame.byteCount + 2 * LogSegment.framesOffset)
        header.encode(into: &target)
        sealer = try LogFrameCipher(segment: header, keyring: keyring)
      }
      sealer?.seal(
        entries.span, firstLSN: frame.firstLSN, count: frame.count, number: written,
        durableLSN: frame.firstLSN - 1, into: &target)
      written += 1
    }
    // Everything before it is durable as soon as the new segment has its name.
    sealer?.seal(
      Span(), firstLSN: lsn, count: 0, number: written, durableLSN: lsn - 1, into: &target)
    return RecoveryReport.Segment(
      number: header.number, firstLSN: header.firstLSN, lastLSN: report.lastLSN,
      byteCount: target.count, keyID: header.keyID)
  }
}
