import Bytes
public import Crypto

/// The keys that everything at rest is encrypted with: random, numbered, and kept in
/// `keyring.json` wrapped by the key that the operator holds.
///
/// No data key seals anything itself. Each file, run or snapshot has a key derived from it and a
/// random salt, so that counters may serve as nonces and none is ever used twice.
///
/// A keyring is a value: `KeyringChange` makes the next one, and whoever seals is handed it once
/// it is durable. The number of a key is never given to another one.
public struct Keyring: Sendable {
  public static let fileName = "keyring.json"
  /// The keyring as it was before its last change.
  public static let previousFileName = "keyring.json.previous"
  /// 16 bytes: less would be guessed. The key that `encryption.sh` makes has 32.
  public static let keyEncryptionKeyBytesMin = 16

  struct DataKey: Sendable {
    let wrapped: WrappedKey
    let secret: Secret
    /// When the key was made, in milliseconds since 1970; nil where the file does not say.
    let made: UInt64?
  }

  /// In the order in which they were made.
  let keys: [DataKey]
  /// The key that is used for everything new.
  public let currentKeyID: UInt32

  /// The numbers of the keys, the oldest first.
  public var keyIDs: [UInt32] { keys.map { $0.wrapped.keyID } }

  /// Whether keys are left that nothing new is sealed with.
  public var hasOldKeys: Bool { keys.count > 1 }

  /// When a key was made, in milliseconds since 1970; nil where that is not known.
  public func made(_ id: UInt32) -> UInt64? { keys.first { $0.wrapped.keyID == id }?.made }

  /// The mark of the key-encryption key that wraps the current key: tells such keys apart and
  /// reveals nothing of them.
  public var wrappingKeyID: [UInt8] { currentKey.wrapped.wrappingKeyID }

  /// Reads the keyring, or makes one in a directory that holds no data yet. Durable once it
  /// returns.
  ///
  /// - Parameter milliseconds: the time since 1970, which a new key is marked with.
  public static func open<D: Disk>(
    _ disk: D, keyEncryptionKey: Span<UInt8>, milliseconds: UInt64? = nil,
    random: RandomSource = SecureRandom.bytes
  ) throws(KeyringError) -> Keyring {
    guard keyEncryptionKey.count >= keyEncryptionKeyBytesMin else { throw .keyTooShort }
    if let found = try read(disk, keyEncryptionKey: keyEncryptionKey) { return found }
    let names: [String]
    do throws(DiskError) { names = try disk.names() } catch { throw .disk(error) }
    if names.contains(where: isData) { throw .missing }
    let key = makeKey(
      1, keyEncryptionKey: keyEncryptionKey, milliseconds: milliseconds, random: random)
    let keyring = Keyring(keys: [key], currentKeyID: 1)
    do throws(DiskError) { try keyring.save(on: disk) } catch { throw .disk(error) }
    return keyring
  }

  /// Reads the keyring of a directory; nil where it has none. Changes nothing.
  public static func read<D: Disk>(
    _ disk: D, keyEncryptionKey: Span<UInt8>
  ) throws(KeyringError) -> Keyring? {
    let text: [UInt8]?
    do throws(DiskError) { text = try AtomicFile.read(disk, fileName) } catch { throw .disk(error) }
    guard let text else { return nil }
    return try KeyringFile.decode(text.span, keyEncryptionKey: keyEncryptionKey)
  }

  /// Writes the keyring in place of the one before, which is kept beside it.
  public func save<D: Disk>(on disk: D) throws(DiskError) {
    if let before = try AtomicFile.read(disk, Self.fileName) {
      try AtomicFile.replace(disk, Self.previousFileName, before.span)
    }
    var text = ByteBuffer()
    KeyringFile.encode(self, into: &text)
    try AtomicFile.replace(disk, Self.fileName, text.span)
  }

  /// A key of 32 bytes for what `label` names and the salt makes unique: HKDF of the data key.
  public func deriveKey(
    id: UInt32, salt: Span<UInt8>, label: StaticString
  ) throws(KeyringError) -> [UInt8] {
    guard let key = keys.first(where: { $0.wrapped.keyID == id }) else { throw .unknownKey(id) }
    return Self.derive(key.secret, salt: salt, label: label)
  }

  /// A key for something new, of the current data key.
  func deriveCurrentKey(salt: Span<UInt8>, label: StaticString) -> [UInt8] {
    Self.derive(currentKey.secret, salt: salt, label: label)
  }

  static func derive(_ key: Secret, salt: Span<UInt8>, label: StaticString) -> [UInt8] {
    KeyDerivation.hkdf(
      secret: key.span, salt: salt, info: Array(label.description.utf8).span,
      count: AEAD.keyBytes)
  }

  var currentKey: DataKey {
    guard let key = keys.first(where: { $0.wrapped.keyID == currentKeyID }) else {
      preconditionFailure("a keyring holds its current key")
    }
    return key
  }

  /// A new random data key with that number.
  static func makeKey(
    _ id: UInt32, keyEncryptionKey: Span<UInt8>, milliseconds: UInt64?, random: RandomSource
  ) -> DataKey {
    var bytes = random(AEAD.keyBytes)
    let secret = Secret(taking: &bytes)
    return DataKey(
      wrapped: .wrap(secret.span, keyID: id, keyEncryptionKey: keyEncryptionKey, random: random),
      secret: secret, made: milliseconds)
  }

  /// Whether a file of that name could not be read without the keyring.
  private static func isData(_ name: String) -> Bool {
    name == "storage.db" || LogSegment.number(of: name) != nil
  }
}
