// The bytes of a connection, in the clear or sealed: one branch tells which.

import Bytes
import Platform

extension Connection {
  /// Appends what has come to a buffer, and notes in `mayRead` whether there may be more.
  mutating func read(into buffer: inout ByteBuffer, minimum: Int) -> ReadResult {
    guard session == nil else { return readSealed(into: &buffer, minimum: minimum) }
    let result = Socket.read(descriptor, into: &buffer, minimum: minimum)
    if case .bytes(let count) = result {
      // A short read has emptied the socket: the next byte makes a new event.
      mayRead = count >= minimum || endsInput
    } else {
      mayRead = false
    }
    return result
  }

  /// Hands over as many of the bytes as are taken; none where earlier ones still wait.
  mutating func write(_ bytes: Span<UInt8>) -> WriteResult {
    guard session == nil else { return writeSealed(bytes) }
    return Socket.write(descriptor, bytes)
  }

  /// Sends what is sealed and has not left: `.bytes(0)` where there is nothing more.
  mutating func flushSealed() -> WriteResult {
    session == nil ? .bytes(0) : Self.plain(session!.flush())
  }

  /// Says that nothing more comes: `.bytes(0)` when it is said.
  mutating func endSealed() -> WriteResult {
    session == nil ? .bytes(0) : Self.plain(session!.shutdown())
  }

  private mutating func readSealed(
    into buffer: inout ByteBuffer, minimum: Int
  ) -> ReadResult {
    let result = session!.read(into: &buffer, minimum: minimum)
    mayRead = false
    switch result {
    case .bytes(let count):
      mayRead = session?.mayReadMore == true || endsInput
      return .bytes(count)
    // Before a connection reads it has sent everything it owes, so reading never waits for that.
    case .wantsRead, .wantsWrite: return .wouldBlock
    // Where a request ends is told by the request: one that was cut off is never applied.
    case .closed, .truncated: return .closed
    case .failed(let failure): return .failed(failure.code)
    }
  }

  /// A stream lasts, and mostly rests: it does without what a session of OpenSSL holds.
  private mutating func writeSealed(_ bytes: Span<UInt8>) -> WriteResult {
    Self.plain(
      phase == .streaming ? session!.writeReleasing(bytes) : session!.write(bytes))
  }

  private static func plain(_ result: TLSWriteResult) -> WriteResult {
    switch result {
    case .bytes(let count): .bytes(count)
    case .wantsRead, .wantsWrite: .wouldBlock
    case .failed(let failure): .failed(failure.code)
    }
  }
}

extension TLSFailure {
  /// The `errno` of the socket, 0 where that is well.
  fileprivate var code: Int32 {
    if case .system(let code) = self { return code }
    return 0
  }
}
