/// What the `Connection` fields of a message ask for (RFC 9110 §7.6.1). Options that are not known
/// are passed over.
struct ConnectionOptions: Sendable, Equatable {
  private var saysClose = false
  private var saysKeepAlive = false

  mutating func take(_ bytes: Span<UInt8>, _ value: ByteRange) {
    var list = ListElements(value)
    while let element = list.next(bytes) {
      if matches(bytes, Int(element.start), Int(element.end), "close") {
        saysClose = true
      } else if matches(bytes, Int(element.start), Int(element.end), "keep-alive") {
        saysKeepAlive = true
      }
    }
  }

  /// Whether the connection stays open behind the message (RFC 9112 §9.3).
  @inline(__always)
  func keepsAlive(minorVersion: UInt8) -> Bool {
    !saysClose && (minorVersion == 1 || saysKeepAlive)
  }
}
