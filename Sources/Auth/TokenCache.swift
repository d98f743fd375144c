import Bytes
import Crypto

/// Tokens whose signature was found right, each in the one place that its hash gives it. A newer
/// token takes the place of an older one.
///
/// It holds the whole token and compares the whole token. The hash is seeded by chance and a
/// comparison takes the same time wherever the difference is, so that nobody can find out a
/// stranger's token byte by byte.
struct TokenCache: ~Copyable, Sendable {
  /// Far more than there are bearers at one loop; 56 KB and the tokens, from the first one on.
  static let placeCount = 1024
  /// Larger tokens are verified each time. With all places taken by the largest: 4 MiB.
  static let tokenBytesMax = 4096

  private struct Entry {
    let hash: UInt64
    let token: [UInt8]
    let content: AccessToken.Content
  }

  private var entries: [Entry?] = []
  private let seed = SecureRandom.uint64()

  func place(of token: Span<UInt8>) -> UInt64 { StableHash.bytes(token, seed: seed) }

  /// What a token says that was kept under `hash`; the caller compares its times with the clock.
  func content(of token: Span<UInt8>, at hash: UInt64) -> AccessToken.Content? {
    guard !entries.isEmpty, let entry = entries[Self.index(hash)], entry.hash == hash,
      Self.same(entry.token.span, token)
    else { return nil }
    return entry.content
  }

  mutating func keep(_ content: AccessToken.Content, of token: Span<UInt8>, at hash: UInt64) {
    guard token.count <= Self.tokenBytesMax else { return }
    if entries.isEmpty { entries = [Entry?](repeating: nil, count: Self.placeCount) }
    entries[Self.index(hash)] = Entry(hash: hash, token: [UInt8](copying: token), content: content)
  }

  /// Eight bytes at a time and always all of them: three times as fast as `ConstantTime.equal`.
  private static func same(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt64 = 0
    var index = 0
    while left.count - index >= 8 {
      // In range: at least eight bytes are left of both.
      difference |=
        unsafe left.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
        ^ right.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < left.count {
      difference |= UInt64(left[index] ^ right[index])
      index += 1
    }
    return difference == 0
  }

  private static func index(_ hash: UInt64) -> Int { Int(hash % UInt64(placeCount)) }
}
