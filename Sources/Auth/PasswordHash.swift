import Bytes
import Crypto

/// Passwords as they are kept: scrypt over the SHA-256 of the secret, as scrypt itself (RFC 7914, by
/// way of HMAC's keys) takes a secret and the same with NULs behind it for one. The text is
/// `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, salt and hash in base64url.
///
/// The parameters stand in the text, so that they can grow and old hashes still verify. Making and
/// verifying each take about 50 ms and 32 MiB: on a thread of their own, never on a loop.
public enum PasswordHash {
  /// Bytes of a salt.
  public static let saltBytes = 16

  // 32 MiB and 50 ms: what one thread can bear for each login of a small machine. To raise it, only
  // this line changes.
  static let current = Parameters(logN: 15, r: 8, p: 1)
  private static let hashBytes = 32

  /// The text to keep for `secret`. `salt` is 16 fresh bytes of `SecureRandom`.
  public static func make(secret: Span<UInt8>, salt: Span<UInt8>) -> [UInt8] {
    precondition(salt.count == saltBytes, "the salt of a password has 16 bytes")
    var digest = SHA256.hash(of: secret)
    defer { SecretBytes.wipe(&digest) }
    let hash = KeyDerivation.scrypt(
      secret: digest.span, salt: salt, logN: current.logN, r: current.r, p: current.p,
      count: hashBytes)
    return encode(salt: salt, hash: hash.span)
  }

  /// Whether `hash` was made of `secret`; false too where `hash` is no such text, or one that asks
  /// for more than 64 MiB or for more than four rounds.
  public static func verify(secret: Span<UInt8>, hash: Span<UInt8>) -> Bool {
    let parts = [UInt8](copying: hash).split(
      separator: UInt8(ascii: "$"), maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0].isEmpty, parts[1].elementsEqual(Self.name),
      let parameters = Parameters(Array(parts[2])),
      let salt = decode(parts[3]), saltBytesAllowed.contains(salt.count),
      let expected = decode(parts[4]), hashBytesAllowed.contains(expected.count)
    else { return false }
    var digest = SHA256.hash(of: secret)
    defer { SecretBytes.wipe(&digest) }
    let actual = KeyDerivation.scrypt(
      secret: digest.span, salt: salt.span, logN: parameters.logN, r: parameters.r, p: parameters.p,
      count: expected.count)
    return ConstantTime.equal(actual.span, expected.span)
  }

  /// The hash of a password that nobody knows. Whoever verifies against it, because there is no
  /// such user, takes as long as for a user that there is.
  public static let decoy: [UInt8] = encode(
    salt: SecureRandom.bytes(saltBytes).span, hash: SecureRandom.bytes(hashBytes).span)

  private static let name = Array("scrypt".utf8)
  private static let saltBytesAllowed = 8...64
  private static let hashBytesAllowed = 16...64

  private static func encode(salt: Span<UInt8>, hash: Span<UInt8>) -> [UInt8] {
    var text = ByteBuffer(capacity: 96)
    text.append("$scrypt$ln=")
    text.append(decimal: UInt64(current.logN))
    text.append(",r=")
    text.append(decimal: UInt64(current.r))
    text.append(",p=")
    text.append(decimal: UInt64(current.p))
    text.append(UInt8(ascii: "$"))
    Base64URL.append(salt, to: &text)
    text.append(UInt8(ascii: "$"))
    Base64URL.append(hash, to: &text)
    return text.copied()
  }

  private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    Base64URL.decode(text.span)
  }

  /// What scrypt costs (RFC 7914 §2).
  struct Parameters: Equatable {
    let logN: Int
    let r: Int
    let p: Int

    /// 64 MiB, twice what a hash needs today: a text from elsewhere cannot exhaust the node.
    static let memoryBytesMax = 64 << 20
    static let roundsMax = 4

    init(logN: Int, r: Int, p: Int) {
      self.logN = logN
      self.r = r
      self.p = p
    }

    /// Reads `ln=15,r=8,p=1`; nil where it has another form or asks for too much.
    init?(_ text: [UInt8]) {
      let fields = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard fields.count == 3,
        let logN = Self.number(fields[0], after: "ln="), logN >= 1, logN <= 24,
        let r = Self.number(fields[1], after: "r="), r >= 1, logN < 16 * r,
        let p = Self.number(fields[2], after: "p="), p >= 1, p <= Self.roundsMax,
        128 * r << logN <= Self.memoryBytesMax
      else { return nil }
      self.init(logN: logN, r: r, p: p)
    }

    /// At most three digits, no leading zero.
    private static func number(_ field: ArraySlice<UInt8>, after name: String) -> Int? {
      guard field.starts(with: name.utf8) else { return nil }
      let digits = field.dropFirst(name.utf8.count)
      guard (1...3).contains(digits.count), digits.first != UInt8(ascii: "0"),
        digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
      else { return nil }
      return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
  }
}
