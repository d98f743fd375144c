import Bytes
import JSON

/// Writes of the lines of a file: KEY, a tab, the JSON of the value, LF.
///
/// A CR before the LF and a byte order mark at the beginning are passed over, as are empty lines.
/// Lines that are no record are counted and not sent. A line is known by where it begins.
struct LineWrites: RequestSource, ~Copyable {
  var repeatsLost: Bool { true }

  private let text: RequestText
  private let bytes: [UInt8]
  private let malformed: MalformedLines
  private var position = 0
  private var key = ByteBuffer()

  /// - Parameter malformed: learns of the lines that are no record.
  init(_ text: consuming RequestText, bytes: [UInt8], malformed: MalformedLines) {
    self.text = text
    self.bytes = bytes
    self.malformed = malformed
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
  }

  mutating func next() -> Int? {
    while position < bytes.count {
      let start = position
      let end = lineEnd(from: start)
      position = end + 1
      if end == start || (end == start + 1 && bytes[start] == 0x0d) { continue }
      guard let record = record(from: start, to: end) else {
        malformed.add { "\(name(of: start)): no tab between a key and a value" }
        continue
      }
      guard (try? JSONValidator.check(bytes.span.extracting(record.value))) != nil else {
        malformed.add { "\(name(of: start)): what follows the tab is not one JSON value" }
        continue
      }
      return start
    }
    return nil
  }

  mutating func append(_ tag: Int, to output: inout ByteBuffer) {
    guard let record = record(from: tag, to: lineEnd(from: tag)) else {
      preconditionFailure("a line without a record was taken")
    }
    let bytes = self.bytes
    key.clear()
    PercentEncoder.encode(bytes.span.extracting(record.key), to: &key)
    text.appendWrite(key.span, value: bytes.span.extracting(record.value), to: &output)
  }

  /// Counts the lines up to this one: for messages.
  func name(of tag: Int) -> String {
    var number = 1
    for index in 0..<tag where bytes[index] == 0x0a { number += 1 }
    guard let record = record(from: tag, to: lineEnd(from: tag)) else { return "line \(number)" }
    return "line \(number) (key \(String(decoding: bytes[record.key].prefix(100), as: UTF8.self)))"
  }

  private func lineEnd(from start: Int) -> Int {
    var end = start
    while end < bytes.count, bytes[end] != 0x0a { end += 1 }
    return end
  }

  private func record(from start: Int, to end: Int) -> (key: Range<Int>, value: Range<Int>)? {
    var tab = start
    while tab < end, bytes[tab] != 0x09 { tab += 1 }
    let valueEnd = end > start && bytes[end - 1] == 0x0d ? end - 1 : end
    guard tab > start, tab + 1 < valueEnd else { return nil }
    return (start..<tab, tab + 1..<valueEnd)
  }
}

/// The lines of a file that are no record.
final class MalformedLines {
  private(set) var count = 0
  private(set) var first: String?

  /// - Parameter message: asked for once, because counting lines takes time.
  func add(_ message: () -> String) {
    count += 1
    if first == nil { first = message() }
  }
}
