import Bytes
public import Crypto

/// Writes the log: segments of frames, each frame one commit. Owned by one thread.
///
/// `commit` writes and `sync` makes durable; entries are acknowledged after the sync. Room is made
/// ahead by `prepareStep`, so that commits within `bytesAvailable` never meet a full disk and never
/// change the length of a file. A segment that has a successor in use is wholly durable, which is
/// what lets recovery tell damage from a torn tail.
///
/// After an error the writer refuses everything: the process must end.
public struct LogWriter<D: Disk>: ~Copyable {
  /// What a frame adds to its entries. For each entry a caller counts its bytes and this much
  /// against `bytesAvailable`, since it may get a frame of its own.
  public static var frameOverhead: Int { LogFrame.overhead }

  /// Where `prepareStep` stands.
  public enum Preparation: Sendable {
    /// A spare segment is ready.
    case ready
    /// There is more to do; call again.
    case working
    /// No room for a spare segment, or no descriptor. The next call tries again.
    case outOfSpace
  }

  private let identity: NodeIdentity
  private var keyring: Keyring
  private let options: LogOptions
  private let random: RandomSource
  private var files: LogFiles<D>
  private var current: OpenSegment<D.File>?
  private var failure: LogError?
  private var frame = ByteBuffer()

  /// The last entry that was written.
  public private(set) var lastLSN: UInt64
  /// The last entry that is known to be durable.
  public private(set) var durableLSN: UInt64

  /// A log that goes on after `recovered`. It touches the disk only when it is asked to.
  public init(
    disk: D, keyring: Keyring, identity: NodeIdentity, recovered: RecoveryReport,
    options: LogOptions = LogOptions(), random: @escaping RandomSource = SecureRandom.bytes
  ) {
    self.identity = identity
    self.keyring = keyring
    self.options = options
    self.random = random
    files = LogFiles(disk: disk, options: options, recovered: recovered)
    lastLSN = recovered.lastLSN
    durableLSN = recovered.lastLSN
  }

  /// Bytes of all segments that hold entries, for deciding when to make a checkpoint.
  public var segmentBytes: Int { files.closedBytes + (current?.end ?? 0) }

  /// Bytes of entries, each counted with `frameOverhead`, that can be committed for sure. Falls by
  /// no more than what is committed, and rises when a spare segment becomes ready.
  ///
  /// An entry never straddles segments, so the end of the current one may stay unused: at worst
  /// almost as much as the longest entry. The place of one empty frame is held back in each
  /// segment: one that is committed between two readings of this number need not be counted.
  public var bytesAvailable: Int {
    let here = max(0, (current?.room ?? 0) - LogFrame.overhead)
    let next = max(0, files.spareRoom - LogFrame.overhead)
    return max(here, next, here + next - options.entryBytesMax - LogFrame.overhead)
  }

  // MARK: Writing

  /// Writes entries, one behind the other as `LogEntry` encodes them, numbered from `firstLSN` on.
  /// Nothing is durable before `sync`. Usually one frame and one write.
  ///
  /// With no entries it writes an empty frame, which certifies that all before it was durable: a
  /// thread that has become idle does so once, and damage to the last frame can then be told from a
  /// torn one. It is left out where it does not fit.
  public mutating func commit(
    _ entries: Span<UInt8>, firstLSN: UInt64, count: Int
  ) throws(LogError) {
    if let failure { throw failure }
    precondition(firstLSN == lastLSN + 1, "entries are numbered without gaps")
    precondition(entries.isEmpty == (count == 0), "as many entries as were announced")
    do {
      if count == 0 { return try certify() }
      var offset = 0
      var left = count
      while left > 0 {
        let piece = try nextPiece(of: entries, from: offset, count: left)
        try write(entries.extracting(offset..<offset + piece.bytes), count: piece.count)
        offset += piece.bytes
        left -= piece.count
      }
      precondition(offset == entries.count, "as many entries as were announced")
    } catch {
      // Without room nothing was half done: what is behind `lastLSN` can be committed later.
      if error != .outOfSpace { failure = error }
      throw error
    }
  }

  /// Makes everything written so far durable (one fdatasync).
  public mutating func sync() throws(LogError) {
    if let failure { throw failure }
    do {
      try current?.sync()
      durableLSN = lastLSN
    } catch {
      failure = .disk(error)
      throw .disk(error)
    }
  }

  private mutating func certify() throws(LogError) {
    guard let current, current.room >= LogFrame.overhead else { return }
    try write(Span(), count: 0)
  }

