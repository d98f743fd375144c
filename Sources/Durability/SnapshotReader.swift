import Bytes
import Crypto

/// Reads a snapshot back, chunk by chunk, with the operator's key and nothing else.
///
/// One that was made before the data keys were wrapped anew opens with the operator's key of then,
/// or with the keyring of the node that made it, as long as that holds the data key.
public struct SnapshotReader<D: Disk>: ~Copyable {
  private let file: D.File
  private let fileBytes: UInt64
  private let header: [UInt8]
  private var cipher: AEAD
  /// Whether the key is known to be that of the file; else the first chunk proves it.
  private let isKeyProven: Bool
  public let name: String
  /// Milliseconds since 1970.
  public let time: UInt64
  /// The cluster whose data it is.
  public let cluster: UInt64

  /// - Parameter keyring: asked for the data key where the snapshot was wrapped with another key.
  public init(
    disk: D, name: String, keyEncryptionKey: Span<UInt8>, keyring: Keyring? = nil
  ) throws(SnapshotError) {
    let (file, fileBytes, head) = try Self.begin(disk, name)
    guard let found = SnapshotFile.decode(head.span) else { throw .notASnapshot(name) }
    let isWrappedByIt =
      found.key.wrappingKeyID == WrappedKey.wrappingKeyID(of: keyEncryptionKey)
    let dataKey: Secret
    if isWrappedByIt {
      guard let unwrapped = found.key.unwrap(keyEncryptionKey: keyEncryptionKey) else {
        throw .notASnapshot(name)
      }
      dataKey = unwrapped
    } else {
      guard let known = keyring?.keys.first(where: { $0.wrapped.keyID == found.key.keyID }) else {
        throw .wrongKey(name)
      }
      dataKey = known.secret
    }
    isKeyProven = isWrappedByIt
    var key = Keyring.derive(dataKey, salt: found.salt.span, label: SnapshotFile.label)
    cipher = AEAD(key: key.span)
    SecretBytes.wipe(&key)
    self.name = name
    self.file = file
    self.fileBytes = fileBytes
    header = head
    time = found.time
    cluster = found.cluster
  }

  private static func begin(
    _ disk: D, _ name: String
  ) throws(SnapshotError) -> (file: D.File, fileBytes: UInt64, head: [UInt8]) {
    do {
      let file = try disk.open(name)
      var head = ByteBuffer()
      _ = try file.read(at: 0, count: SnapshotFile.headerBytes, into: &head)
      return (file, try file.size(), head.copied())
    } catch { throw .disk(error) }
  }

  /// Hands on the plain document in pieces of at most 64 KiB, each of them proven genuine; that
  /// nothing is missing is proven when it returns.
  public mutating func forEachPiece(
    _ body: (Span<UInt8>) throws(SnapshotError) -> Void
  ) throws(SnapshotError) {
    let header = header
    var offset = UInt64(header.count)
    var sealed = ByteBuffer()
    var plain = ByteBuffer()
    var chunk: UInt64 = 0
    while true {
      sealed.clear()
      plain.clear()
      let count: Int
      do {
        count = try file.read(
          at: offset, count: SnapshotFile.chunkBytes + AEAD.tagBytes, into: &sealed)
      } catch { throw .disk(error) }
      let isLast = offset + UInt64(count) >= fileBytes
      guard
        cipher.open(
          nonce: SnapshotFile.nonce(chunk: chunk, isLast: isLast), associatedData: header.span,
          sealed: sealed.span, into: &plain)
      else {
        if chunk == 0, !isKeyProven { throw .wrongKey(name) }
        throw .damaged(name, chunk: Int(chunk))
      }
      try body(plain.span)
      if isLast { return }
      offset += UInt64(count)
      chunk += 1
    }
  }

  /// Hands on every record. What it was handed is to be thrown away where this throws.
  public mutating func forEachRecord(
    _ body: (SnapshotRecord) -> Void
  ) throws(SnapshotError) -> SnapshotSummary {
    var parser = SnapshotParser()
    let name = name
    try forEachPiece { (piece) throws(SnapshotError) in
      guard parser.feed(piece, body) else { throw .unreadable(name) }
    }
    guard let summary = parser.finish() else { throw .unreadable(name) }
    return summary
  }

  /// Reads everything and keeps nothing: the counts of a snapshot that is whole.
  public mutating func verify() throws(SnapshotError) -> SnapshotSummary {
    try forEachRecord { _ in }
  }
}
