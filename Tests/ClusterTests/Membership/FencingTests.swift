import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: one process for each number")
struct FencingTests {
  private func world() -> MembershipWorld {
    let world = MembershipWorld(seed: 1)
    world.form(3)
    return world
  }

  private func packet(
    _ world: MembershipWorld, to index: Int, from sender: Incarnated, at address: Endpoint,
    _ packet: MembershipPacket
  ) -> [Effect] {
    world.step(index) { membership, now, random, effects, changes in
      membership.packet(
        packet.encoded(), from: sender, address: address, now: now, random: &random,
        effects: &effects, changes: &changes)
    }
  }

  @Test("of two processes with one number the lesser boot stops, and changes nothing before")
  func lesserBoot() {
    let world = world()
    let old = world.hosts[1].membership
    world.kill(1)
    world.start(1)
    #expect(world.run(seconds: 10) { world.allAlive(0..<3) })
    world.run(seconds: 2)
    let fresh = world.hosts[1].membership
    let fenced = world.hosts[0].membership!.counters.fenced
    // The process thought dead wakes up and speaks.
    let sender = Incarnated(node: world.hosts[1].id, boot: 1)
    let words = MembershipPacket(
      kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0,
      updates: [
        MemberUpdate(
          node: sender.node, boot: 1, incarnation: 99, state: .leaving,
          endpoint: world.hosts[1].endpoint)
      ])
    let effects = packet(world, to: 0, from: sender, at: world.hosts[1].endpoint, words)
    #expect(world.state(of: 1, at: 0) == .alive)
    #expect(world.hosts[0].membership?.counters.fenced == fenced + 1)
    guard case .sendPacket(_, let answer)? = effects.first else {
      return #expect(Bool(false), "it was not told")
    }
    world.hosts[1].membership = old
    let stopped = world.step(1) { membership, now, random, effects, changes in
      membership.packet(
        answer, from: Incarnated(node: world.hosts[0].id, boot: 1),
        address: world.hosts[0].endpoint, now: now, random: &random, effects: &effects,
        changes: &changes)
    }
    #expect(stopped.contains { if case .stop = $0 { true } else { false } })
    world.hosts[1].membership = fresh
    world.hosts[1].stopReason = nil
    world.run(seconds: 20)
    #expect(world.allAlive(0..<3))
  }

  @Test("a process stops where another speaks with its number and a greater boot")
  func greaterBoot() {
    let world = world()
    let words = MembershipPacket(
      kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0,
      updates: [
        MemberUpdate(
          node: world.hosts[0].id, boot: 2, incarnation: 0, state: .alive,
          endpoint: Endpoint(host: Array("10.0.0.9".utf8), port: 1))
      ])
    _ = packet(
      world, to: 0, from: Incarnated(node: world.hosts[0].id, boot: 2),
      at: Endpoint(host: Array("10.0.0.9".utf8), port: 1), words)
    #expect(world.hosts[0].stopReason?.contains("copied data directory") == true)
  }

  @Test("a process stops where another one with its number and boot has another address")
  func copiedDirectory() {
    let world = world()
    let claim = MemberUpdate(
      node: world.hosts[0].id, boot: 1, incarnation: 1, state: .alive,
      endpoint: Endpoint(host: Array("10.0.0.9".utf8), port: 1))
    _ = packet(
      world, to: 0, from: Incarnated(node: world.hosts[1].id, boot: 1),
      at: world.hosts[1].endpoint,
      MembershipPacket(
        kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0,
        updates: [world.update(of: 1), claim]))
    #expect(world.hosts[0].stopReason != nil)
  }

