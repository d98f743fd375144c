import Bytes
import JSON
public import Store

/// A record as a snapshot holds it.
public struct SnapshotRecord: ~Escapable {
  public let tableName: [UInt8]
  public let key: [UInt8]
  public let ownerName: [UInt8]
  public let version: UInt64
  public let stamp: Stamp
  /// The value's JSON, byte for byte as it was written.
  public let value: Span<UInt8>

  /// Reads one object of the array of records; nil where a member is missing or of another kind.
  @_lifetime(copy text)
  init?(_ text: Span<UInt8>) {
    guard let object = JSONReader.root(of: text), object.range.count == text.count else {
      return nil
    }
    var tableName: [UInt8]?
    var key: [UInt8]?
    var ownerName: [UInt8]?
    var version: UInt64?
    var stamp: Stamp?
    var value: Range<Int>?
    var cursor = JSONCursor(object)
    while let member = cursor.nextMember(in: text) {
      func isNamed(_ name: StaticString) -> Bool {
        JSONReader.string(member.name, in: text, equals: name)
      }
      if isNamed("table") {
        tableName = JSONReader.string(member.value, in: text)
      } else if isNamed("key") {
        key = JSONReader.string(member.value, in: text)
      } else if isNamed("owner") {
        ownerName = JSONReader.string(member.value, in: text)
      } else if isNamed("version") {
        version = JSONReader.unsigned(member.value, in: text)
      } else if isNamed("stamp") {
        stamp = JSONReader.string(member.value, in: text).flatMap { Stamp(text: $0) }
      } else if isNamed("value") {
        value = member.value.range
      }
    }
    guard let tableName, let key, let ownerName, let version, let stamp, let value else {
      return nil
    }
    self.tableName = tableName
    self.key = key
    self.ownerName = ownerName
    self.version = version
    self.stamp = stamp
    self.value = text.extracting(value)
  }
}

/// Takes the document of a snapshot apart as it arrives, in pieces that begin and end anywhere.
/// Holds the unfinished part of one record.
struct SnapshotParser: ~Copyable {
  private enum Place { case head, betweenRecords, inRecord, counts }

  private var place = Place.head
  private var unfinished = ByteBuffer()
  /// How far the unfinished part has been looked at.
  private var position = 0
  private var nesting = ObjectNesting()
  private var found = SnapshotSummary()

  /// Returns false where the document is not one.
  mutating func feed(_ piece: Span<UInt8>, _ body: (SnapshotRecord) -> Void) -> Bool {
    var text = ByteBuffer()
    swap(&text, &unfinished)
    defer { swap(&text, &unfinished) }
    text.append(piece)
    while true {
      switch place {
      case .head:
        guard let end = lineEnd(in: text.span) else { return true }
        guard Self.isHead(text.span.extracting(0..<end)) else { return false }
        take(end + 1, of: &text)
        place = .betweenRecords
      case .betweenRecords:
        guard position < text.count else { return true }
        switch text[position] {
        case UInt8(ascii: "\n"), UInt8(ascii: ","): take(position + 1, of: &text)
        case UInt8(ascii: "{"):
          place = .inRecord
          nesting = ObjectNesting()
        case UInt8(ascii: "]"):
          take(position + 1, of: &text)
          place = .counts
        default: return false
        }
      case .inRecord:
        guard let end = nesting.end(of: text.span, from: &position) else { return true }
        guard let bytes = Self.hand(text.span.extracting(0..<end), to: body) else { return false }
        found.records += 1
        found.valueBytes += UInt64(bytes)
        take(end, of: &text)
        place = .betweenRecords
      case .counts:
        return true
      }
    }
  }

  /// What was found, where the document has ended and says the same.
  mutating func finish() -> SnapshotSummary? {
    guard place == .counts, unfinished.count > 0, unfinished[0] == UInt8(ascii: ",") else {
      return nil
    }
    // The counts become a document of their own with a brace in the place of the comma.
    unfinished[0] = UInt8(ascii: "{")
    let document = unfinished.span
    guard (try? JSONValidator.check(document)) != nil, let root = JSONReader.root(of: document),
      let count = JSONReader.member("count", of: root, in: document),
      document.unsigned("records", of: count) == found.records,
      document.unsigned("valueBytes", of: count) == found.valueBytes
    else { return nil }
    return found
  }

  private mutating func lineEnd(in text: Span<UInt8>) -> Int? {
    while position < text.count {
      if text[position] == UInt8(ascii: "\n") { return position }
      position += 1
    }
    return nil
  }

  private static func isHead(_ line: Span<UInt8>) -> Bool {
    let line = [UInt8](copying: line)
    return line.starts(with: Array(SnapshotText.beginning.description.utf8))
      && line.suffix(SnapshotText.recordsBegin.utf8CodeUnitCount)
        .elementsEqual(SnapshotText.recordsBegin.description.utf8)
  }

  /// Returns the bytes of the record's value; nil where the text is no record.
  private static func hand(_ text: Span<UInt8>, to body: (SnapshotRecord) -> Void) -> Int? {
    guard let record = SnapshotRecord(text) else { return nil }
    body(record)
    return record.value.count
  }

  /// Lets go of everything before `end`.
  private mutating func take(_ end: Int, of text: inout ByteBuffer) {
    text.consume(end)
    position = 0
  }
}

/// Finds the end of an object in text that arrives in pieces, by its braces outside of strings.
struct ObjectNesting {
  private var depth = 0
  private var isInString = false
  private var isEscaped = false

  /// The position behind the closing brace, once it is there. `position` goes along with the bytes
  /// that were looked at.
  mutating func end(of text: Span<UInt8>, from position: inout Int) -> Int? {
    while position < text.count {
      let byte = text[position]
      position += 1
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "}"):
        depth -= 1
        if depth == 0 { return position }
      default: break
      }
    }
    return nil
  }
}
