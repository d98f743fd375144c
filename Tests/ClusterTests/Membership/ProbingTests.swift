import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: probing")
struct ProbingTests {
  @Test(
    "in a healthy cluster nobody is ever down, though a tenth of the packets is lost",
    arguments: 1...24)
  func healthy(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed))
    world.lost = 100
    world.delayMilliseconds = 1...40
    let count = 3 + seed % 5
    world.form(count)
    world.run(seconds: 120)
    for index in 0..<count { #expect(!world.wasEverDown(index)) }
  }

  @Test("of three nodes a killed one is down everywhere within 15 s", arguments: 1...12)
  func killedOfThree(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed))
    world.form(3)
    world.run(seconds: Double(seed))
    world.kill(seed % 3)
    #expect(world.run(seconds: 15) { world.everybody(but: seed % 3, holds: .down) })
  }

  @Test("a killed node is down everywhere within 45 s, whatever is lost", arguments: 1...16)
  func killed(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed) + 1_000)
    world.lost = 50
    let count = 2 + seed % 6
    world.form(count)
    world.run(seconds: 5)
    world.kill(seed % count)
    #expect(world.run(seconds: 45) { world.everybody(but: seed % count, holds: .down) })
    for index in 0..<count where index != seed % count { #expect(!world.wasEverDown(index)) }
  }

  @Test("where no packet gets through, the control channel keeps all members alive")
  func noPackets() {
    let world = MembershipWorld(seed: 5)
    world.passesPackets = { _, _ in false }
    world.form(4)
    world.run(seconds: 120)
    for index in 0..<4 { #expect(!world.wasEverDown(index)) }
    #expect(world.hosts[0].membership!.counters.probesSavedByControlPing > 10)
    world.kill(2)
    #expect(world.run(seconds: 45) { world.everybody(but: 2, holds: .down) })
  }

  @Test("a member that only others reach is not suspected")
  func indirect() {
    let world = MembershipWorld(seed: 6)
    world.form(3)
    // Between 0 and 1 nothing passes at all; 2 hears both.
    world.passes = { a, b in a + b != 1 }
    world.run(seconds: 120)
    #expect(!world.wasEverDown(0) && !world.wasEverDown(1))
  }

  @Test("every reachable member is probed before any is probed again")
  func roundRobin() {
    let world = MembershipWorld(seed: 7)
    world.form(5)
    var targets: [NodeID] = []
    var last: UInt32?
    world.run(seconds: 41) {
      if let probe = world.hosts[0].membership?.probe, probe.sequence != last {
        last = probe.sequence
        targets.append(probe.target)
      }
      return false
    }
    #expect(targets.count >= 36)
    // The world looks on from the middle of a round: somewhere within four steps a round begins.
    let isRound = (0..<4).contains { offset in
      stride(from: offset, to: targets.count - 3, by: 4).allSatisfy {
        Set(targets[$0..<$0 + 4]).count == 4
      }
    }
    #expect(isRound)
  }

  @Test("a choice among few is exact: all of them, where no more are there", arguments: 1...50)
  func choice(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    #expect(Membership.choose(3, of: [1, 2], &random).sorted() == [1, 2])
    #expect(Membership.choose(3, of: [1, 2, 3], &random).sorted() == [1, 2, 3])
    #expect(Set(Membership.choose(3, of: [1, 2, 3, 4], &random)).count == 3)
    #expect(Membership.choose(1, of: [Int](), &random) == [])
  }

  @Test("each of a few candidates is chosen as often as any other")
  func choiceIsFair() {
    var random = SeededRandom(seed: 1)
    var counts = [0, 0, 0]
    for _ in 0..<3_000 { counts[Membership.choose(1, of: [0, 1, 2], &random)[0]] += 1 }
    #expect(counts.allSatisfy { $0 > 900 && $0 < 1_100 })
  }

  /// Two nodes, two milliseconds apart.
  private func pair() -> MembershipWorld {
    let world = MembershipWorld(seed: 8)
    world.delayMilliseconds = 2...2
    world.start(0)
    world.start(1, seeds: [0])
    return world
  }

  private func setClock(_ milliseconds: UInt64, of index: Int, in world: MembershipWorld) {
    world.step(index) { membership, now, _, _, _ in
      membership.setWallClock(milliseconds: milliseconds, at: now)
    }
  }

  @Test("the answers to probes tell round trip and clock offset")
  func clockOffset() throws {
    let world = pair()
    setClock(1_700_000_000_000, of: 0, in: world)
    setClock(1_700_000_000_700, of: 1, in: world)
    world.run(seconds: 20)
    let status = try #require(
      world.hosts[0].membership?.statuses.first { $0.id == world.hosts[1].id })
    let offset = try #require(status.clockOffsetMilliseconds)
    #expect(abs(offset - 700) <= 3)
    #expect((4_000...6_000).contains(try #require(status.roundTripMicroseconds)))
  }

  @Test("clocks that are apart are warned of once, and so is that they agree again")
  func clocksApart() throws {
    let world = pair()
    func set(_ milliseconds: UInt64, _ index: Int) {
      setClock(milliseconds, of: index, in: world)
    }
    func lines(_ index: Int) -> [String] {
      world.hosts[index].logs.filter { $0.contains("clock of node") }
    }
    let start: UInt64 = 1_700_000_000_000
    set(start, 0)
    set(start + 240, 1)
    world.run(seconds: 20)
    #expect(lines(0).isEmpty && lines(1).isEmpty)
    set(start + 20_000, 0)
    set(start + 20_700, 1)
    world.run(seconds: 40)
    #expect(lines(0).count == 1 && lines(1).count == 1)
    #expect(lines(0).first?.contains("ms ahead of this node's") == true)
    #expect(lines(1).first?.contains("ms behind this node's") == true)
    set(start + 60_000, 0)
    set(start + 60_200, 1)
    world.run(seconds: 40)
    #expect(lines(0).count == 1, "not within half of the limit")
    set(start + 100_000, 0)
    set(start + 100_020, 1)
    world.run(seconds: 40)
    #expect(lines(0).count == 2 && lines(0).last?.contains("agrees with this node's again") == true)
  }

  @Test("a slow node doubts itself first, and recovers")
  func localHealth() {
    var health = LocalHealth()
    #expect(health.multiplier == 1)
    health.worsen(by: 3)
    #expect(health.multiplier == 4)
    for _ in 0..<9 { health.worsen() }
    #expect(health.multiplier == 8)
    for _ in 0..<9 { health.improve() }
    #expect(health.multiplier == 1)
  }

  @Test("a node that hears nothing itself probes more slowly, and is well again after healing")
  func deaf() {
    let world = MembershipWorld(seed: 9)
    world.form(4)
    world.passes = { a, b in a == 0 || b != 0 }  // 0 hears nothing
    world.run(seconds: 20)
    #expect(world.hosts[0].membership!.health.score >= 3)
    world.passes = { _, _ in true }
    #expect(world.run(seconds: 30) { world.allAlive(0..<4) })
    world.run(seconds: 60)
    #expect(world.hosts[0].membership!.health.score == 0)
  }
}
