import Bytes

/// A segment that was made ahead and not used under its present name.
struct SpareSegment<File: DiskFile> {
  let number: UInt64
  let file: File
  let size: Int
}

/// The files of the log other than the current segment: those that are full, those that may be used
/// again, and the spare one in the making.
///
/// A spare has its final name, and its name and bytes are durable, before it is used. A recycled
/// one keeps its old bytes: the salt of its next use makes them invalid.
struct LogFiles<D: Disk>: ~Copyable {
  struct Closed {
    let number: UInt64
    let lastLSN: UInt64
    let size: Int
    let keyID: UInt32
  }

  struct Unfinished {
    let number: UInt64
    let file: D.File
    let size: Int
    /// Held only while they are needed.
    let zeros: [UInt8]
    var written = 0
  }

  private let disk: D
  private let options: LogOptions
  private var nextNumber: UInt64
  private var closed: [Closed] = []
  private var recycled: [Closed] = []
  private var unfinished: Unfinished?
  private var spare: SpareSegment<D.File>?

  /// Zeros are made durable in pieces of this size, so that no sync takes long.
  private static var syncedBytes: Int { 1 << 20 }

  init(disk: D, options: LogOptions, recovered: RecoveryReport) {
    self.disk = disk
    self.options = options
    nextNumber = recovered.nextSegment
    for segment in recovered.segments {
      closed.append(
        Closed(
          number: segment.number, lastLSN: segment.lastLSN, size: segment.byteCount,
          keyID: segment.keyID))
    }
  }

  var closedBytes: Int {
    var bytes = 0
    for segment in closed { bytes += segment.size }
    return bytes
  }

  /// Bytes for frames in the spare segment; 0 where none is ready.
  var spareRoom: Int { spare.map { $0.size - LogSegment.framesOffset } ?? 0 }

  mutating func close(_ segment: OpenSegment<D.File>, lastLSN: UInt64) {
    closed.append(
      Closed(
        number: segment.header.number, lastLSN: lastLSN, size: segment.size,
        keyID: segment.header.keyID))
  }

  // MARK: Making room

  /// The spare, made on the spot where it is not ready; nil where there is no room for it.
  mutating func takeSpare(entryBytes: Int) throws(DiskError) -> SpareSegment<D.File>? {
    while spare == nil {
      if try prepareStep() == .outOfSpace { return nil }
    }
    defer { spare = nil }
    return spare
  }

  mutating func prepareStep() throws(DiskError) -> LogWriter<D>.Preparation {
    if spare != nil { return .ready }
    if unfinished == nil, let again = recycled.last { return try reuse(again) }
    do {
      return try zeroStep()
    } catch {
      guard error.isOutOfSpace || error.isOutOfDescriptors else { throw error }
      try dropUnfinished()
      return .outOfSpace
    }
  }

  /// Gives the last recycled segment its next name. It is opened first: a lack of descriptors
  /// passes, and must be met before anything has changed. An error after that ends the log.
  private mutating func reuse(_ segment: Closed) throws(DiskError) -> LogWriter<D>.Preparation {
    let old = LogSegment.name(segment.number)
    let file: D.File
    do { file = try disk.open(old) } catch {
      guard error.isOutOfDescriptors else { throw error }
      return .outOfSpace
    }
    try disk.rename(old, to: LogSegment.name(nextNumber))
    try disk.syncDirectory()
    recycled.removeLast()
    spare = SpareSegment(number: nextNumber, file: file, size: segment.size)
    nextNumber += 1
    return .ready
  }

  private mutating func zeroStep() throws(DiskError) -> LogWriter<D>.Preparation {
    guard var making = unfinished else {
      let free = try disk.freeBytes().free
      let size = options.segmentBytes(free: free)
      // As much again stays free, or the checkpoint that makes room would find none.
      guard free >= UInt64(size) * 2 else { return .outOfSpace }
      let name = LogSegment.name(nextNumber) + AtomicFile.temporarySuffix
      unfinished = Unfinished(
        number: nextNumber, file: try AtomicFile.createAnew(disk, name), size: size,
        zeros: [UInt8](repeating: 0, count: min(size, options.preparationBytes)))
      return .working
    }
    let count = min(making.size - making.written, making.zeros.count)
    if count > 0 {
      try making.file.write(making.zeros.span.extracting(0..<count), at: UInt64(making.written))
      making.written += count
      if making.written % Self.syncedBytes == 0, making.written < making.size {
        try making.file.sync()
      }
      unfinished = making
      return .working
    }
    try making.file.sync()
    let name = LogSegment.name(making.number)
    try disk.rename(name + AtomicFile.temporarySuffix, to: name)
    try disk.syncDirectory()
    spare = SpareSegment(number: making.number, file: making.file, size: making.size)
    unfinished = nil
    nextNumber += 1
    return .ready
  }

  private mutating func dropUnfinished() throws(DiskError) {
    guard let making = unfinished else { return }
    unfinished = nil
    do { try disk.remove(LogSegment.name(making.number) + AtomicFile.temporarySuffix) } catch {
      guard error.isMissing else { throw error }  // its name was the final one already
    }
  }

  // MARK: Giving back

  /// Sorts out the closed segments with entries up to `lsn` only. One of another key than `keyID`
  /// is not kept: until it is used again its head would need that key.
  mutating func recycle(through lsn: UInt64, keyID: UInt32) throws(DiskError) {
    var kept: [Closed] = []
    for segment in closed {
      if segment.lastLSN > lsn {
        kept.append(segment)
      } else if segment.size == options.segmentBytes, segment.keyID == keyID,
        recycled.count < options.recycledMax
      {
        recycled.append(segment)
      } else {
        try disk.remove(LogSegment.name(segment.number))
      }
    }
    closed = kept
  }

  /// Removes the segments of other keys than `keyID` that were kept to be used again.
  mutating func forgetRecycled(exceptOf keyID: UInt32) throws(DiskError) {
    for segment in recycled where segment.keyID != keyID {
      try disk.remove(LogSegment.name(segment.number))
    }
    recycled.removeAll { $0.keyID != keyID }
  }

  /// Removes what holds no entries that are needed, and with `closedToo` every segment.
  mutating func removeUnused(closedToo: Bool) throws(DiskError) {
    try dropUnfinished()
    if let spare { try disk.remove(LogSegment.name(spare.number)) }
    spare = nil
    for segment in recycled { try disk.remove(LogSegment.name(segment.number)) }
    recycled = []
    if closedToo {
      for segment in closed { try disk.remove(LogSegment.name(segment.number)) }
      closed = []
    }
    try disk.syncDirectory()
  }
}
