import Bytes

/// Some keys of a table in order: what `KeyIndex.copyKeys` fills and a listing writes out, while
/// nothing is locked.
public struct KeyBatch: ~Copyable {
  // Entries as in a leaf: a length of two bytes in this machine's byte order, and the key.
  private var entries: ByteBuffer
  private var lastOffset = 0
  /// How many keys there are.
  public private(set) var count = 0

  public init() { entries = ByteBuffer() }

  public var isEmpty: Bool { count == 0 }
  /// Bytes of the keys and their lengths.
  public var byteCount: Int { entries.count }

  /// Forgets the keys and keeps the memory.
  public mutating func clear() {
    entries.clear()
    lastOffset = 0
    count = 0
  }

  /// The key at `cursor`, which moves on to the next one; nil behind the last. Starts at 0.
  @_lifetime(borrow self)
  public func next(_ cursor: inout Int) -> Span<UInt8>? {
    guard cursor < entries.count else { return nil }
    let key = key(at: cursor)
    cursor += KeyLeaf.lengthBytes + key.count
    return key
  }

  /// The last key: where the next batch continues.
  public var last: Span<UInt8>? {
    @_lifetime(borrow self)
    get {
      if isEmpty { return nil }
      return key(at: lastOffset)
    }
  }

  /// Calls `body` with each key in order.
  public func forEach<Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    var cursor = 0
    while let key = next(&cursor) { try body(key) }
  }

  @_lifetime(borrow self)
  private func key(at offset: Int) -> Span<UInt8> {
    let bytes = entries.span
    let length = Int(
      UInt16(littleEndian: UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8))
    let start = offset + KeyLeaf.lengthBytes
    return bytes.extracting(start..<start + length)
  }

  /// Appends whole entries, the last of which starts at `last` among them.
  @unsafe mutating func append(entries added: UnsafeBufferPointer<UInt8>, count: Int, last: Int) {
    lastOffset = entries.count + last
    unsafe entries.append(added)
    self.count += count
  }
}
