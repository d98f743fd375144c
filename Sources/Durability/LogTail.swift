import Bytes

/// What stands behind the last whole frame of the last segment.
struct LogTail: Equatable {
  /// Whether a later frame proves that the missing one had been durable.
  var isCertified = false
  /// Whether the missing frame is there, whole, and did not open all the same.
  var isSealedOtherwise = false
  /// Bytes that somebody had begun to write; 0 where the log simply ends.
  var byteCount = 0

  /// Looks for whole frames anywhere behind `offset`, where the frame `number` with the entry
  /// `nextLSN` should be. Lost pages leave any part of a frame, so each byte may begin one; heads
  /// that cannot belong to this place are passed over before their checksum is taken.
  static func examine(
    _ segment: Span<UInt8>, from offset: Int, nextLSN: UInt64, number: UInt32, seed: UInt32
  ) -> LogTail {
    var tail = LogTail()
    var position = offset
    // A segment holds fewer frames, and fewer entries, than bytes.
    let reach = UInt64(segment.count)
    while position + LogFrame.overhead <= segment.count {
      position = skipZeros(segment, from: position)
      guard position + LogFrame.overhead <= segment.count else { break }
      guard let (frame, checksum) = LogFrame.claimed(at: position, of: segment),
        frame.firstLSN >= nextLSN, frame.firstLSN - nextLSN < reach, frame.number >= number,
        UInt64(frame.number - number) < reach, frame.count <= frame.sealedBytes
      else {
        position += 1
        continue
      }
      let end = position + frame.byteCount
      let bytes = segment.extracting(position..<end)
      guard checksum == LogFrame.checksum(of: bytes, seed: seed) else {
        // The missing frame itself, as far as it got.
        if position == offset, frame.number == number, frame.firstLSN == nextLSN {
          tail.byteCount = frame.byteCount
        }
        position += 1
        continue
      }
      if frame.durableLSN >= nextLSN { tail.isCertified = true }
      if position == offset, frame.number == number, frame.firstLSN == nextLSN {
        tail.isSealedOtherwise = true
      }
      tail.byteCount = max(tail.byteCount, end - offset)
      position = end
    }
    return tail
  }

  /// The next position whose frame head could begin there: a head's length is never 0, so at least
  /// one of its first four bytes is not.
  private static func skipZeros(_ segment: Span<UInt8>, from position: Int) -> Int {
    var position = position
    let raw = unsafe segment.bytes
    while position + 8 <= segment.count {
      // In range, and every bit pattern is a number.
      let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      guard word == 0 else { break }
      position += 5
    }
    return position
  }
}
