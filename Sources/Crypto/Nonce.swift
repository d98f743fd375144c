/// The 12 bytes that must never be the same for two messages under one key: whose message it is
/// (four bytes, little-endian), then which one (eight bytes, little-endian).
///
/// Two messages of one key and nonce reveal each other and let anybody forge more (NIST SP 800-38D
/// §8), so the prefix names a writer and the counter only ever grows.
public struct Nonce: Hashable, Sendable {
  /// Bytes of a nonce.
  public static let byteCount = 12

  public var prefix: UInt32
  public var counter: UInt64

  public init(prefix: UInt32, counter: UInt64) {
    self.prefix = prefix
    self.counter = counter
  }

  var bytes: [12 of UInt8] {
    [12 of UInt8] { index in
      index < 4
        ? UInt8(truncatingIfNeeded: prefix >> UInt32(index * 8))
        : UInt8(truncatingIfNeeded: counter >> UInt64((index - 4) * 8))
    }
  }
}
