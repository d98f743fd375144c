public import Bytes

/// What became of an attempt to read on in a body.
public enum BodyOutcome: Sendable, Equatable {
  /// All bytes so far are fine, more are needed.
  case needsMore
  /// The body is complete; what follows the consumed bytes is the next message.
  case finished
  /// The bytes are no body. Answer with the refusal, then close the connection.
  case refused(Refusal)
}

/// Reads a chunked body (RFC 9112 §7.1), in pieces of any size, without looking at a byte twice.
///
/// The grammar is taken at its word: one to 16 hex digits, extensions without white space, CR LF
/// and nothing else at the end of a line and behind the data. Extensions and trailer fields are
/// checked, counted and dropped; a trailer never becomes a header field.
public struct ChunkedDecoder: Sendable {
  enum State: UInt8 {
    case sizeStart, size
    case extensionNameStart, extensionName, extensionValueStart, extensionToken
    case extensionQuoted, extensionEscaped, extensionEnd
    case sizeLineFeed
    case data, dataReturn, dataLineFeed
    case trailerStart, trailerName, trailerValue, trailerLineFeed
    case lastLineFeed
    case finished
  }

  private var state = State.sizeStart
  private var digits: UInt8 = 0
  private var lineBytes: UInt16 = 0
  private var trailerFields: UInt16 = 0
  private var trailerBytes: UInt32 = 0
  /// The size that is being read, then the bytes of the chunk that are still to come.
  private var rest: UInt64 = 0
  private var received = 0

  public init() {}

  /// Appends the data in `input` to `body` and says how many bytes of input it used: all of them,
  /// or those up to the end of the body, or those before the byte that is wrong. After `finished`
  /// and `refused` there must be no further call.
  ///
  /// A chunk that would make the body longer than `bodyBytesMax` is refused when its size is known.
  public mutating func decode(
    _ input: Span<UInt8>, into body: inout ByteBuffer, bodyBytesMax: Int
  ) -> (consumed: Int, outcome: BodyOutcome) {
    var index = 0
    do throws(Refusal) {
      while index < input.count, state != .finished {
        if state == .data {
          let count = Int(min(rest, UInt64(input.count - index)))
          body.append(input.extracting(index..<index + count))
          index += count
          rest -= UInt64(count)
          if rest == 0 { state = .dataReturn }
        } else {
          try step(input[index], bodyBytesMax)
          index += 1
        }
      }
    } catch {
      return (index, .refused(error))
    }
    return (index, state == .finished ? .finished : .needsMore)
  }

  private mutating func step(_ byte: UInt8, _ bodyBytesMax: Int) throws(Refusal) {
    switch state {
    case .sizeStart, .size: try readSize(byte, bodyBytesMax)
    case .extensionNameStart, .extensionName, .extensionValueStart, .extensionToken,
      .extensionQuoted, .extensionEscaped, .extensionEnd:
      try readExtension(byte, bodyBytesMax)
    case .sizeLineFeed:
      guard byte == 0x0a else { throw .bareCarriageReturn }
      state = rest == 0 ? .trailerStart : .data
    case .dataReturn:
      guard byte == 0x0d else { throw .invalidChunkEnd }
      state = .dataLineFeed
    case .dataLineFeed:
      guard byte == 0x0a else { throw .invalidChunkEnd }
      state = .sizeStart
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
      try readTrailer(byte)
    case .lastLineFeed:
      guard byte == 0x0a else { throw .bareCarriageReturn }
      state = .finished
    case .data, .finished:
      preconditionFailure("data is copied and the end is the end")
    }
  }

  private mutating func readSize(_ byte: UInt8, _ bodyBytesMax: Int) throws(Refusal) {
    if state == .sizeStart {
      guard hexValue(byte) != nil else { throw Self.lineRefusal(byte, .invalidChunkSize) }
      rest = 0
      digits = 0
      lineBytes = 0
      state = .size
    }
    try countLineByte()
    if let value = hexValue(byte) {
      guard digits < 16 else { throw .invalidChunkSize }
      digits += 1
      rest = rest << 4 | UInt64(value)
    } else if byte == 0x3b {
      state = .extensionNameStart
    } else if byte == 0x0d {
      try endSizeLine(bodyBytesMax)
    } else {
      throw Self.lineRefusal(byte, .invalidChunkSize)
    }
  }

