import Bytes

/// So many bytes a second on the long run, and as many as a short while is good for at once after a
/// pause.
///
/// Instead of a balance that would have to be refilled, the instant is kept at which all that was
/// spent is paid for. Source: the virtual scheduling of ITU-T I.371 (GCRA).
struct Pace: Sendable {
  /// What an idle while saves up.
  static let burstNanoseconds: UInt64 = 250_000_000

  /// 0: no bound.
  private let bytesPerSecond: UInt64
  private var paidAt = Instant(nanoseconds: 0)

  init(bytesPerSecond: UInt64) { self.bytesPerSecond = bytesPerSecond }

  /// Whether more may be asked for, where `reserved` bytes are on their way already.
  func mayGo(reserving reserved: Int, at now: Instant) -> Bool {
    bytesPerSecond == 0 || start(at: now) + cost(of: reserved) <= now.nanoseconds
  }

  /// When `mayGo` will say yes by the passing of time alone; nil where it does already, and where
  /// what is on its way is more than a pause ever pays for.
  func opensAt(reserving reserved: Int, at now: Instant) -> Instant? {
    let cost = cost(of: reserved)
    guard !mayGo(reserving: reserved, at: now), cost <= Self.burstNanoseconds else { return nil }
    return Instant(nanoseconds: start(at: now) + cost)
  }

  mutating func spend(_ bytes: Int, at now: Instant) {
    guard bytesPerSecond > 0 else { return }
    paidAt = Instant(nanoseconds: start(at: now) + cost(of: bytes))
  }

  private func start(at now: Instant) -> UInt64 {
    let saved =
      now.nanoseconds > Self.burstNanoseconds ? now.nanoseconds - Self.burstNanoseconds : 0
    return max(paidAt.nanoseconds, saved)
  }

  /// Nanoseconds that so many bytes take, rounded up. One message has less than 2^33 bytes.
  private func cost(of bytes: Int) -> UInt64 {
    guard bytesPerSecond > 0 else { return 0 }
    return (UInt64(bytes) * 1_000_000_000 + bytesPerSecond - 1) / bytesPerSecond
  }
}
