/// A growable run of bytes with a read end and a write end: bytes are appended at the back and
/// consumed from the front. Sockets fill it, parsers read it, writers of every format append to it.
///
/// It owns its memory, cannot be copied by accident, and reads as a `Span`. An empty buffer that
/// was never written to owns no memory at all, so that ten thousand idle connections cost nothing.
@safe public struct ByteBuffer: ~Copyable {
  // Raw memory, because a Swift array zeroes what it grows and counts references on each access.
  // Invariant: 0 ≤ head ≤ tail ≤ capacity, and `storage` is nil only where capacity is 0.
  @usableFromInline var storage: UnsafeMutablePointer<UInt8>?
  @usableFromInline var head = 0
  @usableFromInline var tail = 0
  /// Bytes of memory held, readable or not.
  public private(set) var capacity: Int

  public init(capacity: Int = 0) {
    self.capacity = capacity
    unsafe storage = capacity == 0 ? nil : .allocate(capacity: capacity)
  }

  deinit { unsafe storage?.deallocate() }

  /// The number of bytes that can be read.
  @inlinable public var count: Int { tail - head }
  @inlinable public var isEmpty: Bool { tail == head }

  /// The bytes that can be read.
  @inlinable public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let bytes = unsafe UnsafeBufferPointer(
        start: storage.map { unsafe UnsafePointer($0) + head }, count: tail - head)
      return unsafe _overrideLifetime(bytes.span, borrowing: self)
    }
  }

  @inlinable public subscript(index: Int) -> UInt8 {
    get {
      precondition(index >= 0 && index < count, "ByteBuffer index out of range")
      return unsafe storage.unsafelyUnwrapped[head + index]
    }
    set {
      precondition(index >= 0 && index < count, "ByteBuffer index out of range")
      unsafe storage.unsafelyUnwrapped[head + index] = newValue
    }
  }

  // MARK: Appending

  @inlinable public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe storage.unsafelyUnwrapped[tail] = byte
    tail += 1
  }

  @inlinable public mutating func append(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { unsafe append($0) }
  }

  @inlinable public mutating func append(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { unsafe append($0) }
  }

  @inlinable @inline(__always) public mutating func append(_ text: StaticString) {
    unsafe append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// The UTF-8 bytes of a string. A literal goes to `append(_: StaticString)` and costs no string.
  @_disfavoredOverload
  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { unsafe append($0) }
  }

  @unsafe @inlinable public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    unsafe (storage.unsafelyUnwrapped + tail).update(from: source, count: bytes.count)
    tail += bytes.count
  }

  /// A whole number in decimal digits.
  public mutating func append(decimal number: UInt64) {
    let digits = number.decimalDigitCount
    reserve(digits)
    var rest = number
    var position = tail + digits
    while rest >= 100 {
      let pair = Int(truncatingIfNeeded: rest % 100) * 2
      rest /= 100
      position -= 2
      unsafe storage.unsafelyUnwrapped[position] = Self.digitPairs.utf8Start[pair]
      unsafe storage.unsafelyUnwrapped[position + 1] = Self.digitPairs.utf8Start[pair + 1]
    }
    if rest >= 10 {
      let pair = Int(truncatingIfNeeded: rest) * 2
      unsafe storage.unsafelyUnwrapped[position - 2] = Self.digitPairs.utf8Start[pair]
      unsafe storage.unsafelyUnwrapped[position - 1] = Self.digitPairs.utf8Start[pair + 1]
    } else {
      unsafe storage.unsafelyUnwrapped[position - 1] = UInt8(truncatingIfNeeded: rest) + 0x30
    }
    tail += digits
  }

  /// 00, 01, 02 … 99: two digits at a time halve the divisions.
  private static var digitPairs: StaticString {
    """
    0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
    5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
    """
  }

  /// Makes room for `count` more bytes at the back.
  @inlinable public mutating func reserve(_ count: Int) {
    if capacity - tail < count { grow(by: count) }
  }

  /// Slides the bytes to the front, or moves them to memory of at least twice the size.
  @usableFromInline mutating func grow(by needed: Int) {
    let used = tail - head
    if capacity - used >= needed, head >= capacity / 2, let storage = unsafe storage {
      unsafe storage.update(from: storage + head, count: used)
    } else {
      let larger = max(used + needed, capacity * 2, 64)
      let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
      if let storage = unsafe storage {
        unsafe fresh.update(from: storage + head, count: used)
        unsafe storage.deallocate()
      }
      unsafe storage = fresh
      capacity = larger
    }
    head = 0
    tail = used
  }

  /// Lets `fill` write into the unused end (at least `minimum` bytes) and say how many it wrote.
  @unsafe @inlinable
  public mutating func fill<Failure: Error>(
    minimum: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    reserve(minimum)
    let room = unsafe UnsafeMutableRawBufferPointer(
      start: storage.unsafelyUnwrapped + tail, count: capacity - tail)
    let written = unsafe try fill(room)
    precondition(written >= 0 && written <= capacity - tail, "filled past the end")
    tail += written
    return written
  }

  // MARK: Removing

  /// Drops `count` bytes from the front.
  @inlinable public mutating func consume(_ count: Int) {
    precondition(count >= 0 && count <= tail - head, "consumed more than there is")
    head += count
    if head == tail {
      head = 0
      tail = 0
    }
  }

  /// Drops bytes from the back until `count` are left.
  @inlinable public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= tail - head, "truncated to more than there is")
    tail = head + count
  }

  /// Forgets the bytes and keeps the memory.
  @inlinable public mutating func clear() {
    head = 0
    tail = 0
  }

  /// Overwrites all the memory that is held, and forgets the bytes: for what nobody may find there
  /// later.
  @inline(never)
  public mutating func erase() {
    unsafe storage?.update(repeating: 0, count: capacity)
    clear()
  }

  /// Overwrites `count` bytes at the front, and drops them.
  @inline(never)
  public mutating func erase(_ count: Int) {
    precondition(count >= 0 && count <= tail - head, "erased more than there is")
    if count > 0, let storage = unsafe storage {
      unsafe (storage + head).update(repeating: 0, count: count)
    }
    consume(count)
  }

  /// Forgets the bytes and gives the memory back.
  public mutating func release() {
    unsafe storage?.deallocate()
    unsafe storage = nil
    capacity = 0
    clear()
  }

  /// The readable bytes as an array of their own.
  public func copied() -> [UInt8] {
    if isEmpty { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      if let storage = unsafe storage, count > 0 {
        unsafe target.baseAddress!.initialize(from: storage + head, count: count)
      }
      filled = count
    }
  }
}

extension UInt64 {
  /// How many digits the number has in decimal; 1 for 0.
  public var decimalDigitCount: Int {
    // A power of two is 0.30103 (1233 / 4096) powers of ten: right, or one too few.
    let bits = 64 - (self | 1).leadingZeroBitCount
    let estimate = (bits &* 1233) >> 12
    return self < Self.powersOfTen[estimate] ? estimate : estimate + 1
  }

  /// 10⁰ … 10¹⁹, but 0 in the first place: a number of no bits has one digit all the same.
  private static let powersOfTen: [20 of UInt64] = [
    0, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000,
    100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000,
    100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
  ]
}
