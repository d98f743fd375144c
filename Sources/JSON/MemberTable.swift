import Bytes

/// The members of one object by their decoded names, in the order in which they first came.
///
/// A few are compared one after the other, more are hashed: open addressing with linear probing, at
/// most half full. The hash is Swift's, seeded by chance in each process, so that nobody can choose
/// names that all fall into one place. Only the order of probing depends on the seed; what is found
/// does not.
struct MemberTable: ~Copyable {
  struct Entry {
    /// Of the decoded name; unknown (0) as long as there are no slots.
    var hash = 0
    /// The name as written, quotes included.
    let name: Range<Int>
    /// The decoded name: in `decodedNames` where it has escapes, otherwise in the document.
    let text: Range<Int>
    let hasEscape: Bool
    /// The last value that came with this name.
    var value: Range<Int>
    /// Whether the member found its place in the other object.
    var isPlaced = false
  }

  /// Up to so many members, comparing lengths and bytes is faster than hashing.
  private static let unhashedMax = 8

  private(set) var entries: [Entry] = []
  // Indices of entries; -1 where free. The count is 0 or a power of two.
  private var slots: [Int32] = []
  private var decodedNames = ByteBuffer()

  /// Takes in all members of `object`; of a repeated name the last value counts.
  init(_ object: JSONElement, in document: Span<UInt8>) {
    var scratch = ByteBuffer()
    var cursor = JSONCursor(object)
    while let member = cursor.nextMember(in: document) {
      let value = member.value.range
      if let known = find(member.name, in: document, of: document, scratch: &scratch) {
        entries[known].value = value
      } else {
        insert(member.name, value: value, in: document)
      }
    }
  }

  /// The entry of the decoded name that `name` stands for in `document`; `own` is the document
  /// that the table was made from, and `scratch` is written to where the name has escapes.
  func find(
    _ name: JSONElement, in document: Span<UInt8>, of own: Span<UInt8>, scratch: inout ByteBuffer
  ) -> Int? {
    let contents = name.contents
    guard JSONText.hasEscape(contents, in: document) else {
      return find(document.extracting(contents), of: own)
    }
    scratch.clear()
    JSONText.decode(contents, in: document, to: &scratch)
    return find(scratch.span, of: own)
  }

  /// Marks an entry as placed; false where it was before.
  mutating func place(_ entry: Int) -> Bool {
    if entries[entry].isPlaced { return false }
    entries[entry].isPlaced = true
    return true
  }

  private func find(_ text: Span<UInt8>, of own: Span<UInt8>) -> Int? {
    guard !slots.isEmpty else {
      for index in entries.indices where names(entries[index], text, of: own) { return index }
      return nil
    }
    let hash = Self.hash(text)
    var slot = hash & (slots.count - 1)
    while slots[slot] >= 0 {
      let index = Int(slots[slot])
      if entries[index].hash == hash, names(entries[index], text, of: own) { return index }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private func names(_ entry: Entry, _ text: Span<UInt8>, of own: Span<UInt8>) -> Bool {
    guard entry.text.count == text.count else { return false }
    return entry.hasEscape
      ? JSONText.same(decodedNames.span.extracting(entry.text), text)
      : JSONText.same(own.extracting(entry.text), text)
  }

  private mutating func insert(_ name: JSONElement, value: Range<Int>, in document: Span<UInt8>) {
    var text = name.contents
    let hasEscape = JSONText.hasEscape(text, in: document)
    if hasEscape {
      let start = decodedNames.count
      JSONText.decode(text, in: document, to: &decodedNames)
      text = start..<decodedNames.count
    }
    entries.append(Entry(name: name.range, text: text, hasEscape: hasEscape, value: value))
    if entries.count <= Self.unhashedMax { return }
    if entries.count * 2 > slots.count {
      enlarge(own: document)
    } else {
      occupy(entries.count - 1, own: document)
    }
  }

  /// Makes room for twice as many entries as there are, and gives each its slot.
  private mutating func enlarge(own: Span<UInt8>) {
    slots = [Int32](repeating: -1, count: max(slots.count * 2, Self.unhashedMax * 4))
    for index in entries.indices { occupy(index, own: own) }
  }

  private mutating func occupy(_ index: Int, own: Span<UInt8>) {
    let entry = entries[index]
    if entry.hash == 0 {
      entries[index].hash =
        entry.hasEscape
        ? Self.hash(decodedNames.span.extracting(entry.text))
        : Self.hash(own.extracting(entry.text))
    }
    var slot = entries[index].hash & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(index)
  }

  private static func hash(_ text: Span<UInt8>) -> Int {
    var hasher = Hasher()
    unsafe text.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return hasher.finalize()
  }
}
