import Bytes

/// The wires between machines: which are cut, which are slow, and when what was sent arrives.
struct Network {
  private struct Line {
    /// Nothing arrives until then from what was sent before it.
    var lastArrival: UInt64 = 0
  }

  /// A set of links that one fault has cut.
  private struct Partition {
    let number: Int
    var links: [(from: Int, to: Int)]
  }

  let hostsMax: Int
  private let latency: UInt64
  private var lossPerMille: Int
  private var duplicationPerMille: Int
  /// How many requests meet a connection that breaks.
  private(set) var resetPerMille: Int
  private var partitions: [Partition] = []
  private var cuts: [UInt16]
  private var blocked: [UInt16]
  private var clogs: [UInt64]
  /// For each pair and channel: a session delivers in order.
  private var lines: [Line]
  private var nextPartition = 0

  init(hostsMax: Int, profile: Profile) {
    self.hostsMax = hostsMax
    latency = UInt64(profile.latencyMicroseconds) * Duration64.microsecond
    lossPerMille = profile.lossPerMille
    duplicationPerMille = profile.duplicationPerMille
    resetPerMille = profile.resetPerMille
    cuts = Array(repeating: 0, count: hostsMax * hostsMax)
    blocked = cuts
    clogs = Array(repeating: 0, count: hostsMax * hostsMax)
    lines = Array(repeating: Line(), count: hostsMax * hostsMax * 4)
  }

  private func link(_ from: Int, _ to: Int) -> Int { from * hostsMax + to }

  func isCut(from: Int, to: Int) -> Bool { cuts[link(from, to)] > 0 }

  /// A delay of one way: never less than half of the usual one.
  mutating func delay(from: Int, to: Int, _ random: inout SeededRandom) -> UInt64 {
    latency / 2 + random.exponential(mean: latency / 2) + clogs[link(from, to)]
  }

  /// When a datagram arrives: not at all, once, or twice.
  mutating func arrivals(
    from: Int, to: Int, now: UInt64, _ random: inout SeededRandom
  ) -> (first: UInt64?, second: UInt64?) {
    guard !isCut(from: from, to: to), blocked[link(from, to)] == 0,
      !random.perMille(lossPerMille)
    else { return (nil, nil) }
    let first = now + delay(from: from, to: to, &random)
    guard random.perMille(duplicationPerMille) else { return (first, nil) }
    return (first, now + delay(from: from, to: to, &random) * 3)
  }

  /// When bytes of a session arrive: behind those that were sent before them.
  mutating func arrival(
    from: Int, to: Int, line: Int, now: UInt64, _ random: inout SeededRandom
  ) -> UInt64 {
    let index = link(from, to) * 4 + line
    let time = max(now + delay(from: from, to: to, &random), lines[index].lastArrival + 1)
    lines[index].lastArrival = time
    return time
  }

  // MARK: Faults

  /// Cuts links in one direction each. Returns the number by which they are mended.
  mutating func cut(_ links: [(from: Int, to: Int)]) -> Int {
    for (from, to) in links { cuts[link(from, to)] += 1 }
    nextPartition += 1
    partitions.append(Partition(number: nextPartition, links: links))
    return nextPartition
  }

  mutating func mendPartition(_ number: Int) {
    guard let index = partitions.firstIndex(where: { $0.number == number }) else { return }
    for (from, to) in partitions.remove(at: index).links { cuts[link(from, to)] -= 1 }
  }

  var isDivided: Bool { !partitions.isEmpty }

  /// Whether one of two machines cannot reach the other, or takes long for it.
  func isHindered(_ one: Int, _ other: Int) -> Bool {
    cuts[link(one, other)] > 0 || cuts[link(other, one)] > 0 || clogs[link(one, other)] > 0
      || clogs[link(other, one)] > 0
  }

  /// A new machine is cut off from the others as its neighbour is.
  mutating func place(_ machine: Int, beside neighbour: Int) {
    for index in partitions.indices {
      for (from, to) in partitions[index].links where from == neighbour || to == neighbour {
        let copy = from == neighbour ? (from: machine, to: to) : (from: from, to: machine)
        partitions[index].links.append(copy)
        cuts[link(copy.from, copy.to)] += 1
      }
    }
  }

  mutating func clog(from: Int, to: Int, delay: UInt64) { clogs[link(from, to)] = delay }

  mutating func block(from: Int, to: Int) { blocked[link(from, to)] += 1 }

  mutating func unblock(from: Int, to: Int) {
    if blocked[link(from, to)] > 0 { blocked[link(from, to)] -= 1 }
  }

  mutating func heal() {
    partitions.removeAll()
    (lossPerMille, duplicationPerMille, resetPerMille) = (0, 0, 0)
    for index in cuts.indices {
      cuts[index] = 0
      blocked[index] = 0
      clogs[index] = 0
    }
  }
}