  @Test("after its stop a node does nothing more")
  func stopped() {
    var membership = Membership(
      own: Incarnated(node: NodeID(1), boot: 1), endpoint: MembershipWorld.endpoint(0), cluster: 1,
      settings: MembershipSettings(), savedMembers: [1, 2, 3], seeds: [MembershipWorld.endpoint(1)],
      now: Instant(nanoseconds: 0))
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    var changes: [MembershipChange] = []
    membership.tick(
      now: Instant(nanoseconds: 1), random: &random, effects: &effects, changes: &changes)
    guard case .stop(let reason)? = effects.first, effects.count == 1 else {
      return #expect(Bool(false), "a damaged list was taken for an empty one")
    }
    #expect(reason.contains("saved list of members"))
    membership.markReady(effects: &effects)
    membership.tick(
      now: Instant(nanoseconds: 2), random: &random, effects: &effects, changes: &changes)
    #expect(effects.count == 1)
    #expect(membership.nextDeadline == Membership.never)
  }

  @Test("a list of another cluster is refused")
  func otherCluster() {
    let saved = SavedMembers(cluster: 5, wasReady: true, entries: []).encoded()
    var membership = Membership(
      own: Incarnated(node: NodeID(1), boot: 1), endpoint: MembershipWorld.endpoint(0), cluster: 6,
      settings: MembershipSettings(), savedMembers: saved, seeds: [], now: Instant(nanoseconds: 0))
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    var changes: [MembershipChange] = []
    membership.tick(
      now: Instant(nanoseconds: 1), random: &random, effects: &effects, changes: &changes)
    guard case .stop? = effects.first else { return #expect(Bool(false), "it went on") }
  }

  @Test("who must not be listened to is told why, and believes it")
  func refusals() throws {
    let world = world()
    let membership = try #require(world.hosts[0].membership)
    #expect(membership.refusal(of: Incarnated(node: world.hosts[1].id, boot: 1)) == nil)
    #expect(membership.refusal(of: Incarnated(node: world.hosts[1].id, boot: 2)) == nil)
    let older = try #require(membership.refusal(of: Incarnated(node: world.hosts[1].id, boot: 0)))
    #expect(Membership.isRefusal(older))
    let stranger = try #require(membership.refusal(of: Incarnated(node: NodeID(1), boot: 1)))
    let sender = Incarnated(node: world.hosts[0].id, boot: 1)
    // One that was forgotten makes itself known again.
    let effects = world.step(1) { membership, now, random, effects, changes in
      membership.refused(
        stranger, from: sender, now: now, random: &random, effects: &effects, changes: &changes)
      membership.tick(now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(effects.contains { if case .request = $0 { true } else { false } })
    let old = Incarnated(node: world.hosts[1].id, boot: 0)
    var outdated = Membership(
      own: old, endpoint: world.hosts[1].endpoint, cluster: 77, settings: MembershipSettings(),
      savedMembers: world.hosts[1].saved, seeds: [], now: world.instant)
    var random = SeededRandom(seed: 1)
    var wanted: [Effect] = []
    var changes: [MembershipChange] = []
    outdated.refused(
      older, from: sender, now: world.instant, random: &random, effects: &wanted,
      changes: &changes)
    #expect(wanted.contains { if case .stop = $0 { true } else { false } })
  }

  @Test("a request of a greater boot fences the lesser one at once")
  func heard() {
    let world = world()
    let later = Incarnated(node: world.hosts[1].id, boot: 2)
    world.step(0) { membership, now, random, effects, changes in
      membership.heard(
        from: later, now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.changes(of: 0).suffix(2) == [.restarted(later.node), .down(later.node)])
    #expect(world.hosts[0].membership?.refusal(of: Incarnated(node: later.node, boot: 1)) != nil)
    #expect(world.hosts[0].membership?.refusal(of: later) == nil)
  }

  @Test("readiness is kept with the members, once")
  func ready() throws {
    let world = world()
    let effects = world.step(0) { membership, _, _, effects, _ in
      membership.markReady(effects: &effects)
      membership.markReady(effects: &effects)
    }
    #expect(effects.count == 1)
    #expect(try #require(world.savedMembers(of: 0)).wasReady)
    world.kill(0)
    world.start(0)
    #expect(world.hosts[0].membership?.wasReady == true)
  }
}
