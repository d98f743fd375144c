import Bytes
public import Crypto
public import Store

/// Writes a snapshot: one JSON document of all records, encrypted, in bounded memory.
///
/// The file appears under its name when it is whole and durable, and only then are older ones
/// removed. A writer that is dropped leaves a file ending in `.tmp`, which the next one removes.
public struct SnapshotWriter<D: Disk>: ~Copyable {
  private let disk: D
  private let file: D.File
  /// The name that the file will have.
  public let name: String
  private let header: [UInt8]
  private var text: SnapshotText
  private var cipher: AEAD
  private var chunk: UInt64 = 0
  private var offset: UInt64
  private var syncedOffset: UInt64 = 0

  /// 4 MiB are made durable at a time: at the end, when a node that stops may be waiting, little is
  /// left to do, and no sync of the log stands behind a long one.
  private static var syncedBytes: UInt64 { 4 << 20 }

  /// Begins a snapshot of the time `milliseconds` since 1970, in the directory of snapshots.
  public init(
    disk: D, keyring: Keyring, identity: NodeIdentity, milliseconds: UInt64,
    random: RandomSource = SecureRandom.bytes
  ) throws(SnapshotError) {
    let head = SnapshotFile(
      cluster: identity.cluster, time: milliseconds, salt: random(SnapshotFile.saltBytes),
      key: keyring.currentKey.wrapped)
    let begun = try Self.begin(disk, head)
    self.disk = disk
    (name, file, header) = begun
    offset = UInt64(begun.header.count)
    var key = keyring.deriveCurrentKey(salt: head.salt.span, label: SnapshotFile.label)
    cipher = AEAD(key: key.span)
    SecretBytes.wipe(&key)
    text = SnapshotText(identity: identity, milliseconds: milliseconds)
  }

  /// Makes the file under a name that is not taken, with its head.
  private static func begin(
    _ disk: D, _ head: SnapshotFile
  ) throws(SnapshotError) -> (name: String, file: D.File, header: [UInt8]) {
    var bytes = ByteBuffer()
    head.encode(into: &bytes)
    do {
      try SnapshotDirectory.removeUnfinished(disk)
      let taken = try disk.names()
      var time = head.time
      while taken.contains(SnapshotDirectory.name(milliseconds: time)) { time += 1 }
      let name = SnapshotDirectory.name(milliseconds: time)
      let file = try disk.create(name + AtomicFile.temporarySuffix)
      try file.write(bytes.span, at: 0)
      return (name, file, bytes.copied())
    } catch { throw .disk(error) }
  }

  /// Adds a record. `value` is its JSON, byte for byte.
  public mutating func append(
    table: Span<UInt8>, key: Span<UInt8>, value: Span<UInt8>, version: UInt64,
    owner: Span<UInt8>, stamp: Stamp
  ) throws(SnapshotError) {
    text.append(table: table, key: key, value: value, version: version, owner: owner, stamp: stamp)
    // The last chunk is sealed differently, so one is kept back until more follows.
    while text.bytes.count > SnapshotFile.chunkBytes { try writeChunk(isLast: false) }
  }

  /// Ends the document and puts the file in its place, durably; then removes the oldest snapshots
  /// until `limit` are left. To be called once, and nothing after it.
  public mutating func finish(limit: Int) throws(SnapshotError) -> SnapshotSummary {
    text.end()
    while text.bytes.count > SnapshotFile.chunkBytes { try writeChunk(isLast: false) }
    try writeChunk(isLast: true)
    do {
      try file.sync()
      try disk.rename(name + AtomicFile.temporarySuffix, to: name)
      try disk.syncDirectory()
      try SnapshotDirectory.removeOldest(disk, keeping: limit)
    } catch { throw fail(error) }
    return text.summary
  }

  /// Gives up, and removes what was written.
  public mutating func cancel() {
    try? disk.remove(name + AtomicFile.temporarySuffix)
  }

  private mutating func writeChunk(isLast: Bool) throws(SnapshotError) {
    let count = min(SnapshotFile.chunkBytes, text.bytes.count)
    let nonce = SnapshotFile.nonce(chunk: chunk, isLast: isLast)
    let header = header
    var sealed = ByteBuffer(capacity: count + AEAD.tagBytes)
    var plain = ByteBuffer()
    swap(&plain, &text.bytes)
    cipher.seal(
      nonce: nonce, associatedData: header.span, plaintext: plain.span.extracting(0..<count),
      into: &sealed)
    plain.consume(count)
    swap(&plain, &text.bytes)
    do {
      try file.write(sealed.span, at: offset)
      offset += UInt64(sealed.count)
      if offset - syncedOffset >= Self.syncedBytes {
        try file.sync()
        syncedOffset = offset
      }
    } catch { throw fail(error) }
    chunk += 1
  }

  /// Makes room again where there was none.
  private mutating func fail(_ error: DiskError) -> SnapshotError {
    if error.isOutOfSpace { cancel() }
    return .disk(error)
  }
}
