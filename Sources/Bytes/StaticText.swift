extension StaticString {
  /// The UTF-8 bytes, which are part of the program.
  @inlinable public var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get {
      let buffer = unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
      return unsafe _overrideLifetime(buffer.span, copying: ())
    }
  }
}

extension Span where Element == UInt8 {
  /// Byte for byte the same.
  @inlinable public func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where unsafe self[unchecked: index] != other[unchecked: index] {
      return false
    }
    return true
  }

  @inlinable public func equals(_ text: StaticString) -> Bool { equals(text.bytes) }
}