  /// The entries from `offset` on that go into one frame of a segment that has room for them.
  private mutating func nextPiece(
    of entries: Span<UInt8>, from offset: Int, count: Int
  ) throws(LogError) -> (bytes: Int, count: Int) {
    while true {
      let room = (current?.room ?? 0) - LogFrame.overhead
      let limit = min(room, options.frameBodyBytesMax)
      if entries.count - offset <= limit { return (entries.count - offset, count) }
      let piece = LogEntry.run(from: offset, of: entries, bytesMax: limit)
      if piece.count > 0 { return piece }
      guard let first = LogEntry.byteCount(at: offset, of: entries) else {
        preconditionFailure("only whole entries are committed")
      }
      // A long entry has a frame of its own; one longer than any segment lengthens its file.
      if first <= room || current?.isUnused == true { return (first, 1) }
      try openNext(entryBytes: first)
    }
  }

  private mutating func write(_ entries: Span<UInt8>, count: Int) throws(LogError) {
    guard let current else { preconditionFailure("a piece was given a segment") }
    do {
      try current.write(
        entries, firstLSN: lastLSN + 1, count: count, durableLSN: durableLSN, through: &frame)
    } catch { throw .disk(error) }
    lastLSN += UInt64(count)
    if frame.capacity > 2 * options.frameBodyBytesMax { frame.release() }
  }

  /// Ends the current segment, durably, and takes the spare into use.
  private mutating func openNext(entryBytes: Int) throws(LogError) {
    do {
      if let current {
        try current.sync()
        durableLSN = lastLSN
        files.close(current, lastLSN: lastLSN)
        self.current = nil
      }
      guard let spare = try files.takeSpare(entryBytes: entryBytes) else {
        throw LogError.outOfSpace
      }
      let header = LogSegment(
        cluster: identity.cluster, node: identity.node, boot: identity.boot,
        keyID: keyring.currentKeyID, number: spare.number, firstLSN: lastLSN + 1,
        salt: random(LogSegment.saltBytes))
      current = try OpenSegment(spare, header: header, keyring: keyring)
    } catch let error as DiskError {
      throw .disk(error)
    } catch { throw .outOfSpace }
  }

  // MARK: Keys

  /// Takes the keyring for every segment from the next one on. It must be durable.
  public mutating func use(_ keyring: Keyring) throws(LogError) {
    if let failure { throw failure }
    self.keyring = keyring
    do { try files.forgetRecycled(exceptOf: keyring.currentKeyID) } catch {
      failure = .disk(error)
      throw .disk(error)
    }
  }

  /// The data key that new segments are sealed with.
  public var keyID: UInt32 { keyring.currentKeyID }

  /// Whether what is written next goes into a segment of an older key.
  public var usesOldKey: Bool {
    current.map { $0.header.keyID != keyring.currentKeyID } ?? false
  }

  /// What `bytesAvailable` will be at least after `leaveSegment`; nil where no spare is ready.
  public var bytesAvailableAfterLeaving: Int? {
    files.spareRoom > 0 ? max(0, files.spareRoom - LogFrame.overhead) : nil
  }

  /// Ends the current segment, durably, and goes on in the spare one, which must be ready.
  public mutating func leaveSegment() throws(LogError) {
    if let failure { throw failure }
    precondition(files.spareRoom > 0, "a segment is left for one that is ready")
    do { try openNext(entryBytes: 0) } catch {
      failure = error
      throw error
    }
  }

  // MARK: Room

  /// Does a part of the work towards one spare segment beyond the current one: at most 256 KiB of
  /// zeros, or one change of names. To be called between commits until it is `ready`.
  public mutating func prepareStep() throws(LogError) -> Preparation {
    if let failure { throw failure }
    do { return try files.prepareStep() } catch {
      failure = .disk(error)
      throw .disk(error)
    }
  }

  /// Lets go of the segments whose entries all have numbers up to `lsn`, which a committed
  /// checkpoint holds: some are kept to be used again, the others removed.
  public mutating func recycle(through lsn: UInt64) throws(LogError) {
    if let failure { throw failure }
    do { try files.recycle(through: lsn, keyID: keyring.currentKeyID) } catch {
      failure = .disk(error)
      throw .disk(error)
    }
  }

  /// The end of the log. With `deleteAll`, for which a committed checkpoint must hold every entry,
  /// no segment stays on the disk; without, what was written is made durable and stays.
  public mutating func close(deleteAll: Bool) throws(LogError) {
    if let failure { throw failure }
    do {
      if let current {
        if !deleteAll { try current.sync() }
        files.close(current, lastLSN: lastLSN)
        durableLSN = lastLSN
      }
      current = nil
      try files.removeUnused(closedToo: deleteAll)
    } catch {
      failure = .disk(error)
      throw .disk(error)
    }
  }
}
