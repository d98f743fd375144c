/// Reads the head of a request, strictly by RFC 9112, and stops where the bytes stop.
///
/// A parser belongs to one connection. Each call sees the message from its first byte and all that
/// came since; what was read before is not read again, so the cost is linear in the head however
/// it is cut. What is wrong is refused with the byte that makes it wrong, not at the end: the same
/// bytes have the same outcome, whole or in pieces, whatever follows them.
public struct RequestParser: Sendable {
  public typealias Outcome = ParseOutcome

  private enum Phase: UInt8 { case start, method, target, version, fields }

  private var phase = Phase.start
  private var emptyLines: UInt8 = 0
  /// Where the request line begins, then where the part of it begins that is being read.
  private var lineStart: UInt32 = 0
  private var partStart: UInt32 = 0
  /// The first byte that was not read.
  private var scanned: UInt32 = 0
  private var fields = FieldLines(at: 0)
  /// What an incomplete head said so far.
  private var partial = Request()

  public init() {}

  /// Reads on in `bytes`, which begin with the first byte of the message.
  ///
  /// `request` holds the head after `complete`, and nothing useful before. The parser is then ready
  /// for the next message, which begins `request.headBytes` further on. No allocation.
  public mutating func parse(
    _ bytes: Span<UInt8>, limits: HTTPLimits, into request: inout Request
  ) -> ParseOutcome {
    request = phase == .start ? Request() : partial
    do throws(Refusal) {
      guard try advance(bytes, limits, &request) else {
        partial = request
        return .incomplete
      }
    } catch {
      reset()
      return .refused(error)
    }
    reset()
    return .complete
  }

  /// Forgets an unfinished message.
  public mutating func reset() {
    phase = .start
    emptyLines = 0
    scanned = 0
  }

  /// Whether bytes of an unfinished message were read.
  public var isInsideMessage: Bool { phase != .start || scanned > 0 }

  /// One phase after the other; false where the bytes end.
  @inline(__always)
  private mutating func advance(
    _ bytes: Span<UInt8>, _ limits: HTTPLimits, _ request: inout Request
  ) throws(Refusal) -> Bool {
    if phase != .fields {
      guard try readRequestLine(bytes, limits, &request) else { return false }
      fields = FieldLines(at: Int(scanned))
      request.fieldsStart = scanned
      phase = .fields
    }
    let end = min(bytes.count, limits.headBytesMax)
    while true {
      switch try fields.next(bytes, upTo: end, fieldsMax: limits.headerFieldsMax) {
      case .field:
        try request.take(bytes, fields.name, fields.value)
      case .end:
        request.headBytes = fields.position
        try request.finish()
        return true
      case .incomplete:
        guard bytes.count < limits.headBytesMax else { throw .headTooLong }
        return false
      }
    }
  }

  @inline(__always)
  private mutating func readRequestLine(
    _ bytes: Span<UInt8>, _ limits: HTTPLimits, _ request: inout Request
  ) throws(Refusal) -> Bool {
    if phase == .start {
      guard try skipEmptyLines(bytes) else { return false }
    }
    let limit = Int(lineStart) + min(limits.requestLineBytesMax, limits.headBytesMax)
    let end = min(bytes.count, limit)
    let complete = try readParts(bytes, end, &request)
    guard complete || bytes.count < limit else { throw .requestLineTooLong }
    return complete
  }

  @inline(__always)
  private mutating func readParts(
    _ bytes: Span<UInt8>, _ end: Int, _ request: inout Request
  ) throws(Refusal) -> Bool {
    if phase == .method {
      guard try readMethod(bytes, end, &request) else { return false }
    }
    if phase == .target {
      guard try readTarget(bytes, end, &request) else { return false }
    }
    return try readVersion(bytes, end, &request)
  }

  /// RFC 9112 §2.2: empty lines before a request line are ignored.
  @inline(__always)
  private mutating func skipEmptyLines(_ bytes: Span<UInt8>) throws(Refusal) -> Bool {
    var index = Int(scanned)
    while index < bytes.count, bytes[index] == 0x0d {
      guard index + 1 < bytes.count else { return false }
      guard bytes[index + 1] == 0x0a else { throw .bareCarriageReturn }
      guard Int(emptyLines) < HTTPLimits.emptyLinesMax else { throw .tooManyEmptyLines }
      emptyLines += 1
      index += 2
      scanned = UInt32(truncatingIfNeeded: index)
    }
    guard index < bytes.count else { return false }
    lineStart = UInt32(truncatingIfNeeded: index)
    partStart = lineStart
    phase = .method
    return true
  }

