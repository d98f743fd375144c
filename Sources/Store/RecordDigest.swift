import Bytes

/// One record as a number, to be added up over a shard: what every node that holds the same records
/// with the same stamps comes to, whatever their order.
public enum RecordDigest {
  /// - Parameter hash: the record's place, `StableHash.record`, which stands for table and key.
  public static func of(
    hash: UInt64, stamp: Stamp, version: UInt64, value: Span<UInt8>, owner: Span<UInt8>
  ) -> UInt64 {
    var digest = StableHash.bytes(value, seed: StableHash.bytes(owner, seed: hash))
    digest = mix(digest, stamp.hybridTime)
    digest = mix(digest, stamp.node)
    digest = mix(digest, UInt64(stamp.boot))
    digest = mix(digest, stamp.sequence)
    return mix(digest, version)
  }

  private static func mix(_ digest: UInt64, _ part: UInt64) -> UInt64 {
    var mixed = (digest ^ part) &* 0x9e37_79b9_7f4a_7c15
    mixed ^= mixed >> 32
    return mixed &* 0xd6e8_feb8_6659_fd93
  }
}
