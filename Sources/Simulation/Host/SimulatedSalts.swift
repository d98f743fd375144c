import Bytes
import Crypto
import Durability
import Synchronization

/// The salts of one machine, from a seed. They never repeat, as no source of salts may.
final class SimulatedSalts: Sendable {
  private let random: Mutex<SeededRandom>

  init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed)) }

  func bytes(_ count: Int) -> [UInt8] {
    random.withLock { random in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count)
      while bytes.count < count {
        var word = random.next()
        for _ in 0..<min(8, count - bytes.count) {
          bytes.append(UInt8(truncatingIfNeeded: word))
          word >>= 8
        }
      }
      return bytes
    }
  }

  /// The first identity of a machine draws its cluster's number and its own: both are given.
  static func identity(cluster: UInt64, node: UInt64) -> RandomSource {
    let numbers = Mutex([node, cluster])
    return { count in
      let number = numbers.withLock { $0.popLast() ?? 1 }
      return (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * ($0 % 8))) }
    }
  }
}

/// What every simulated machine encrypts with: one keyring for all worlds.
enum SimulatedKeyring {
  static let keyring = open(SimulatedSalts(seed: 0x6b65_7972).bytes(32).span)

  private static func open(_ key: Span<UInt8>) -> Keyring {
    do {
      return try Keyring.open(
        SimulatedDisk(seed: 0), keyEncryptionKey: key,
        random: SimulatedSalts(seed: 0x7361_6c74).bytes)
    } catch { preconditionFailure("an empty disk takes a keyring: \(error)") }
  }
}
