/// A place in a buffer: `start` up to, not including, `end`. Half the size of a `Range<Int>`.
public struct ByteRange: Sendable, Equatable {
  public var start: UInt32
  public var end: UInt32

  @inlinable public init() {
    start = 0
    end = 0
  }

  @inlinable public init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
  }

  @inlinable public var isEmpty: Bool { start == end }
  @inlinable public var count: Int { Int(end) - Int(start) }
  @inlinable public var range: Range<Int> { Int(start)..<Int(end) }
}
