import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: healing")
struct HealingTests {
  @Test("after a full split of any length all are alive again within 15 s", arguments: 1...12)
  func split(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed))
    let count = 2 + seed % 6
    let half = 1 + seed % (count - 1)
    world.form(count)
    world.passes = { a, b in (a < half) == (b < half) }
    world.run(seconds: 30 + Double(seed) * 20)
    for index in 0..<count {
      for other in 0..<count where (index < half) != (other < half) {
        #expect(world.state(of: other, at: index) == .down)
      }
    }
    world.passes = { _, _ in true }
    #expect(world.run(seconds: 15) { world.allAlive(0..<count) })
    world.run(seconds: 60)
    #expect(world.allAlive(0..<count))
  }

  @Test("a restarted node is alive everywhere within seconds", arguments: 1...8)
  func restart(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed))
    world.lost = 100
    let count = 2 + seed % 5
    world.form(count)
    world.kill(0)
    world.run(seconds: Double(seed * 11))
    world.start(0)
    #expect(world.run(seconds: 10) { world.allAlive(0..<count) })
    for index in 1..<count {
      #expect(world.changes(of: index).contains(.restarted(world.hosts[0].id)))
      #expect(world.hosts[index].membership?.member(world.hosts[0].id)?.boot == 2)
    }
  }

  @Test("a node that comes back with another address is found, and the old one forgotten")
  func moved() throws {
    let world = MembershipWorld(seed: 3)
    world.form(3)
    world.kill(1)
    world.run(seconds: 20)
    let fresh = Endpoint(host: Array("10.0.7.7".utf8), port: 6_661)
    world.start(1, at: fresh)
    #expect(world.run(seconds: 10) { world.allAlive(0..<3) })
    #expect(world.hosts[0].membership?.member(world.hosts[1].id)?.endpoint == fresh)
    #expect(world.changes(of: 2).contains(.moved(world.hosts[1].id)))
    let saved = try #require(world.savedMembers(of: 2))
    #expect(saved.entries.contains { $0.endpoint == fresh && $0.boot == 2 })
  }

  @Test("where all addresses changed, the seeds bring the members together")
  func allMoved() {
    let world = MembershipWorld(seed: 4)
    world.form(3)
    for index in 0..<3 { world.kill(index) }
    world.start(0, at: Endpoint(host: Array("10.1.0.1".utf8), port: 1))
    world.start(1, seeds: [0], at: Endpoint(host: Array("10.1.0.2".utf8), port: 1))
    world.start(2, seeds: [0], at: Endpoint(host: Array("10.1.0.3".utf8), port: 1))
    #expect(world.run(seconds: 30) { world.allAlive(0..<3) })
    #expect(world.hosts[0].membership?.memberCount == 3)
  }

  @Test("who comes back last, where all addresses changed, is found by those who know a seed")
  func lastMoved() {
    let world = MembershipWorld(seed: 4)
    world.form(3)
    for index in 0..<3 {
      world.kill(index)
      // Its name leads to the new address before it is there.
      world.start(index, at: Endpoint(host: Array("10.1.0.\(index + 1)".utf8), port: 1))
      world.kill(index)
    }
    world.start(1, seeds: [0, 2])
    world.start(2, seeds: [0, 1])
    #expect(world.run(seconds: 30) { world.allAlive(1..<3) })
    world.run(seconds: 120)
    #expect(world.hosts[1].logs.count { $0.contains("nothing was heard of node") } == 1)
    world.start(0)
    #expect(world.run(seconds: 45) { world.allAlive(0..<3) })
  }

  @Test("all started again at once find each other, without seeds")
  func allRestarted() {
    let world = MembershipWorld(seed: 5)
    world.form(5)
    for index in 0..<5 { world.kill(index) }
    for index in 0..<5 { world.start(index) }
    #expect(world.run(seconds: 10) { world.allAlive(0..<5) })
  }

  @Test("a member that stays away is dialled at least every 10 s, for ever")
  func dialled() {
    let world = MembershipWorld(seed: 6)
    world.form(2)
    world.kill(1)
    world.run(seconds: 3_600)
    var last = world.now
    var longest: UInt64 = 0
    var attempts = world.hosts[0].membership!.counters.exchanges
    world.run(seconds: 120) {
      let count = world.hosts[0].membership!.counters.exchanges
      if count != attempts {
        attempts = count
        longest = max(longest, world.now - last)
        last = world.now
      }
      return false
    }
    #expect(longest <= 10_000_000_000 && longest > 0)
  }

  @Test("a node that is held to be down and speaks is told so, at most once a second")
  func told() {
    let world = MembershipWorld(seed: 7)
    world.form(2)
    world.kill(1)
    #expect(world.run(seconds: 20) { world.state(of: 1, at: 0) == .down })
    let gossip = MembershipPacket(
      kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0,
      updates: [world.update(of: 1)])
    var told = 0
    for _ in 0..<50 {
      let effects = world.step(0) { membership, now, random, effects, changes in
        membership.packet(
          gossip.encoded(), from: Incarnated(node: world.hosts[1].id, boot: 1),
          address: world.hosts[1].endpoint, now: now, random: &random, effects: &effects,
          changes: &changes)
      }
      for case .sendPacket(_, let bytes) in effects {
        let packet = MembershipPacket.decode(
          bytes.span, from: Incarnated(node: world.hosts[0].id, boot: 1))
        if packet?.updates.dropFirst().first?.state == .down { told += 1 }
      }
      world.run(seconds: 0.05)
    }
    #expect((2...4).contains(told), "in two and a half seconds: \(told)")
  }

  @Test("random splits, losses, kills and restarts end with all alive", arguments: 1...30)
  func swarm(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed) * 7_919)
    let count = 3 + seed % 5
    world.form(count)
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<8 {
      let victim = Int(random.next(below: UInt64(count)))
      switch random.next(below: 5) {
      case 0: world.lost = random.next(below: 400)
      case 1:
        let mask = random.next()
        world.passes = { a, b in mask >> UInt64(a) & 1 == mask >> UInt64(b) & 1 }
      case 2: world.passes = { a, b in a != victim || b == victim }
      case 3:
        world.kill(victim)
        world.run(seconds: Double(random.next(below: 20)))
        world.start(victim)
      default: world.passes = { _, _ in true }
      }
      world.run(seconds: Double(random.next(below: 30)))
    }
    world.passes = { _, _ in true }
    world.lost = 0
    #expect(world.run(seconds: 30) { world.allAlive(0..<count) })
    #expect(Set(world.hosts.map { $0.membership!.memberDigest }).count == 1)
    #expect(world.hosts.allSatisfy { $0.stopReason == nil })
    #expect(world.longestPacket <= MembershipLimits.packetBytes)
  }

  @Test("the same seed gives the same packets", arguments: 1...4)
  func deterministic(seed: Int) {
    let digests = (0..<2).map { _ in
      let world = MembershipWorld(seed: UInt64(seed))
      world.lost = 200
      world.form(4)
      world.kill(1)
      world.run(seconds: 60)
      return world.hosts.map(\.digest)
    }
    #expect(digests[0] == digests[1])
  }
}
