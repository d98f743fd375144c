internal import Bytes

/// The bytes of one line of the log.
enum LogLine {
  /// A longer value is cut, so that one request cannot fill the log: 512 bytes show any address,
  /// path or error whole.
  static let valueBytesMax = 512

  static func append(
    to line: inout ByteBuffer, milliseconds: UInt64, _ level: LogLevel, _ event: StaticString,
    _ fields: [LogField]
  ) {
    appendTime(milliseconds, to: &line)
    line.append(" ")
    line.append(level.text)
    line.append(" ")
    line.append(event)
    for field in fields {
      line.append(" ")
      line.append(field.name)
      line.append("=")
      appendValue(field.value, to: &line)
    }
    line.append("\n")
  }

  /// RFC 3339 in UTC, with milliseconds.
  ///
  /// The date is found as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years
  /// are counted from March, so that the leap day is the last of its year, in eras of 400 years.
  static func appendTime(_ milliseconds: UInt64, to line: inout ByteBuffer) {
    let seconds = milliseconds / 1000
    let days = seconds / 86_400 + 719_468  // from 1 March of the year 0
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

    let second = seconds % 86_400
    append(year, digits: 4, to: &line)
    line.append("-")
    append(month, digits: 2, to: &line)
    line.append("-")
    append(day, digits: 2, to: &line)
    line.append("T")
    append(second / 3600, digits: 2, to: &line)
    line.append(":")
    append(second / 60 % 60, digits: 2, to: &line)
    line.append(":")
    append(second % 60, digits: 2, to: &line)
    line.append(".")
    append(milliseconds % 1000, digits: 3, to: &line)
    line.append("Z")
  }

  private static func append(_ number: UInt64, digits: Int, to line: inout ByteBuffer) {
    var power: UInt64 = 1
    for _ in 1..<digits { power *= 10 }
    while power > 0 {
      line.append(UInt8(truncatingIfNeeded: number / power % 10) + 0x30)
      power /= 10
    }
  }

  private static func appendValue(_ value: String, to line: inout ByteBuffer) {
    var value = value
    var cut = false
    if value.utf8.count > valueBytesMax {
      cut = true
      var end = value.utf8.index(value.startIndex, offsetBy: valueBytesMax)
      // Back to the beginning of the character that would be cut in two.
      while value.utf8[end] & 0xc0 == 0x80 { end = value.utf8.index(before: end) }
      value = String(value[..<end])
    }
    if !cut, !value.isEmpty, value.utf8.allSatisfy(isPlain) {
      line.append(value)
      return
    }
    line.append("\"")
    // Scalars, because a line break may hide in the bytes of one: U+0085, U+2028.
    for scalar in value.unicodeScalars { append(scalar, to: &line) }
    if cut { line.append("…") }
    line.append("\"")
  }

  /// Printable ASCII that needs no quotes.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && byte != 0x22 && byte != 0x5c && byte != 0x3d
  }

  private static func append(_ scalar: Unicode.Scalar, to line: inout ByteBuffer) {
    switch scalar {
    case "\"": line.append("\\\"")
    case "\\": line.append("\\\\")
    case "\n": line.append("\\n")
    case "\r": line.append("\\r")
    case "\t": line.append("\\t")
    default:
      switch scalar.properties.generalCategory {
      // What a terminal or a viewer might obey rather than show.
      case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
        appendEscape(scalar, to: &line)
      default: line.append(String(scalar))
      }
    }
  }

  /// As in JSON: four hexadecimal digits for each UTF-16 unit.
  private static func appendEscape(_ scalar: Unicode.Scalar, to line: inout ByteBuffer) {
    for unit in scalar.utf16 {
      line.append("\\u")
      for shift in [12, 8, 4, 0] {
        let digit = UInt8(truncatingIfNeeded: unit >> UInt16(shift) & 15)
        line.append(digit < 10 ? digit + 0x30 : digit - 10 + 0x61)
      }
    }
  }
}
