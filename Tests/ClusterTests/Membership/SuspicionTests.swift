import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: suspicion")
struct SuspicionTests {
  private let began = Instant(nanoseconds: 0)

  @Test(
    "each confirmation brings the deadline nearer",
    arguments: zip(0...2, [24_000, 11_380, 4_000] as [UInt64]))
  func deadline(confirmations: Int, expectedMilliseconds: UInt64) {
    var suspicion = Suspicion(
      began: began, accuser: NodeID(1), liveNodes: 5, settings: MembershipSettings())
    for number in 0..<confirmations {
      let isNews = suspicion.confirm(by: NodeID(UInt64(number) + 2))
      #expect(isNews)
    }
    #expect(suspicion.deadline.milliseconds(since: began) == expectedMilliseconds)
  }

  @Test("nobody confirms twice, and three accusers are enough")
  func confirmers() {
    var suspicion = Suspicion(
      began: began, accuser: NodeID(1), liveNodes: 5, settings: MembershipSettings())
    let isNews = [1, 2, 3, 4].map { suspicion.confirm(by: NodeID($0)) }
    #expect(isNews == [false, true, true, false])
  }

  @Test("where hardly anybody is there to confirm, the shortest time counts at once")
  func few() {
    let suspicion = Suspicion(
      began: began, accuser: NodeID(1), liveNodes: 3, settings: MembershipSettings())
    #expect(suspicion.deadline.milliseconds(since: began) == 4_000)
  }

  @Test("an accused node refutes above the accusation, and all believe it")
  func refutation() {
    let world = MembershipWorld(seed: 1)
    world.form(3)
    let accused = MemberUpdate(
      node: world.hosts[2].id, boot: 1, incarnation: 40, state: .suspect,
      accuser: world.hosts[0].id, endpoint: world.hosts[2].endpoint)
    world.step(1) { membership, now, random, effects, changes in
      let packet = MembershipPacket(
        kind: .gossip, sequence: 0, target: NodeID(0), wallMilliseconds: 0,
        updates: [world.update(of: 0), accused])
      membership.packet(
        packet.encoded(), from: Incarnated(node: world.hosts[0].id, boot: 1),
        address: world.hosts[0].endpoint, now: now, random: &random, effects: &effects,
        changes: &changes)
    }
    #expect(world.state(of: 2, at: 1) == .suspect)
    #expect(world.run(seconds: 3) { world.state(of: 2, at: 1) == .alive })
    #expect(world.hosts[2].membership?.ownIncarnation == 41)
    #expect(world.run(seconds: 3) { world.allAlive(0..<3) })
    #expect(!world.wasEverDown(2))
  }

  @Test("an accusation of an incarnation that is past changes nothing")
  func stale() {
    let world = MembershipWorld(seed: 2)
    world.form(2)
    world.step(1) { membership, now, random, effects, changes in
      membership.move(
        to: Endpoint(host: Array("10.0.0.99".utf8), port: 1), now: now, random: &random,
        effects: &effects, changes: &changes)
    }
    world.hosts[1].endpoint = Endpoint(host: Array("10.0.0.99".utf8), port: 1)
    #expect(world.run(seconds: 3) { world.changes(of: 0).contains(.moved(world.hosts[1].id)) })
    world.hosts[1].changes = []
    let before = world.hosts[1].membership!.ownIncarnation
    world.step(1) { membership, now, random, effects, changes in
      membership.consider(
        MemberUpdate(
          node: world.hosts[1].id, boot: 1, incarnation: 0, state: .down,
          endpoint: world.hosts[1].endpoint), .packet, by: world.hosts[0].id)
      membership.tick(now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.hosts[1].membership?.ownIncarnation == before)
  }

  @Test("a node paused for a minute is down, is told so, and is back within seconds")
  func paused() {
    let world = MembershipWorld(seed: 3)
    world.form(3)
    let frozen = world.hosts[1].membership
    world.kill(1)
    #expect(world.run(seconds: 60) { world.everybody(but: 1, holds: .down) })
    world.hosts[1].membership = frozen
    #expect(world.run(seconds: 12) { world.allAlive(0..<3) })
  }

  @Test("one node that hears nobody does not talk the others down")
  func deranged() {
    let world = MembershipWorld(seed: 4)
    world.form(5)
    // Everything that 0 receives by packets is lost for a while, and nobody answers its requests.
    world.passes = { a, b in b != 0 }
    world.run(seconds: 120)
    for index in 1..<5 {
      for other in 1..<5 where other != index {
        #expect(!world.changes(of: index).contains(.down(world.hosts[other].id)))
      }
    }
  }

  @Test("in a full exchange a member that is said to be down is only suspected")
  func exchangedDown() {
    let world = MembershipWorld(seed: 5)
    world.form(3)
    let claim = MemberUpdate(
      node: world.hosts[2].id, boot: 1, incarnation: 9, state: .down,
      endpoint: world.hosts[2].endpoint)
    let message = MembershipMessage(kind: .exchange, updates: [world.update(of: 0), claim])
    world.step(1) { membership, now, random, effects, changes in
      membership.request(
        RequestID(1_000), message.encoded(), from: Incarnated(node: world.hosts[0].id, boot: 1),
        now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.state(of: 2, at: 1) == .suspect)
    #expect(world.run(seconds: 4) { world.allAlive(0..<3) })
    #expect(!world.wasEverDown(2))
  }
}

extension MembershipWorld {
  /// What a host says of itself.
  func update(of index: Int) -> MemberUpdate {
    hosts[index].membership?.ownUpdate
      ?? MemberUpdate(
        node: hosts[index].id, boot: hosts[index].boot, incarnation: 0, state: .alive,
        endpoint: hosts[index].endpoint)
  }
}