  /// `";" name [ "=" ( token / quoted-string ) ]`, without white space (RFC 9112 §7.1.1).
  private mutating func readExtension(_ byte: UInt8, _ bodyBytesMax: Int) throws(Refusal) {
    try countLineByte()
    switch state {
    case .extensionNameStart where ByteClass.token.contains(byte): state = .extensionName
    case .extensionName where ByteClass.token.contains(byte): break
    case .extensionName where byte == 0x3d: state = .extensionValueStart
    case .extensionValueStart where ByteClass.token.contains(byte): state = .extensionToken
    case .extensionValueStart where byte == 0x22: state = .extensionQuoted
    case .extensionToken where ByteClass.token.contains(byte): break
    case .extensionQuoted where byte == 0x22: state = .extensionEnd
    case .extensionQuoted where byte == 0x5c: state = .extensionEscaped
    case .extensionQuoted where byte >= 0x80 || ByteClass.quotedText.contains(byte): break
    case .extensionEscaped where byte >= 0x20 && byte != 0x7f || byte == 0x09:
      state = .extensionQuoted
    case .extensionName, .extensionToken, .extensionEnd:
      if byte == 0x3b {
        state = .extensionNameStart
      } else if byte == 0x0d {
        try endSizeLine(bodyBytesMax)
      } else {
        fallthrough
      }
    default: throw Self.lineRefusal(byte, .invalidChunkExtension)
    }
  }

  private mutating func endSizeLine(_ bodyBytesMax: Int) throws(Refusal) {
    guard rest <= UInt64(max(0, bodyBytesMax - received)) else { throw .bodyTooLong }
    received += Int(rest)
    state = .sizeLineFeed
  }

  private mutating func countLineByte() throws(Refusal) {
    lineBytes += 1
    guard lineBytes <= Self.sizeLineBytesMax else { throw .chunkLineTooLong }
  }

  /// Field lines as in a head (RFC 9112 §7.1.2).
  private mutating func readTrailer(_ byte: UInt8) throws(Refusal) {
    trailerBytes += 1
    guard trailerBytes <= Self.trailerBytesMax else { throw .trailersTooLong }
    switch state {
    case .trailerStart where byte == 0x0d: state = .lastLineFeed
    case .trailerStart:
      guard byte != 0x20, byte != 0x09 else { throw .foldedLine }
      guard byte != 0x3a else { throw .emptyFieldName }
      guard ByteClass.token.contains(byte) else { throw Self.lineRefusal(byte, .invalidFieldName) }
      trailerFields += 1
      guard trailerFields <= Self.trailerFieldsMax else { throw .trailersTooLong }
      state = .trailerName
    case .trailerName where byte == 0x3a: state = .trailerValue
    case .trailerName:
      guard byte != 0x20, byte != 0x09 else { throw .spaceBeforeColon }
      guard ByteClass.token.contains(byte) else { throw Self.lineRefusal(byte, .invalidFieldName) }
    case .trailerValue where byte == 0x0d: state = .trailerLineFeed
    case .trailerValue:
      guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else {
        throw Self.lineRefusal(byte, .invalidFieldValue)
      }
    default:
      guard byte == 0x0a else { throw .bareCarriageReturn }
      state = .trailerStart
    }
  }

  private static func lineRefusal(_ byte: UInt8, _ other: Refusal) -> Refusal {
    byte == 0x0a ? .bareLineFeed : other
  }

  /// A size has 16 digits at most; extensions are for nobody. Longer: `400`.
  static let sizeLineBytesMax: UInt16 = 256
  /// Trailers are dropped, so few of them are enough. Longer: `431`.
  static let trailerBytesMax: UInt32 = 8 * 1024
  /// As many as header fields. More: `431`.
  static let trailerFieldsMax: UInt16 = 100
}
