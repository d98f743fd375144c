import Bytes
import Durability
import Simulation
import Store

/// Keys, salts and identities that a seed fixes.
enum Fixed {
  static let keyEncryptionKey = [UInt8](0..<32)
  static let identity = NodeIdentity(cluster: 0x1122_3344_5566_7788, node: 0xaabb, boot: 3)

  /// Bytes that count upwards through all the calls: easy to recognise in a dump.
  static func counting(from start: UInt8 = 0) -> RandomSource {
    let next = Shared(start)
    return { count in
      next.change { next in
        (0..<count).map { _ in
          defer { next &+= 1 }
          return next
        }
      }
    }
  }

  static func seeded(_ seed: UInt64) -> RandomSource {
    let random = Shared(SeededRandom(seed: seed))
    return { count in
      random.change { random in (0..<count).map { _ in UInt8(random.next(below: 256)) } }
    }
  }

  /// A keyring with a key of counting bytes.
  static func keyring() -> Keyring {
    do {
      return try Keyring.open(
        SimulatedDisk(seed: 0), keyEncryptionKey: keyEncryptionKey.span, random: counting(from: 100)
      )
    } catch { fatalError("\(error)") }
  }
}

/// A value that a sendable closure may change. Tests use one thread.
final class Shared<Value>: @unchecked Sendable {
  private var value: Value
  init(_ value: Value) { self.value = value }
  func change<Result>(_ body: (inout Value) -> Result) -> Result { body(&value) }
}

extension ByteBuffer {
  init(_ bytes: [UInt8]) {
    self.init(capacity: bytes.count)
    append(bytes)
  }
}

func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// An entry that outlives the bytes it was read from.
struct EntryCopy: Equatable {
  var kind: LogEntry.Kind
  var table = ""
  var owner = ""
  var key = ""
  var value: [UInt8] = []
  var stamp: Stamp
  var version: UInt64

  init(_ view: LogEntryView) {
    kind = view.kind
    table = String(decoding: [UInt8](copying: view.tableName), as: UTF8.self)
    owner = String(decoding: [UInt8](copying: view.ownerName), as: UTF8.self)
    key = String(decoding: [UInt8](copying: view.key), as: UTF8.self)
    value = [UInt8](copying: view.value)
    stamp = view.stamp
    version = view.version
  }

  /// The entries that bytes begin with, and where the reader stopped.
  static func read(_ bytes: [UInt8]) -> (entries: [EntryCopy], offset: Int, isAtEnd: Bool) {
    var reader = LogEntryReader(bytes.span)
    var entries: [EntryCopy] = []
    while let view = reader.next() { entries.append(EntryCopy(view)) }
    return (entries, reader.offset, reader.isAtEnd)
  }
}
