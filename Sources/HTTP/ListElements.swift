/// Walks a list of elements between commas (RFC 9110 §5.6.1): empty elements are passed over,
/// commas inside quoted strings do not count, white space around an element is left out.
struct ListElements {
  private var index: Int
  private let end: Int

  init(_ value: ByteRange) {
    index = Int(value.start)
    end = Int(value.end)
  }

  mutating func next(_ bytes: Span<UInt8>) -> ByteRange? {
    while index < end {
      let element = nextOrEmpty(bytes)
      if !element.isEmpty { return element }
    }
    return nil
  }

  /// The next element, which may be empty; to be called while `hasMore`.
  mutating func nextOrEmpty(_ bytes: Span<UInt8>) -> ByteRange {
    var start = index
    var isQuoted = false
    while index < end {
      let byte = bytes[index]
      if byte == 0x22 {
        isQuoted.toggle()
      } else if byte == 0x5c, isQuoted {
        index += 1
      } else if byte == 0x2c, !isQuoted {
        break
      }
      index += 1
    }
    index = min(index, end)
    var stop = index
    index += 1
    while start < stop, isWhiteSpace(bytes[start]) { start += 1 }
    while stop > start, isWhiteSpace(bytes[stop - 1]) { stop -= 1 }
    return ByteRange(start, stop)
  }

  /// A comma at the very end makes one more, empty element.
  var hasMore: Bool { index <= end }
}

@inline(__always)
func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

/// One element of `Accept`.
enum MediaRange {
  /// Whether `element` names `type` (in lower case) with a weight other than zero.
  static func lists(_ bytes: Span<UInt8>, _ element: ByteRange, _ type: StaticString) -> Bool {
    let end = Int(element.end)
    var index = Int(element.start)
    let start = index
    while index < end, bytes[index] != 0x3b, !isWhiteSpace(bytes[index]) { index += 1 }
    guard matches(bytes, start, index, type) else { return false }
    return !hasZeroWeight(bytes, index, end)
  }

  /// Whether a parameter is `q=0`, `q=0.0` and so on.
  private static func hasZeroWeight(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var index = start
    while index < end {
      guard bytes[index] == 0x3b else {
        index += 1
        continue
      }
      index += 1
      while index < end, isWhiteSpace(bytes[index]) { index += 1 }
      guard end - index >= 3, lowercased(bytes[index]) == 0x71, bytes[index + 1] == 0x3d else {
        continue
      }
      index += 2
      while index < end, bytes[index] == 0x30 || bytes[index] == 0x2e { index += 1 }
      return index == end || bytes[index] == 0x3b || isWhiteSpace(bytes[index])
    }
    return false
  }
}
