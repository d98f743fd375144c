import Bytes
import JSON

/// The text of `keyring.json`. Each data key may be wrapped by several key-encryption keys.
enum KeyringFile {
  static func encode(_ keyring: Keyring, into text: inout ByteBuffer) {
    text.append(#"{"format":1,"current":"# as StaticString)
    text.append(decimal: UInt64(keyring.currentKeyID))
    text.append(#","keys":["# as StaticString)
    for (index, key) in keyring.keys.enumerated() {
      if index > 0 { text.append("," as StaticString) }
      text.append("\n{\"id\":" as StaticString)
      text.append(decimal: UInt64(key.wrapped.keyID))
      if let made = key.made {
        text.append(#","made":"# as StaticString)
        text.append(decimal: made)
      }
      text.append(#","wrapped":[{"by":""# as StaticString)
      Hex.append(key.wrapped.wrappingKeyID.span, to: &text)
      text.append(#"","salt":""# as StaticString)
      Hex.append(key.wrapped.salt.span, to: &text)
      text.append(#"","sealed":""# as StaticString)
      Hex.append(key.wrapped.sealed.span, to: &text)
      text.append(#""}]}"# as StaticString)
    }
    text.append("\n]}\n" as StaticString)
  }

  static func decode(
    _ text: Span<UInt8>, keyEncryptionKey: Span<UInt8>
  ) throws(KeyringError) -> Keyring {
    guard (try? JSONValidator.check(text)) != nil, let root = JSONReader.root(of: text),
      text.unsigned("format", of: root) == 1,
      let current = text.unsigned("current", of: root), current <= UInt32.max,
      let list = JSONReader.member("keys", of: root, in: text), list.kind == .array
    else { throw .damaged }
    var keys: [Keyring.DataKey] = []
    var cursor = JSONCursor(list)
    while let element = cursor.nextElement(in: text) {
      let key = try key(element, in: text, keyEncryptionKey: keyEncryptionKey)
      // Of two keys with one number nobody could say which of them sealed what.
      guard !keys.contains(where: { $0.wrapped.keyID == key.wrapped.keyID }) else { throw .damaged }
      keys.append(key)
    }
    guard keys.contains(where: { $0.wrapped.keyID == current }) else { throw .damaged }
    return Keyring(keys: keys, currentKeyID: UInt32(current))
  }

  /// One data key, by the wrap that the key-encryption key fits.
  private static func key(
    _ element: JSONElement, in text: Span<UInt8>, keyEncryptionKey: Span<UInt8>
  ) throws(KeyringError) -> Keyring.DataKey {
    guard let id = text.unsigned("id", of: element), id <= UInt32.max,
      let wraps = JSONReader.member("wrapped", of: element, in: text), wraps.kind == .array
    else { throw .damaged }
    let wanted = WrappedKey.wrappingKeyID(of: keyEncryptionKey)
    var cursor = JSONCursor(wraps)
    while let wrap = cursor.nextElement(in: text) {
      guard
        let by = text.bytes("by", of: wrap, count: WrappedKey.wrappingKeyIDBytes),
        let salt = text.bytes("salt", of: wrap, count: WrappedKey.saltBytes),
        let sealed = text.bytes("sealed", of: wrap, count: WrappedKey.sealedBytes)
      else { throw .damaged }
      guard by == wanted else { continue }
      let wrapped = WrappedKey(keyID: UInt32(id), wrappingKeyID: by, salt: salt, sealed: sealed)
      guard let secret = wrapped.unwrap(keyEncryptionKey: keyEncryptionKey) else { throw .damaged }
      return Keyring.DataKey(
        wrapped: wrapped, secret: secret, made: text.unsigned("made", of: element))
    }
    throw .wrongKey
  }
}
