import Bytes

/// A published change: when it was sent and which of the run's it is, `{"t":123,"s":4}`.
struct StreamMessage: Equatable {
  /// Nanoseconds of this machine's monotonic clock.
  let sent: UInt64
  /// From 0 on, over all keys of the run.
  let sequence: Int

  private static let timeName: StaticString = "{\"t\":"
  private static let sequenceName: StaticString = ",\"s\":"

  /// Appends the JSON value, padded to `count` bytes where that is more than it needs.
  func append(count: Int, to value: inout ByteBuffer) {
    let mark = value.count
    value.append(Self.timeName)
    value.append(decimal: sent)
    value.append(Self.sequenceName)
    value.append(decimal: UInt64(sequence))
    let padding = count - (value.count - mark) - 10
    if padding >= 0 {
      value.append(",\"pad\":\"" as StaticString)
      SampleValue.appendPadding(padding, to: &value)
      value.append(UInt8(ascii: "\""))
    }
    value.append(UInt8(ascii: "}"))
  }

  /// Finds the message in a line of an event; nil where there is none.
  static func find(in line: Span<UInt8>) -> StreamMessage? {
    let name = timeName.bytes
    var start = 0
    while line.count - start > name.count {
      if line[start] == name[0], line.extracting(start..<start + name.count).equals(name) {
        return read(line.extracting(start + name.count..<line.count))
      }
      start += 1
    }
    return nil
  }

  /// Reads from the digits of the time on.
  private static func read(_ text: Span<UInt8>) -> StreamMessage? {
    var position = 0
    guard let time = number(text, &position) else { return nil }
    let name = sequenceName.bytes
    guard text.count - position > name.count,
      text.extracting(position..<position + name.count).equals(name)
    else { return nil }
    position += name.count
    guard let sequence = number(text, &position) else { return nil }
    return StreamMessage(sent: time, sequence: Int(clamping: sequence))
  }

  /// A run of at most 19 digits, which a UInt64 holds.
  private static func number(_ text: Span<UInt8>, _ position: inout Int) -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < text.count, position - start < 19, text[position] >= 0x30,
      text[position] <= 0x39
    {
      value = value * 10 + UInt64(text[position] - 0x30)
      position += 1
    }
    return position > start ? value : nil
  }
}
