import Bytes

/// Values of a given size for generated records.
enum SampleValue {
  /// Appends a JSON value of exactly `count` bytes: `{"key":"k000001","pad":"xxx"}` where there is
  /// room for one, a shorter text where there is not.
  static func append(_ letter: UInt8, _ number: Int, count: Int, to value: inout ByteBuffer) {
    let mark = value.count
    value.append("{\"key\":\"" as StaticString)
    KeyName.append(letter, number, to: &value)
    value.append("\",\"pad\":\"" as StaticString)
    let padding = count - (value.count - mark) - 2
    if padding >= 0 {
      appendPadding(padding, to: &value)
      value.append("\"}" as StaticString)
      return
    }
    value.truncate(to: mark)
    guard count >= 2 else { return value.append(UInt8(ascii: "1")) }
    value.append(UInt8(ascii: "\""))
    appendPadding(count - 2, to: &value)
    value.append(UInt8(ascii: "\""))
  }

  static func appendPadding(_ count: Int, to value: inout ByteBuffer) {
    value.reserve(count)
    for _ in 0..<count { value.append(UInt8(ascii: "x")) }
  }
}
