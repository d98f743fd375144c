import Bytes

/// The segment that frames are appended to.
final class OpenSegment<File: DiskFile> {
  let header: LogSegment
  private let file: File
  private var cipher: LogFrameCipher
  /// Bytes that the file has been given.
  private(set) var size: Int
  /// Where the next frame goes.
  private(set) var end = LogSegment.framesOffset
  private var frames: UInt32 = 0
  private var isDirty = true

  /// Takes a spare file into use: its new head is written now and durable with the first sync.
  init(
    _ spare: SpareSegment<File>, header: LogSegment, keyring: Keyring
  ) throws(DiskError) {
    do { cipher = try LogFrameCipher(segment: header, keyring: keyring) } catch {
      preconditionFailure("a keyring holds its current key")
    }
    self.header = header
    file = spare.file
    size = spare.size
    var bytes = ByteBuffer(capacity: LogSegment.framesOffset)
    header.encode(into: &bytes)
    Self.appendEndMark(to: &bytes, room: size - bytes.count)
    try file.write(bytes.span, at: 0)
  }

  /// Bytes that are left for frames.
  var room: Int { max(0, size - end) }

  /// Whether it holds no frame yet.
  var isUnused: Bool { frames == 0 }

  /// Writes one frame, made in `buffer`.
  func write(
    _ entries: Span<UInt8>, firstLSN: UInt64, count: Int, durableLSN: UInt64,
    through buffer: inout ByteBuffer
  ) throws(DiskError) {
    buffer.clear()
    cipher.seal(
      entries, firstLSN: firstLSN, count: count, number: frames, durableLSN: durableLSN,
      into: &buffer)
    frames += 1
    isDirty = true
    let count = buffer.count
    Self.appendEndMark(to: &buffer, room: size - end - count)
    try file.write(buffer.span, at: UInt64(end))
    end += count
    size = max(size, end)
  }

  /// Zeros behind what is written, as far as the file goes: a recycled segment has old bytes there,
  /// and what recovery finds behind the last frame must be nothing, or the sign of a torn write.
  private static func appendEndMark(to bytes: inout ByteBuffer, room: Int) {
    for _ in 0..<max(0, min(LogSegment.endMarkBytes, room)) { bytes.append(0) }
  }

  func sync() throws(DiskError) {
    guard isDirty else { return }
    try file.sync()
    isDirty = false
  }
}
