import Bytes
import COpenSSL

/// SHA-256 (FIPS 180-4) of a message that arrives in pieces.
///
/// The context belongs to one owner at a time: it may move between threads, never be shared.
@safe public struct SHA256: ~Copyable, @unchecked Sendable {
  /// Bytes of a digest.
  public static let digestBytes = 32

  private let context: OpaquePointer

  public init() {
    guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
    unsafe self.context = context
    start()
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: Span<UInt8>) {
    let taken = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }
    precondition(taken == 1, "OpenSSL refused to hash")
  }

  /// The digest of all that was given, as an array; then the next message begins.
  public mutating func finish() -> [UInt8] {
    let digest = finishInline()
    return [UInt8](copying: digest.span)
  }

  /// The same without an allocation.
  public mutating func finishInline() -> [32 of UInt8] {
    var digest = [32 of UInt8](repeating: 0)
    var target = digest.mutableSpan
    let finished = unsafe target.withUnsafeMutableBufferPointer { target in
      unsafe EVP_DigestFinal_ex(context, target.baseAddress, nil)
    }
    precondition(finished == 1, "OpenSSL refused to finish a hash")
    start()
    return digest
  }

  /// The digest of a whole message.
  public static func hash(of bytes: Span<UInt8>) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  private func start() {
    let started = unsafe EVP_DigestInit_ex2(context, Self.algorithm, nil)
    precondition(started == 1, "OpenSSL offers no SHA-256")
  }

  // Looked up once: OpenSSL searches its providers, under a lock, whenever it is given a name or
  // one of its legacy constants. What is found never changes and is meant to be shared.
  nonisolated(unsafe) private static let algorithm: OpaquePointer = {
    guard let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
      preconditionFailure("OpenSSL offers no SHA-256")
    }
    return unsafe algorithm
  }()
}
