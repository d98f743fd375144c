import Bytes
import Crypto

/// Feeds arbitrary bytes to everything that reads the log: heads, frames, the search behind a torn
/// frame, and entries. For fuzzing: it returns, whatever the bytes are.
public func fuzzLogFrame(_ bytes: Span<UInt8>) {
  let segment = LogSegment(
    cluster: 1, node: 2, boot: 3, keyID: 1, number: 1, firstLSN: 1,
    salt: [UInt8](repeating: 7, count: LogSegment.saltBytes))
  let key = Secret(copying: [UInt8](repeating: 9, count: 32).span)
  let random: RandomSource = { [UInt8](repeating: 5, count: $0) }
  let keyring = Keyring(
    keys: [
      Keyring.DataKey(
        wrapped: .wrap(key.span, keyID: 1, keyEncryptionKey: key.span, random: random),
        secret: key, made: nil)
    ], currentKeyID: 1)
  _ = LogSegment.decode(bytes, number: 1)
  if var cipher = try? LogFrameCipher(segment: segment, keyring: keyring) {
    var entries = ByteBuffer()
    _ = cipher.open(at: 0, of: bytes, number: 0, into: &entries)
    _ = LogTail.examine(bytes, from: 0, nextLSN: 1, number: 0, seed: cipher.seed)
  }
  var reader = LogEntryReader(bytes)
  var total = 0
  while let entry = reader.next() {
    total += entry.tableName.count + entry.ownerName.count + entry.key.count + entry.value.count
  }
  precondition(total <= bytes.count, "entries are parts of what they were read from")
}
