import Bytes
import Crypto

/// A data key as it may lie on a disk: sealed under a key that a key-encryption key and a salt of
/// its own make, so that no nonce is used twice however often a key is wrapped.
struct WrappedKey: Equatable, Sendable {
  static let saltBytes = 32
  static let sealedBytes = AEAD.keyBytes + AEAD.tagBytes
  static let wrappingKeyIDBytes = 8

  /// The number of the data key.
  var keyID: UInt32
  /// Tells key-encryption keys apart without revealing anything of them.
  var wrappingKeyID: [UInt8]
  var salt: [UInt8]
  var sealed: [UInt8]

  /// The mark by which a key-encryption key is recognised.
  static func wrappingKeyID(of keyEncryptionKey: Span<UInt8>) -> [UInt8] {
    KeyDerivation.hkdf(
      secret: keyEncryptionKey, salt: [UInt8]().span,
      info: Array("dynaswift key-encryption key id".utf8).span, count: wrappingKeyIDBytes)
  }

  static func wrap(
    _ key: Span<UInt8>, keyID: UInt32, keyEncryptionKey: Span<UInt8>, random: RandomSource
  ) -> WrappedKey {
    let salt = random(saltBytes)
    var cipher = cipher(keyEncryptionKey, salt: salt)
    var sealed = ByteBuffer(capacity: sealedBytes)
    cipher.seal(
      nonce: Nonce(prefix: 0, counter: 0), associatedData: associatedData(keyID).span,
      plaintext: key, into: &sealed)
    return WrappedKey(
      keyID: keyID, wrappingKeyID: wrappingKeyID(of: keyEncryptionKey), salt: salt,
      sealed: sealed.copied())
  }

  /// The data key; nil where the key-encryption key is another one or a byte has changed.
  func unwrap(keyEncryptionKey: Span<UInt8>) -> Secret? {
    var cipher = Self.cipher(keyEncryptionKey, salt: salt)
    var key = ByteBuffer(capacity: AEAD.keyBytes)
    guard sealed.count == Self.sealedBytes,
      cipher.open(
        nonce: Nonce(prefix: 0, counter: 0), associatedData: Self.associatedData(keyID).span,
        sealed: sealed.span, into: &key)
    else { return nil }
    var bytes = key.copied()
    key.erase()
    return Secret(taking: &bytes)
  }

  private static func cipher(_ keyEncryptionKey: Span<UInt8>, salt: [UInt8]) -> AEAD {
    var key = KeyDerivation.hkdf(
      secret: keyEncryptionKey, salt: salt.span,
      info: Array("dynaswift key wrap".utf8).span, count: AEAD.keyBytes)
    defer { SecretBytes.wipe(&key) }
    return AEAD(key: key.span)
  }

  private static func associatedData(_ keyID: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: keyID >> ($0 * 8)) }
  }
}
