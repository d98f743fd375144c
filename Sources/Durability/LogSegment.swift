import Bytes

/// The head of one file of the log: whose it is, where it stands in the order, and the salt of its
/// key. Layout: docs/formats/log.md.
///
/// The head stands in the file twice, in sectors of their own: while a segment is the last one
/// nothing else tells an unused segment from one whose head has rotted.
struct LogSegment: Equatable, Sendable {
  static let magic: StaticString = "DYNALOG1"
  static let headerBytes = 128
  static let copyOffset = 512
  /// Zeros that a writer leaves behind the last frame, as far as the file goes.
  static let endMarkBytes = 64
  static let framesOffset = 1024
  static let saltBytes = 32

  var cluster: UInt64
  var node: UInt64
  var boot: UInt32
  var keyID: UInt32
  /// The number in the file's name. One more than that of the segment before.
  var number: UInt64
  /// The number of the first entry.
  var firstLSN: UInt64
  /// New for each use of the file: it makes the key, and the seed of every checksum.
  var salt: [UInt8]

  static func name(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return "wal-" + String(repeating: "0", count: 16 - digits.count) + digits + ".log"
  }

  /// The number in a name that `name(_:)` made; nil for every other name.
  static func number(of name: String) -> UInt64? {
    guard name.utf8.count == 24, name.hasPrefix("wal-"), name.hasSuffix(".log"),
      let number = UInt64(name.dropFirst(4).dropLast(4), radix: 16), Self.name(number) == name
    else { return nil }
    return number
  }

  static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix("wal-") && name.hasSuffix(AtomicFile.temporarySuffix)
  }

  /// Appends everything before the first frame: both copies and the zeros between.
  func encode(into buffer: inout ByteBuffer) {
    let start = buffer.count
    appendHeader(to: &buffer)
    buffer.appendZeros(start + Self.copyOffset - buffer.count)
    appendHeader(to: &buffer)
    buffer.appendZeros(start + Self.framesOffset - buffer.count)
  }

  private func appendHeader(to buffer: inout ByteBuffer) {
    let start = buffer.count
    buffer.append(Self.magic)
    buffer.appendUInt64(cluster)
    buffer.appendUInt64(node)
    buffer.appendUInt32(boot)
    buffer.appendUInt32(keyID)
    buffer.appendUInt64(number)
    buffer.appendUInt64(firstLSN)
    buffer.append(salt)
    buffer.appendZeros(start + Self.headerBytes - 4 - buffer.count)
    buffer.appendUInt32(
      CRC32C.checksum(buffer.span.extracting(start..<start + Self.headerBytes - 4)))
  }

  /// The head of the segment with this number, from the first copy that is whole. Nil where neither
  /// is, or both are of another segment: the file has not been used under this name.
  static func decode(_ bytes: Span<UInt8>, number: UInt64) -> LogSegment? {
    for offset in [0, copyOffset] where bytes.count >= offset + headerBytes {
      let header = decodeHeader(bytes.extracting(offset..<offset + headerBytes))
      if let header, header.number == number { return header }
    }
    return nil
  }

  private static func decodeHeader(_ bytes: Span<UInt8>) -> LogSegment? {
    var reader = ByteReader(bytes)
    guard reader.readMagic(magic), let cluster = reader.readUInt64(),
      let node = reader.readUInt64(), let boot = reader.readUInt32(),
      let keyID = reader.readUInt32(), let number = reader.readUInt64(),
      let firstLSN = reader.readUInt64(), firstLSN > 0, let salt = reader.readArray(saltBytes),
      reader.skip(headerBytes - 4 - reader.offset), let checksum = reader.readUInt32(),
      checksum == CRC32C.checksum(bytes.extracting(0..<headerBytes - 4))
    else { return nil }
    return LogSegment(
      cluster: cluster, node: node, boot: boot, keyID: keyID, number: number, firstLSN: firstLSN,
      salt: salt)
  }
}
