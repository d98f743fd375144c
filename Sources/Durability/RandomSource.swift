/// Where salts, keys and identities come from: `SecureRandom.bytes`, or in a test a seed.
///
/// It must never give the same 32 bytes twice in the life of a data directory: a salt that repeats
/// is a key that repeats, and under it a nonce that repeats.
public typealias RandomSource = @Sendable (_ count: Int) -> [UInt8]
