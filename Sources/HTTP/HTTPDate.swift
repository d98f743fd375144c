public import Bytes

/// Dates as `Date` and `Last-Modified` carry them: IMF-fixdate, always in GMT (RFC 9110 §5.6.7).
public enum HTTPDate {
  /// The length of a date, in bytes.
  public static let byteCount = 29

  /// Appends for example `Sun, 06 Nov 1994 08:49:37 GMT`. Years beyond 9999 have no such form and
  /// are written as the last second of 9999.
  public static func format(secondsSince1970: UInt64, into buffer: inout ByteBuffer) {
    let seconds = min(secondsSince1970, 253_402_300_799)
    let days = Int(seconds / 86_400)
    let secondOfDay = Int(seconds % 86_400)
    let date = civilDate(daysSince1970: days)
    // 1970-01-01 was a Thursday.
    append(letters: "ThuFriSatSunMonTueWed", at: days % 7, to: &buffer)
    buffer.append(literal: ", ")
    append(twoDigits: date.day, to: &buffer)
    buffer.append(0x20)
    append(letters: "JanFebMarAprMayJunJulAugSepOctNovDec", at: date.month - 1, to: &buffer)
    buffer.append(0x20)
    append(twoDigits: date.year / 100, to: &buffer)
    append(twoDigits: date.year % 100, to: &buffer)
    buffer.append(0x20)
    append(twoDigits: secondOfDay / 3600, to: &buffer)
    buffer.append(0x3a)
    append(twoDigits: secondOfDay / 60 % 60, to: &buffer)
    buffer.append(0x3a)
    append(twoDigits: secondOfDay % 60, to: &buffer)
    buffer.append(literal: " GMT")
  }

  /// The Gregorian date, counting years from March so that the leap day comes last. Source: Howard
  /// Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  private static func civilDate(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = daysSince1970 + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func append(twoDigits number: Int, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(0x30 + number / 10))
    buffer.append(UInt8(0x30 + number % 10))
  }

  private static func append(
    letters names: StaticString, at index: Int, to buffer: inout ByteBuffer
  ) {
    precondition(index >= 0 && index * 3 + 3 <= names.utf8CodeUnitCount, "no such name")
    // In range: three letters a name, as checked.
    unsafe buffer.append(UnsafeBufferPointer(start: names.utf8Start + index * 3, count: 3))
  }
}
