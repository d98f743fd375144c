internal import Bytes

/// The record protocol of an established TLS 1.3 connection without OpenSSL's session: what is left of
/// TLS once both sides have agreed on keys (RFC 8446 §4.6.3, §5, §6).
///
/// It knows no socket: bytes that came are put into `incoming`, and what is to be sent is appended
/// to a buffer of the caller. Records that arrive are opened whole; one that is not as it must be
/// ends the connection with an alert.
struct TLSRecords: ~Copyable {
  private var reading: TLSTrafficKeys
  private var writing: TLSTrafficKeys
  /// Bytes of records that have come and were not opened. Owns no memory while empty.
  var incoming = ByteBuffer()
  /// The beginning of a message of the handshake whose rest is in the next record.
  private var message: [UInt8] = []
  /// Records in a row that carried nothing for the application.
  private var emptyInARow = 0
  private(set) var hasSaidEnd = false

  /// A key update: kind, length (3 bytes), and whether an answer is wanted.
  private static let keyUpdateBytes = 5
  private static let keyUpdateKind: UInt8 = 24
  /// The other side may send as many records without content, or key updates, before it is taken to want
  /// nothing but the time of this thread.
  private static let emptyInARowMax = 32

  /// What a record meant.
  enum Opened: Equatable {
    /// Bytes for the application were appended.
    case content
    /// Something between the two ends of the protocol.
    case nothing
    /// The other side sends no more.
    case end
    /// The other side has ended the connection, for this reason.
    case alert(UInt8)
    case failed(TLSRecordError)
  }

  init(reading: consuming TLSTrafficKeys, writing: consuming TLSTrafficKeys) {
    self.reading = reading
    self.writing = writing
  }

  // MARK: Reading

  /// Whether `open` has something to do.
  var hasRecord: Bool {
    guard let length = recordLength else { return false }
    return length > TLSTrafficKeys.sealedBytesMax || !isSealed
      || incoming.count >= TLSTrafficKeys.headBytes + length
  }

  /// Nothing travels in the clear any more, whatever it says that it is.
  private var isSealed: Bool { incoming[0] == TLSContentKind.applicationData.rawValue }

  /// What the head of the next record says that is behind it.
  private var recordLength: Int? {
    guard incoming.count >= TLSTrafficKeys.headBytes else { return nil }
    return Int(incoming[3]) << 8 | Int(incoming[4])
  }

  /// Opens the next record; nil where it has not come as a whole.
  ///
  /// - Parameters:
  ///   - buffer: what it carries for the application is appended here.
  ///   - outgoing: what is to be answered is appended here, an alert too.
  mutating func open(into buffer: inout ByteBuffer, outgoing: inout ByteBuffer) -> Opened? {
    guard let length = recordLength else { return nil }
    let opened: Opened
    if length > TLSTrafficKeys.sealedBytesMax {
      opened = .failed(.tooLong)
    } else if !isSealed {
      opened = .failed(.unexpected)
    } else {
      let end = TLSTrafficKeys.headBytes + length
      guard incoming.count >= end else { return nil }
      // The bytes leave the struct while they are lent out.
      var records = ByteBuffer()
      swap(&records, &incoming)
      opened = take(records.span.extracting(0..<end), into: &buffer, outgoing: &outgoing)
      swap(&records, &incoming)
      incoming.consume(end)
    }
    if incoming.isEmpty { incoming.release() }
    if case .failed(let error) = opened { sayAlert(error.rawValue, into: &outgoing) }
    return opened
  }

  private mutating func take(
    _ record: Span<UInt8>, into buffer: inout ByteBuffer, outgoing: inout ByteBuffer
  ) -> Opened {
    let before = buffer.count
    let kind: TLSContentKind
    switch reading.open(record, into: &buffer) {
    case .failure(let error): return .failed(error)
    case .success(let found): kind = found
    }
    if kind == .applicationData {
      // A message of the handshake is not interrupted by anything else (§5.1).
      guard message.isEmpty else { return .failed(.unexpected) }
      if buffer.count > before {
        emptyInARow = 0
        return .content
      }
      return countEmpty()
    }
    let content = [UInt8](copying: buffer.span.extracting(before..<buffer.count))
    buffer.truncate(to: before)
    switch kind {
    case .alert: return takeAlert(content)
    case .handshake: return takeMessage(content, outgoing: &outgoing)
    case .applicationData, .changeCipherSpec: return .failed(.unexpected)
    }
  }

  private mutating func countEmpty() -> Opened {
    emptyInARow += 1
    return emptyInARow > Self.emptyInARowMax ? .failed(.unexpected) : .nothing
  }

  /// The socket is empty: whoever sends something later begins a new row.
  mutating func rest() { emptyInARow = 0 }

  private mutating func takeAlert(_ content: [UInt8]) -> Opened {
    guard content.count == 2, message.isEmpty else { return .failed(.malformed) }
    switch content[1] {
    case 0: return .end
    // user_canceled; the end follows.
    case 90: return countEmpty()
    default: return .alert(content[1])
    }
  }

  /// Of the messages of a handshake only a key update may come (§4.6).
  private mutating func takeMessage(_ content: [UInt8], outgoing: inout ByteBuffer) -> Opened {
    // A record of the handshake is never empty (§5.1).
    guard !content.isEmpty else { return .failed(.unexpected) }
    message += content
    guard message[0] == Self.keyUpdateKind else { return .failed(.unexpected) }
    let length: [UInt8] = [0, 0, 1]
    guard zip(message.dropFirst(), length).allSatisfy(==) else { return .failed(.malformed) }
    guard message.count >= Self.keyUpdateBytes else { return countEmpty() }
    // What follows would be sealed with the next keys, and so in another record.
    guard message.count == Self.keyUpdateBytes else { return .failed(.unexpected) }
    let wantsAnswer = message[4]
    guard wantsAnswer <= 1 else { return .failed(.illegal) }
    message = []
    reading.update()
    if wantsAnswer == 1 { updateKeys(wantsAnswer: false, into: &outgoing) }
    return countEmpty()
  }

  // MARK: Writing

  /// Appends a record with content of at most 16 KiB.
  mutating func seal(_ content: Span<UInt8>, into outgoing: inout ByteBuffer) {
    writing.seal(.applicationData, content, into: &outgoing)
  }

  /// Says that this side uses its next keys from now on (§4.6.3), and does.
  mutating func updateKeys(wantsAnswer: Bool, into outgoing: inout ByteBuffer) {
    let update: [UInt8] = [Self.keyUpdateKind, 0, 0, 1, wantsAnswer ? 1 : 0]
    writing.seal(.handshake, update.span, into: &outgoing)
    writing.update()
  }

  /// Says that this side sends no more; once.
  mutating func sayEnd(into outgoing: inout ByteBuffer) {
    if hasSaidEnd { return }
    hasSaidEnd = true
    let alert: [UInt8] = [1, 0]
    writing.seal(.alert, alert.span, into: &outgoing)
  }

  private mutating func sayAlert(_ code: UInt8, into outgoing: inout ByteBuffer) {
    if hasSaidEnd { return }
    hasSaidEnd = true
    let alert: [UInt8] = [2, code]
    writing.seal(.alert, alert.span, into: &outgoing)
  }
}
