import Bytes
import Crypto

/// The head of one frame: what one commit, or a part of a large one, wrote.
struct LogFrame: Equatable {
  static let headerBytes = 32
  /// What a frame adds to its entries: the head and the tag of the encryption.
  static let overhead = headerBytes + AEAD.tagBytes

  /// Bytes behind the head: the sealed entries and the tag.
  var sealedBytes: Int
  var firstLSN: UInt64
  var count: Int
  /// The number of the frame in its segment, from 0: the nonce.
  var number: UInt32
  /// The last entry that was durable when the frame was written.
  var durableLSN: UInt64

  var byteCount: Int { Self.headerBytes + sealedBytes }
  var nextLSN: UInt64 { firstLSN + UInt64(count) }

  /// What the checksum leaves out of the head: its own four bytes, which follow the length.
  static let checksumOffset = 4
  static let checkedOffset = 8

  /// The head at `offset`, with the checksum that stands in it; nil where the frame that it claims
  /// to be does not fit. Nothing of it has been proven yet.
  static func claimed(at offset: Int, of segment: Span<UInt8>) -> (
    frame: LogFrame, checksum: UInt32
  )? {
    var reader = ByteReader(segment.extracting(offset..<segment.count))
    guard let sealedBytes = reader.readUInt32(), let checksum = reader.readUInt32(),
      let firstLSN = reader.readUInt64(), let count = reader.readUInt32(),
      let number = reader.readUInt32(), let durableLSN = reader.readUInt64(),
      sealedBytes >= AEAD.tagBytes, Int(sealedBytes) <= reader.remaining,
      firstLSN > 0, firstLSN < 1 << 62, durableLSN < firstLSN
    else { return nil }
    return (
      LogFrame(
        sealedBytes: Int(sealedBytes), firstLSN: firstLSN, count: Int(count), number: number,
        durableLSN: durableLSN), checksum
    )
  }

  /// The checksum of a whole frame, seeded by the segment's salt: bytes that an earlier use of the
  /// file left behind never pass.
  static func checksum(of frame: Span<UInt8>, seed: UInt32) -> UInt32 {
    let length = CRC32C.checksum(frame.extracting(0..<checksumOffset), seed: seed)
    return CRC32C.checksum(frame.extracting(checkedOffset..<frame.count), seed: length)
  }
}

/// The key and the checksum seed of one segment: seals its frames, or opens them.
struct LogFrameCipher: ~Copyable {
  private var cipher: AEAD
  let seed: UInt32

  init(segment: LogSegment, keyring: Keyring) throws(KeyringError) {
    var key = try keyring.deriveKey(id: segment.keyID, salt: segment.salt.span, label: "wal")
    cipher = AEAD(key: key.span)
    SecretBytes.wipe(&key)
    seed = CRC32C.checksum(segment.salt.span)
  }

  /// Appends a frame of `entries`. Each `number` may be used once.
  mutating func seal(
    _ entries: Span<UInt8>, firstLSN: UInt64, count: Int, number: UInt32, durableLSN: UInt64,
    into buffer: inout ByteBuffer
  ) {
    let start = buffer.count
    var head = ByteBuffer(capacity: LogFrame.headerBytes)
    head.appendUInt32(UInt32(entries.count + AEAD.tagBytes))
    head.appendUInt32(0)
    head.appendUInt64(firstLSN)
    head.appendUInt32(UInt32(count))
    head.appendUInt32(number)
    head.appendUInt64(durableLSN)
    buffer.reserve(LogFrame.overhead + entries.count)
    buffer.append(head.span)
    cipher.seal(
      nonce: Nonce(prefix: 0, counter: UInt64(number)),
      associatedData: head.span.extracting(LogFrame.checkedOffset..<LogFrame.headerBytes),
      plaintext: entries, into: &buffer)
    let checksum = LogFrame.checksum(
      of: buffer.span.extracting(start..<buffer.count), seed: seed)
    buffer.replaceUInt32(at: start + LogFrame.checksumOffset, with: checksum)
  }

  /// The frame at `offset`, its entries appended to `entries`; nil where it is not the whole,
  /// genuine frame with this number.
  mutating func open(
    at offset: Int, of segment: Span<UInt8>, number: UInt32, into entries: inout ByteBuffer
  ) -> LogFrame? {
    guard let (frame, checksum) = LogFrame.claimed(at: offset, of: segment),
      frame.number == number
    else { return nil }
    let bytes = segment.extracting(offset..<offset + frame.byteCount)
    guard checksum == LogFrame.checksum(of: bytes, seed: seed),
      cipher.open(
        nonce: Nonce(prefix: 0, counter: UInt64(number)),
        associatedData: bytes.extracting(LogFrame.checkedOffset..<LogFrame.headerBytes),
        sealed: bytes.extracting(LogFrame.headerBytes..<bytes.count), into: &entries)
    else { return nil }
    return frame
  }
}
