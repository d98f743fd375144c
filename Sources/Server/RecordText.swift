// A record as users see it: {"value":…,"version":1,"timestamp":1618880821123,"owner":"alice"}

import Bytes
import JSON
import Store

enum RecordText {
  /// The bytes that `append` will write.
  static func count(
    value: Span<UInt8>, version: UInt64, milliseconds: UInt64, owner: Span<UInt8>
  ) -> Int {
    43 + value.count + version.decimalDigitCount + milliseconds.decimalDigitCount
      + quotedCount(owner)
  }

  static func count(_ record: RecordView, owner: Span<UInt8>) -> Int {
    count(
      value: record.value, version: record.version, milliseconds: record.milliseconds,
      owner: owner)
  }

  static func append(_ record: RecordView, owner: Span<UInt8>, to output: inout ByteBuffer) {
    append(
      value: record.value, version: record.version, milliseconds: record.milliseconds,
      owner: owner, to: &output)
  }

  static func append(
    value: Span<UInt8>, version: UInt64, milliseconds: UInt64, owner: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    output.append("{\"value\":")
    output.append(value)
    output.append(",\"version\":")
    output.append(decimal: version)
    output.append(",\"timestamp\":")
    output.append(decimal: milliseconds)
    output.append(",\"owner\":")
    appendQuoted(owner, to: &output)
    output.append("}")
  }

  /// The version token of a write: hybrid time, node, boot and sequence, in the order that decides.
  static func appendToken(_ stamp: Stamp, to output: inout ByteBuffer) {
    Hex.append(stamp.hybridTime, digits: 16, to: &output)
    output.append("-")
    Hex.append(stamp.node, digits: 16, to: &output)
    output.append("-")
    Hex.append(UInt64(stamp.boot), digits: 8, to: &output)
    output.append("-")
    Hex.append(stamp.sequence, digits: 16, to: &output)
  }

  /// Reads what `appendToken` wrote; nil for anything else.
  static func token(_ text: Span<UInt8>) -> Stamp? {
    guard text.count == 59, text[16] == 0x2d, text[33] == 0x2d, text[42] == 0x2d,
      let hybridTime = number(text.extracting(0..<16)), let node = number(text.extracting(17..<33)),
      let boot = number(text.extracting(34..<42)), let sequence = number(text.extracting(43..<59))
    else { return nil }
    return Stamp(
      hybridTime: hybridTime, node: node, boot: UInt32(truncatingIfNeeded: boot), sequence: sequence
    )
  }

  private static func number(_ hex: Span<UInt8>) -> UInt64? {
    guard let bytes = Hex.decode(hex) else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Names are nearly always plain: those are quoted as they are, the rest by the JSON writer.
  private static func isPlain(_ name: Span<UInt8>) -> Bool {
    for index in 0..<name.count {
      let byte = name[index]
      if byte < 0x20 || byte == 0x22 || byte == 0x5c || byte > 0x7e { return false }
    }
    return true
  }

  private static func quotedCount(_ name: Span<UInt8>) -> Int {
    if isPlain(name) { return name.count + 2 }
    var quoted = ByteBuffer()
    JSONWriter.appendString(name, to: &quoted)
    return quoted.count
  }

  private static func appendQuoted(_ name: Span<UInt8>, to output: inout ByteBuffer) {
    guard isPlain(name) else { return JSONWriter.appendString(name, to: &output) }
    output.append(0x22)
    output.append(name)
    output.append(0x22)
  }
}
