import Bytes
import Crypto

/// The head of a snapshot, and how its chunks are sealed. Layout: docs/formats/snapshot.md.
///
/// The head carries the data key, wrapped, so that the operator's key alone opens the file on any
/// machine. Chunks are sealed as in the STREAM construction (Hoang, Reyhanitabar, Rogaway and
/// Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015):
/// the nonce is the chunk's number and whether it is the last, so none can be moved, left out or
/// cut off at the end without being noticed.
struct SnapshotFile {
  static let magic: StaticString = "DYNASNP1"
  static let headerBytes = 160
  static let saltBytes = 32
  /// Plain bytes of every chunk but the last, which has 1 to as many: 64 KiB.
  static let chunkBytes = 64 << 10
  static let label: StaticString = "snapshot"

  var cluster: UInt64
  /// Milliseconds since 1970.
  var time: UInt64
  var salt: [UInt8]
  var key: WrappedKey

  static func nonce(chunk: UInt64, isLast: Bool) -> Nonce {
    Nonce(prefix: isLast ? 1 : 0, counter: chunk)
  }

  func encode(into buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(Self.magic)
    buffer.appendUInt64(cluster)
    buffer.appendUInt64(time)
    buffer.appendUInt32(UInt32(Self.chunkBytes))
    buffer.appendUInt32(key.keyID)
    buffer.append(salt)
    buffer.append(key.wrappingKeyID)
    buffer.append(key.salt)
    buffer.append(key.sealed)
    buffer.appendUInt32(0)
    buffer.appendUInt32(
      CRC32C.checksum(buffer.span.extracting(start..<start + Self.headerBytes - 4)))
  }

  /// Nil where the bytes are no whole head of this format.
  static func decode(_ bytes: Span<UInt8>) -> SnapshotFile? {
    var reader = ByteReader(bytes)
    guard bytes.count == headerBytes, reader.readMagic(magic),
      let cluster = reader.readUInt64(), let time = reader.readUInt64(),
      reader.readUInt32() == UInt32(chunkBytes), let keyID = reader.readUInt32(),
      let salt = reader.readArray(saltBytes),
      let wrappingKeyID = reader.readArray(WrappedKey.wrappingKeyIDBytes),
      let wrapSalt = reader.readArray(WrappedKey.saltBytes),
      let sealed = reader.readArray(WrappedKey.sealedBytes), reader.readUInt32() == 0,
      reader.readUInt32() == CRC32C.checksum(bytes.extracting(0..<headerBytes - 4))
    else { return nil }
    return SnapshotFile(
      cluster: cluster, time: time, salt: salt,
      key: WrappedKey(
        keyID: keyID, wrappingKeyID: wrappingKeyID, salt: wrapSalt, sealed: sealed))
  }
}
