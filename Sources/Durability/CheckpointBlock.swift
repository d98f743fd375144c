public import Bytes
public import Crypto

/// One row of a checkpoint: the entries of one block of one shard, sealed. Layout:
/// docs/formats/checkpoint.md.
public enum CheckpointBlock {
  /// Bytes before the sealed entries.
  static let headerBytes = 48
  static let saltBytes = 32
  static let format: UInt8 = 1

  /// What a row adds to its entries.
  public static let overhead = headerBytes + AEAD.tagBytes

  /// The number of a row: the shard, and the block in it.
  public static func id(shard: Int, block: UInt32) -> Int64 {
    Int64(shard) << 32 | Int64(block)
  }

  public static func shard(ofID id: Int64) -> Int { Int(id >> 32) }

  public static func block(ofID id: Int64) -> UInt32 { UInt32(truncatingIfNeeded: id) }

  /// The numbers of all rows of a shard.
  public static func ids(ofShard shard: Int) -> ClosedRange<Int64> {
    id(shard: shard, block: 0)...id(shard: shard, block: .max)
  }

  /// The numbers of all rows.
  public static let allIDs: ClosedRange<Int64> = 0...(.max)

  /// How many bytes of a row say which key seals it.
  public static let keyedBytes = 8

  /// The number of the data key that seals a row, from its first bytes; nil where they are not those
  /// of a row.
  public static func keyID(ofHead head: Span<UInt8>) -> UInt32? {
    var reader = ByteReader(head)
    guard reader.readUInt8() == format, reader.skip(3) else { return nil }
    return reader.readUInt32()
  }

  /// Into how many blocks, as a power of two, the shard of a row was divided.
  public static func blockBits(ofHead head: Span<UInt8>) -> UInt8? {
    head.count > 1 ? head[1] : nil
  }

  /// What is authentic besides the entries: the row they belong to, and the head. A row that is
  /// moved to another number does not open.
  static func associatedData(id: Int64, header: Span<UInt8>) -> ByteBuffer {
    var data = ByteBuffer(capacity: 8 + headerBytes)
    data.appendUInt64(UInt64(bitPattern: id))
    data.append(header)
    return data
  }
}

/// Seals the blocks of one run of the checkpoint.
///
/// A run has a salt and so a key of its own, under which the counter is the nonce: one sealer seals
/// any number of blocks, and a new one is made for each run.
public struct CheckpointSealer: ~Copyable {
  private let keyID: UInt32
  private let salt: [UInt8]
  private var cipher: AEAD
  private var counter: UInt64 = 0

  public init(keyring: Keyring, random: RandomSource = SecureRandom.bytes) {
    keyID = keyring.currentKeyID
    let salt = random(CheckpointBlock.saltBytes)
    self.salt = salt
    var key = keyring.deriveCurrentKey(salt: salt.span, label: "checkpoint")
    cipher = AEAD(key: key.span)
    SecretBytes.wipe(&key)
  }

  /// Appends the row `id` with these entries, which `LogEntry` encoded one behind the other.
  /// `blockBits` says into how many blocks the shard is divided.
  public mutating func seal(
    _ entries: Span<UInt8>, id: Int64, blockBits: UInt8, into row: inout ByteBuffer
  ) {
    var header = ByteBuffer(capacity: CheckpointBlock.headerBytes)
    header.appendUInt8(CheckpointBlock.format)
    header.appendUInt8(blockBits)
    header.appendUInt16(0)
    header.appendUInt32(keyID)
    header.appendUInt64(counter)
    header.append(salt)
    let associated = CheckpointBlock.associatedData(id: id, header: header.span)
    row.reserve(CheckpointBlock.overhead + entries.count)
    row.append(header.span)
    cipher.seal(
      nonce: Nonce(prefix: 0, counter: counter), associatedData: associated.span,
      plaintext: entries, into: &row)
    counter += 1
  }
}

/// Opens the rows of a checkpoint, of whatever runs they are.
public struct CheckpointOpener: ~Copyable {
  private let keyring: Keyring
  private var ciphers = CipherCache()

  public init(keyring: Keyring) { self.keyring = keyring }

  /// Appends the entries of row `id` to `entries` and returns the block bits they were stored with.
  public mutating func open(
    _ row: Span<UInt8>, id: Int64, into entries: inout ByteBuffer
  ) throws(CheckpointError) -> UInt8 {
    var reader = ByteReader(row)
    guard let format = reader.readUInt8(), format == CheckpointBlock.format,
      let blockBits = reader.readUInt8(), reader.readUInt16() == 0,
      let keyID = reader.readUInt32(), let counter = reader.readUInt64(),
      let salt = reader.readBytes(CheckpointBlock.saltBytes)
    else { throw .damaged(row: id) }
    let associated = CheckpointBlock.associatedData(
      id: id, header: row.extracting(0..<CheckpointBlock.headerBytes))
    let isGenuine: Bool
    do {
      isGenuine = try ciphers.open(
        keyring: keyring, keyID: keyID, salt: salt, label: "checkpoint",
        nonce: Nonce(prefix: 0, counter: counter), associatedData: associated.span,
        sealed: row.extracting(CheckpointBlock.headerBytes..<row.count), into: &entries)
    } catch { throw .keyring(row: id, error) }
    guard isGenuine else { throw .damaged(row: id) }
    return blockBits
  }
}

/// Why a row of the checkpoint cannot be read.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// The row is not what was stored under this number.
  case damaged(row: Int64)
  case keyring(row: Int64, KeyringError)

  public var description: String {
    switch self {
    case .damaged(let row):
      """
      storage.db is damaged: row \(row) (shard \(CheckpointBlock.shard(ofID: row)), block \
      \(CheckpointBlock.block(ofID: row))) is not what was stored there; restore the file from a \
      copy, or a snapshot into a new directory
      """
    case .keyring(let row, let error): "storage.db, row \(row): \(error)"
    }
  }
}
