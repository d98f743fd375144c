/// Reads the field lines of a head, one at a time, and stops where the bytes stop: the next call
/// goes on from there, so that a sender of single bytes costs no more than one of whole heads.
///
/// Only CR LF ends a line, a name is a token directly followed by the colon, a value has no control
/// byte but the tab, and nothing is folded (RFC 9112 §5).
struct FieldLines: Sendable {
  private enum Phase: UInt8 { case lineStart, name, value }

  /// What was found.
  enum Step {
    /// `name` and `value` are set.
    case field
    /// The empty line is behind `position`.
    case end
    case incomplete
  }

  private var phase = Phase.lineStart
  private var nameStart: UInt32 = 0
  private var nameEnd: UInt32 = 0
  private var scanned: UInt32
  private var valueStart: UInt32 = 0
  private var valueEnd: UInt32 = 0
  private(set) var count: UInt32 = 0

  /// `position` is the start of the first field line.
  init(at position: Int) { scanned = UInt32(truncatingIfNeeded: position) }

  /// The first byte that was not read.
  @inline(__always) var position: Int { Int(scanned) }
  /// The token before the colon.
  @inline(__always) var name: ByteRange { ByteRange(Int(nameStart), Int(nameEnd)) }
  /// The value without the white space around it.
  @inline(__always) var value: ByteRange { ByteRange(Int(valueStart), Int(valueEnd)) }

  /// Reads on, at most up to `end` and at most `fieldsMax` fields.
  @inline(__always)
  mutating func next(
    _ bytes: Span<UInt8>, upTo end: Int, fieldsMax: Int
  ) throws(Refusal) -> Step {
    var index = Int(scanned)
    defer { scanned = UInt32(truncatingIfNeeded: index) }
    if phase == .lineStart {
      guard index < end else { return .incomplete }
      let first = bytes[index]
      if first == 0x0d {
        guard index + 1 < end else { return .incomplete }
        guard bytes[index + 1] == 0x0a else { throw .bareCarriageReturn }
        index += 2
        return .end
      }
      if first == 0x20 || first == 0x09 { throw .foldedLine }
      guard Int(count) < fieldsMax else { throw .tooManyFields }
      count += 1
      nameStart = UInt32(truncatingIfNeeded: index)
      phase = .name
    }
    if phase == .name {
      index = scan(bytes, from: index, to: end, while: .token)
      guard index < end else { return .incomplete }
      guard bytes[index] == 0x3a else { throw Self.refusal(ofNameByte: bytes[index]) }
      guard index > Int(nameStart) else { throw .emptyFieldName }
      nameEnd = UInt32(truncatingIfNeeded: index)
      index += 1
      phase = .value
    }
    index = scanFieldValue(bytes, from: index, to: end)
    guard index < end else { return .incomplete }
    guard bytes[index] == 0x0d else { throw Self.refusal(ofValueByte: bytes[index]) }
    guard index + 1 < end else { return .incomplete }
    guard bytes[index + 1] == 0x0a else { throw .bareCarriageReturn }

    var start = Int(nameEnd) + 1
    var stop = index
    while start < stop, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while stop > start, bytes[stop - 1] == 0x20 || bytes[stop - 1] == 0x09 { stop -= 1 }
    valueStart = UInt32(truncatingIfNeeded: start)
    valueEnd = UInt32(truncatingIfNeeded: stop)
    index += 2
    phase = .lineStart
    return .field
  }

  private static func refusal(ofNameByte byte: UInt8) -> Refusal {
    switch byte {
    case 0x0a: .bareLineFeed
    case 0x20, 0x09: .spaceBeforeColon
    default: .invalidFieldName
    }
  }

  private static func refusal(ofValueByte byte: UInt8) -> Refusal {
    byte == 0x0a ? .bareLineFeed : .invalidFieldValue
  }
}
