import COpenSSL

/// A secret that is wiped from memory when the last one who knows it lets go.
///
/// Handing it on copies nothing. Its bytes never move, so no copy of them is left behind.
@safe public final class Secret: @unchecked Sendable {
  // Unchecked, because of the pointer: what it points to never changes before the end.
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  /// Takes the bytes over: the array is wiped and empty afterwards.
  ///
  /// Of an array that something else refers to, that reference keeps the bytes.
  public init(taking source: inout [UInt8]) {
    unsafe bytes = .allocate(capacity: source.count)
    _ = unsafe bytes.initialize(fromContentsOf: source)
    SecretBytes.wipe(&source)
  }

  public init(copying source: Span<UInt8>) {
    unsafe bytes = .allocate(capacity: source.count)
    for index in source.indices {
      unsafe bytes.initializeElement(at: index, to: source[index])
    }
  }

  deinit {
    unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    unsafe bytes.deallocate()
  }

  public var count: Int { unsafe bytes.count }

  /// The bytes, to be read and not to be kept.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = unsafe UnsafeBufferPointer(bytes).span
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
