import Bytes
import Store

/// The few keys that all worlds write: names that lie in the first shards, since a world keeps no
/// others.
enum Keyspace {
  /// The number of the simulated cluster; it places the keys.
  static let cluster: UInt64 = 0xc1a5_7e12_0000_0001
  /// Shards that a world has: one with pages to turn, and others.
  static let shardCount = 3
  static let table: [UInt8] = Array("t".utf8)
  static let tableID = TableID(rawValue: 0)
  static let owners: [[UInt8]] = [Array("alice".utf8), Array("bob".utf8)]

  struct Key: Sendable {
    let name: [UInt8]
    let hash: UInt64
    var shard: Int { Shard.index(of: hash) }
  }

  /// Three share a shard.
  static let keys: [Key] = {
    var found: [Key] = []
    var number = 0
    let wanted = [0, 0, 1, 0, 2]
    while found.count < wanted.count {
      let name = Array("key \(number)".utf8)
      let hash = StableHash.record(table: table.span, key: name.span, seed: cluster)
      if Shard.index(of: hash) == wanted[found.count] { found.append(Key(name: name, hash: hash)) }
      number += 1
    }
    return found
  }()

  static func index(of name: Span<UInt8>) -> Int? {
    for index in keys.indices where equal(keys[index].name, name) { return index }
    return nil
  }

  static func equal(_ left: [UInt8], _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }
}
