public import Crypto

/// The three changes of a keyring. Each makes another keyring, which counts once it is saved.
extension Keyring {
  /// With a new data key, which is used for everything new from then on.
  public func rotated(
    keyEncryptionKey: Span<UInt8>, milliseconds: UInt64,
    random: RandomSource = SecureRandom.bytes
  ) throws(KeyringError) -> Keyring {
    guard let last = keyIDs.max(), last < .max else { throw .tooManyKeys }
    guard keys.count < Self.keysMax else { throw .tooManyKeys }
    let key = Self.makeKey(
      last + 1, keyEncryptionKey: keyEncryptionKey, milliseconds: milliseconds, random: random)
    return Keyring(keys: keys + [key], currentKeyID: last + 1)
  }

  /// With the same data keys, wrapped by another key-encryption key and by no other.
  public func rewrapped(
    keyEncryptionKey: Span<UInt8>, random: RandomSource = SecureRandom.bytes
  ) throws(KeyringError) -> Keyring {
    guard keyEncryptionKey.count >= Self.keyEncryptionKeyBytesMin else { throw .keyTooShort }
    var wrapped: [DataKey] = []
    for key in keys {
      wrapped.append(
        DataKey(
          wrapped: .wrap(
            key.secret.span, keyID: key.wrapped.keyID, keyEncryptionKey: keyEncryptionKey,
            random: random),
          secret: key.secret, made: key.made))
    }
    return Keyring(keys: wrapped, currentKeyID: currentKeyID)
  }

  /// Without the keys, other than the current one, that nothing refers to.
  ///
  /// - Returns: nil where there is none to leave out.
  public func withoutUnused(_ use: KeyUse) -> Keyring? {
    let kept = keys.filter { $0.wrapped.keyID == currentKeyID || use.refers(to: $0.wrapped.keyID) }
    return kept.count == keys.count ? nil : Keyring(keys: kept, currentKeyID: currentKeyID)
  }

  /// 64: rotations that follow each other faster than their data moves would otherwise make a start
  /// slower and slower.
  public static let keysMax = 64
}
