import Bytes
import Crypto

/// What every node of a cluster knows and nobody else does. It never leaves the process: keys are
/// derived from it, and those prove that one knows it.
public struct ClusterSecret: Sendable {
  let bytes: [UInt8]
  /// Tells which of several secrets is meant, while one replaces another. Says nothing useful about
  /// the secret: it is 32 bits of a derived key.
  public let id: UInt32

  /// Shorter ones can be found by trying.
  public static let bytesWanted = 16
  /// While one replaces another there are two; more are an error of the configuration.
  static let secretsMax = 4

  /// - Parameter bytes: at least one.
  public init(_ bytes: [UInt8]) {
    precondition(!bytes.isEmpty, "a cluster secret has at least one byte")
    self.bytes = bytes
    let salt: [UInt8] = []
    let info = Array("secret-id".utf8)
    let derived = KeyDerivation.hkdf(
      secret: bytes.span, salt: salt.span, info: info.span, count: 4)
    id = derived.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Whether it is long enough not to be guessed.
  public var isLong: Bool { bytes.count >= Self.bytesWanted }

  /// `new,old`: the first one sends, all receive. Nil where one is empty or there are more than four.
  public static func parse(_ text: [UInt8]) -> [ClusterSecret]? {
    let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard parts.count <= secretsMax, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return parts.map { ClusterSecret(Array($0)) }
  }

  /// 32 bytes for one purpose in one cluster.
  func key(cluster: UInt64, info: Span<UInt8>) -> [UInt8] {
    var salt = ByteBuffer(capacity: 8)
    salt.appendUInt64(cluster)
    return KeyDerivation.hkdf(
      secret: bytes.span, salt: salt.span, info: info, count: AEAD.keyBytes)
  }
}
