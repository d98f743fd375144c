import COpenSSL

/// Comparisons whose duration says nothing about what was compared.
public enum ConstantTime {
  /// Whether the bytes are the same. The time depends on the lengths alone, which are no secret.
  public static func equal(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    return unsafe a.withUnsafeBufferPointer { a in
      unsafe b.withUnsafeBufferPointer { b in
        unsafe a.isEmpty || CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0
      }
    }
  }
}
