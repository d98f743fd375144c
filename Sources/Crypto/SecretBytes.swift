import COpenSSL

/// Secrets in ordinary arrays.
public enum SecretBytes {
  /// Overwrites the bytes, in a way that the optimiser keeps, and leaves the array empty.
  ///
  /// Only for an array that nothing else refers to: of a shared one Swift makes a copy first, and
  /// the others keep what they had.
  public static func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    bytes = []
  }

  /// Overwrites a digest or key on the stack.
  static func wipe(_ digest: inout [32 of UInt8]) {
    var bytes = digest.mutableSpan
    unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
  }
}
