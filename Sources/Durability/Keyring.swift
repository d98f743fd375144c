import Bytes
public import Crypto

/// The keys that everything at rest is encrypted with: random, numbered, and kept in
/// `keyring.json` wrapped by the key that the operator holds.
///
/// No data key seals anything itself. Each file, run or snapshot has a key derived from it and a
/// random salt, so that counters may serve as nonces and none is ever used twice.
public struct Keyring: Sendable {
  public static let fileName = "keyring.json"
  /// The keyring as it was before its last change.
  public static let previousFileName = "keyring.json.previous"
  /// 16 bytes: less would be guessed. The key that `encryption.sh` makes has 32.
  public static let keyEncryptionKeyBytesMin = 16

  struct DataKey: Sendable {
    let wrapped: WrappedKey
    let bytes: [UInt8]
  }

  let keys: [DataKey]
  /// The key that is used for everything new.
  public let currentKeyID: UInt32

  /// Reads the keyring, or makes one in a directory that holds no data yet. Durable once it
  /// returns.
  public static func open<D: Disk>(
    _ disk: D, keyEncryptionKey: [UInt8], random: RandomSource = SecureRandom.bytes
  ) throws(KeyringError) -> Keyring {
    guard keyEncryptionKey.count >= keyEncryptionKeyBytesMin else { throw .keyTooShort }
    do {
      if let text = try AtomicFile.read(disk, fileName) {
        return try KeyringFile.decode(text.span, keyEncryptionKey: keyEncryptionKey)
      }
      if try disk.names().contains(where: isData) { throw KeyringError.missing }
      let key = random(AEAD.keyBytes)
      let wrapped = WrappedKey.wrap(
        key, keyID: 1, keyEncryptionKey: keyEncryptionKey, random: random)
      let keyring = Keyring(keys: [DataKey(wrapped: wrapped, bytes: key)], currentKeyID: 1)
      try keyring.save(on: disk)
      return keyring
    } catch let error as KeyringError {
      throw error
    } catch let error as DiskError {
      throw .disk(error)
    } catch { preconditionFailure("no other error is thrown here") }
  }

  /// Writes the keyring in place of the one before, which is kept beside it.
  func save<D: Disk>(on disk: D) throws(DiskError) {
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
    return Self.derive(key.bytes, salt: salt, label: label)
  }

  /// A key for something new, of the current data key.
  func deriveCurrentKey(salt: Span<UInt8>, label: StaticString) -> [UInt8] {
    Self.derive(currentKey.bytes, salt: salt, label: label)
  }

  static func derive(_ key: [UInt8], salt: Span<UInt8>, label: StaticString) -> [UInt8] {
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

  /// Whether a file of that name could not be read without the keyring.
  private static func isData(_ name: String) -> Bool {
    name == "storage.db" || LogSegment.number(of: name) != nil
  }
}

/// Why the keys cannot be had.
public enum KeyringError: Error, Equatable, CustomStringConvertible {
  /// The keyring was wrapped with another key-encryption key.
  case wrongKey
  /// There is data but no keyring.
  case missing
  case damaged
  /// Something was sealed with a data key that the keyring does not have.
  case unknownKey(UInt32)
  case keyTooShort
  case disk(DiskError)

  public var description: String {
    switch self {
    case .wrongKey:
      """
      the data directory was made with another encryption key; \
      give that key (DYNA_ENCRYPTION_KEY_FILE, or a build that embeds it) or another data directory
      """
    case .missing:
      """
      the data directory holds data but no keyring.json, without which it cannot be read; \
      restore that file, or start with another data directory
      """
    case .damaged:
      """
      keyring.json cannot be read; restore it from a copy (the one before its last change is \
      keyring.json.previous)
      """
    case .unknownKey(let id):
      "the data needs key \(id), which keyring.json does not have; restore the newer keyring.json"
    case .keyTooShort:
      """
      the encryption key is shorter than \(Keyring.keyEncryptionKeyBytesMin) bytes; make one with \
      encryption.sh
      """
    case .disk(let error): "\(error)"
    }
  }
}
