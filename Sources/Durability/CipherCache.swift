import Bytes
import Crypto

/// The last few keys that were derived, so that rows of the same run cost one derivation.
///
/// Rows are read in the order of their numbers, in which the runs that wrote them are mixed; a node
/// that has run for long has rows of many runs. The oldest of 64 makes room.
struct CipherCache: ~Copyable {
  private static let keysMax = 64

  private final class Entry {
    let keyID: UInt32
    let salt: [UInt8]
    var cipher: AEAD

    init(keyID: UInt32, salt: [UInt8], key: [UInt8]) {
      self.keyID = keyID
      self.salt = salt
      cipher = AEAD(key: key.span)
    }
  }

  private var entries: [Entry] = []
  private var oldest = 0

  mutating func open(
    keyring: Keyring, keyID: UInt32, salt: Span<UInt8>, label: StaticString,
    nonce: Nonce, associatedData: Span<UInt8>, sealed: Span<UInt8>, into target: inout ByteBuffer
  ) throws(KeyringError) -> Bool {
    try entry(keyring, keyID, salt, label).cipher.open(
      nonce: nonce, associatedData: associatedData, sealed: sealed, into: &target)
  }

  private mutating func entry(
    _ keyring: Keyring, _ keyID: UInt32, _ salt: Span<UInt8>, _ label: StaticString
  ) throws(KeyringError) -> Entry {
    for entry in entries where entry.keyID == keyID && Self.same(entry.salt, salt) { return entry }
    var key = try keyring.deriveKey(id: keyID, salt: salt, label: label)
    defer { SecretBytes.wipe(&key) }
    let fresh = Entry(keyID: keyID, salt: [UInt8](copying: salt), key: key)
    if entries.count < Self.keysMax {
      entries.append(fresh)
    } else {
      entries[oldest] = fresh
      oldest = (oldest + 1) % Self.keysMax
    }
    return fresh
  }

  private static func same(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }
}
