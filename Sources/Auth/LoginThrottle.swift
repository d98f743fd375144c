import Bytes
import Crypto

/// Slows down whoever guesses passwords: after 10 failures within a minute for one user from one
/// address, further attempts are refused until the oldest of them is a minute old.
///
/// Ask immediately before the password is hashed and record right after it, with one attempt at a
/// time: of many attempts that were all let in first and counted later, none would be refused.
///
/// Memory is bounded: 8,192 sets of at most 8 pairs each, 7 MB when all are full. Pairs fall into
/// sets by a keyed hash, so that nobody can choose whom to displace; a full set forgets the pair
/// whose last failure is longest ago.
public struct LoginThrottle: ~Copyable, Sendable {
  /// Failures that are let pass within `windowMilliseconds`.
  public static let failuresMax = 10
  /// How long a failure counts.
  public static let windowMilliseconds: UInt64 = 60_000

  private static let setCount = 8_192
  private static let setEntriesMax = 8

  // Empty sets own no memory: a node that nobody attacks pays 64 KB.
  private var sets = [[Entry]](repeating: [], count: setCount)
  private var code: HMAC.Key

  public init() {
    code = HMAC.Key(SecureRandom.bytes(32).span)
  }

  /// The whole seconds (1 to 60) after which this pair may try again; nil where it may now.
  ///
  /// `nowMilliseconds` is a time that never goes back.
  public mutating func retryAfterSeconds(
    user: Span<UInt8>, address: Span<UInt8>, nowMilliseconds: UInt64
  ) -> UInt64? {
    let pair = pair(user, address)
    guard let position = position(of: pair) else { return nil }
    let entry = sets[pair.set][position]
    guard entry.count == Self.failuresMax else { return nil }
    let end = entry.failures[0] + Self.windowMilliseconds
    return nowMilliseconds < end ? (end - nowMilliseconds + 999) / 1000 : nil
  }

  public mutating func recordFailure(
    user: Span<UInt8>, address: Span<UInt8>, nowMilliseconds: UInt64
  ) {
    let pair = pair(user, address)
    if let position = position(of: pair) {
      sets[pair.set][position].record(nowMilliseconds)
      return
    }
    sets[pair.set].removeAll { $0.newest + Self.windowMilliseconds <= nowMilliseconds }
    if sets[pair.set].count == Self.setEntriesMax { displaceOldest(in: pair.set) }
    var entry = Entry(pair: pair)
    entry.record(nowMilliseconds)
    sets[pair.set].append(entry)
  }

  /// Forgets the failures of a pair whose user has shown the right password.
  public mutating func recordSuccess(
    user: Span<UInt8>, address: Span<UInt8>, nowMilliseconds: UInt64
  ) {
    let pair = pair(user, address)
    if let position = position(of: pair) { sets[pair.set].remove(at: position) }
  }

  /// Pairs that are held. Costs a walk over all sets.
  var entryCount: Int { sets.reduce(0) { $0 + $1.count } }

  private mutating func displaceOldest(in set: Int) {
    var oldest = 0
    for position in sets[set].indices where sets[set][position].newest < sets[set][oldest].newest {
      oldest = position
    }
    sets[set].remove(at: oldest)
  }

  private func position(of pair: Pair) -> Int? {
    for position in sets[pair.set].indices where sets[pair.set][position].pair == pair {
      return position
    }
    return nil
  }

  /// The first half of a keyed code of user and address; 128 bits that nobody can make collide.
  private mutating func pair(_ user: Span<UInt8>, _ address: Span<UInt8>) -> Pair {
    var length = ByteBuffer(capacity: 8)
    length.appendUInt64(UInt64(user.count))
    code.begin()
    code.update(length.span)
    code.update(user)
    code.update(address)
    let digest = code.finish()
    var reader = ByteReader(digest.span)
    guard let first = reader.readUInt64(), let second = reader.readUInt64() else {
      preconditionFailure("a digest has 32 bytes")
    }
    return Pair(first: first, second: second)
  }

  private struct Pair: Equatable {
    let first: UInt64
    let second: UInt64

    var set: Int { Int(first % UInt64(setCount)) }
  }

  /// The last failures of a pair, at least one.
  private struct Entry {
    let pair: Pair
    /// When they were, oldest first; only the first `count` mean anything.
    var failures = [10 of UInt64](repeating: 0)
    var count = 0

    var newest: UInt64 { failures[count - 1] }

    init(pair: Pair) { self.pair = pair }

    mutating func record(_ time: UInt64) {
      if count == failuresMax {
        for index in 1..<failuresMax { failures[index - 1] = failures[index] }
        count -= 1
      }
      failures[count] = time
      count += 1
    }
  }
}