  @inline(__always)
  private mutating func readMethod(
    _ bytes: Span<UInt8>, _ end: Int, _ request: inout Request
  ) throws(Refusal) -> Bool {
    let start = Int(partStart)
    let limit = min(end, start + Method.nameBytesMax + 1)
    let index = scan(bytes, from: Int(scanned), to: limit, while: .token)
    scanned = UInt32(truncatingIfNeeded: index)
    if index == limit {
      guard index - start <= Method.nameBytesMax else { throw .methodTooLong }
      return false
    }
    guard bytes[index] == 0x20, index > start else {
      throw Self.refusal(ofMethodByte: bytes[index], isFirst: index == 0)
    }
    request.method = Method(token: bytes, from: start, to: index)
    scanned += 1
    partStart = scanned
    phase = .target
    return true
  }

  @inline(__always)
  private mutating func readTarget(
    _ bytes: Span<UInt8>, _ end: Int, _ request: inout Request
  ) throws(Refusal) -> Bool {
    let start = Int(partStart)
    var index = Int(scanned)
    defer { scanned = UInt32(truncatingIfNeeded: index) }
    guard index < end else { return false }
    let allowed = bytes[start] == 0x2f ? ByteClass.pathAndQuery : ByteClass.target
    while true {
      index = scan(bytes, from: index, to: end, while: allowed)
      guard index < end else { return false }
      guard bytes[index] == 0x25 else { break }
      if index + 1 < end, hexValue(bytes[index + 1]) == nil { throw .invalidTargetEscape }
      guard index + 2 < end else { return false }
      guard hexValue(bytes[index + 2]) != nil else { throw .invalidTargetEscape }
      index += 3
    }
    guard bytes[index] == 0x20 else {
      throw Self.refusal(ofTargetByte: bytes[index])
    }
    guard index > start else { throw .invalidTarget }
    request.path = ByteRange(start, index)
    index += 1
    partStart = UInt32(truncatingIfNeeded: index)
    phase = .version
    return true
  }

  /// `HTTP/d.d` and CR LF; then the target is looked into, whose meaning depends on the method.
  @inline(__always)
  private mutating func readVersion(
    _ bytes: Span<UInt8>, _ end: Int, _ request: inout Request
  ) throws(Refusal) -> Bool {
    let start = Int(partStart)
    let last = min(end, start + 10)
    var index = Int(scanned)
    if index == start, last == start + 10, saysVersion11(bytes, start) { index = last }
    while index < last {
      let byte = bytes[index]
      switch index - start {
      case 0: guard byte == 0x48 else { throw .invalidVersion }
      case 1, 2: guard byte == 0x54 else { throw .invalidVersion }
      case 3: guard byte == 0x50 else { throw .invalidVersion }
      case 4: guard byte == 0x2f else { throw .invalidVersion }
      case 6: guard byte == 0x2e else { throw .invalidVersion }
      case 8:
        guard byte == 0x0d else { throw byte == 0x0a ? .bareLineFeed : .invalidVersion }
      case 9: guard byte == 0x0a else { throw .bareCarriageReturn }
      default: guard isDigit(byte) else { throw .invalidVersion }
      }
      index += 1
    }
    scanned = UInt32(truncatingIfNeeded: index)
    guard index == start + 10 else { return false }
    guard bytes[start + 5] == 0x31 else { throw .unsupportedVersion }
    request.minorVersion = bytes[start + 7] == 0x30 ? 0 : 1
    try request.resolveTarget(bytes)
    return true
  }

  /// Whether `HTTP/1.1` and the end of the line stand there: what nearly every request says.
  @inline(__always)
  private func saysVersion11(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
    let raw = unsafe bytes.bytes
    // The caller has seen that ten bytes are there; every bit pattern is a number.
    let name = unsafe raw.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)
    let lineEnd = unsafe raw.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt16.self)
    return UInt64(littleEndian: name) == 0x312e_312f_5054_5448
      && UInt16(littleEndian: lineEnd) == 0x0a0d
  }

  private static func refusal(ofMethodByte byte: UInt8, isFirst: Bool) -> Refusal {
    switch byte {
    case 0x0a: .bareLineFeed
    case 0x16 where isFirst: .tlsOnPlainPort
    default: .notARequest
    }
  }

  private static func refusal(ofTargetByte byte: UInt8) -> Refusal {
    switch byte {
    case 0x0a: .bareLineFeed
    case 0x0d: .invalidVersion
    default: .invalidTargetByte
    }
  }
}
