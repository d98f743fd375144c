import Bytes

/// A digest of all that happened in a world, and on demand its lines.
///
/// Two runs of a seed must give the same digest, in one process or in two.
struct Trace {
  private(set) var digest: UInt64 = 0x7472_6163_6500_0001
  private(set) var events = 0
  private let print: ((String) -> Void)?

  init(print: ((String) -> Void)? = nil) { self.print = print }

  var isPrinting: Bool { print != nil }

  /// Mixes an event in; `line` is made only where somebody reads it.
  mutating func note(
    _ time: UInt64, _ kind: UInt64, _ host: Int, _ content: UInt64 = 0,
    _ line: @autoclosure () -> String
  ) {
    events += 1
    var mixed = digest ^ time
    mixed = (mixed &* 0x9e37_79b9_7f4a_7c15) ^ (mixed >> 29) ^ kind
    mixed = (mixed &* 0xbf58_476d_1ce4_e5b9) ^ (mixed >> 31) ^ UInt64(host)
    digest = (mixed &* 0x94d0_49bb_1331_11eb) ^ (mixed >> 30) ^ content
    guard let print else { return }
    let micros = time / Duration64.microsecond
    let fraction = String(micros % 1_000_000)
    let padding = String(repeating: "0", count: 6 - fraction.count)
    print("\(micros / 1_000_000).\(padding)\(fraction) \(line())")
  }

  static func hash(_ bytes: [UInt8]) -> UInt64 { StableHash.bytes(bytes.span, seed: 1) }
}
