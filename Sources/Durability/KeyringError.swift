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
  /// There are as many data keys as a keyring may hold.
  case tooManyKeys
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
    case .tooManyKeys:
      """
      there are \(Keyring.keysMax) data keys, and data or snapshots that need each of them; \
      wait until the node has moved its data to the newest one, or remove old snapshots
      """
    case .disk(let error): "\(error)"
    }
  }
}
