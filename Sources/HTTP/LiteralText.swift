internal import Bytes

extension ByteBuffer {
  /// Appends a literal where it lies. A bare literal in `append` would be taken for a `String`.
  @inline(__always)
  mutating func append(literal text: StaticString) { append(text) }
}
