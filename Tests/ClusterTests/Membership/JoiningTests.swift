import Bytes
import Testing

@testable import Cluster

@Suite("Cluster: joining and leaving")
struct JoiningTests {
  @Test("nodes that join one member all know each other, durably", arguments: 1...8)
  func join(seed: Int) throws {
    let world = MembershipWorld(seed: UInt64(seed))
    world.lost = 100
    let count = 2 + seed % 6
    world.form(count)
    let digests = Set(world.hosts.map { $0.membership!.memberDigest })
    #expect(digests.count == 1)
    for index in 0..<count {
      let membership = try #require(world.hosts[index].membership)
      #expect(membership.memberCount == count && !membership.isJoining)
      let saved = try #require(world.savedMembers(of: index))
      #expect(saved.entries.map(\.node) == membership.members.map(\.id))
      #expect(saved.cluster == 77)
      #expect(membership.statuses.map(\.id) == world.hosts.map(\.id).sorted())
      if index > 0 {
        #expect(membership.admittedBy == world.hosts[0].id)
        #expect(world.changes(of: index).contains(.admitted(by: world.hosts[0].id)))
      }
    }
  }

  @Test("a member is kept durably before anybody hears of it")
  func savedFirst() {
    let world = MembershipWorld(seed: 1)
    world.start(0)
    world.start(1)
    let own = world.update(of: 1)
    let join = MembershipMessage(kind: .join, updates: [own])
    let asked = world.step(0) { membership, now, random, effects, changes in
      membership.request(
        RequestID(9), join.encoded(), from: Incarnated(node: world.hosts[1].id, boot: 1), now: now,
        random: &random, effects: &effects, changes: &changes)
    }
    guard
      case .request(let dialBack, to: own.endpoint, expected: own.node, .control, _, _)? = asked
        .first
    else { return #expect(Bool(false), "no dialling back: \(asked)") }
    let pong = MembershipMessage(kind: .pong, updates: [own])
    let answered = world.step(0) { membership, now, random, effects, changes in
      membership.response(
        dialBack, pong.encoded(), from: Incarnated(node: world.hosts[1].id, boot: 1), now: now,
        random: &random, effects: &effects, changes: &changes)
    }
    guard case .saveMembers? = answered.first else {
      return #expect(Bool(false), "something came before saving: \(answered)")
    }
    #expect(answered.contains { if case .respond(RequestID(9), _) = $0 { true } else { false } })
  }

  @Test("a node whose seed does not answer asks for ever, and never is a cluster of its own")
  func unreachableSeed() {
    let world = MembershipWorld(seed: 2)
    world.start(0)
    world.kill(0)
    world.start(1, seeds: [0])
    world.run(seconds: 300)
    #expect(world.hosts[1].membership?.isJoining == true)
    #expect(world.hosts[1].membership?.memberCount == 1)
    world.start(0)
    #expect(world.run(seconds: 10) { world.allAlive(0..<2) })
  }

  @Test("of several seeds the first that answers serves")
  func severalSeeds() {
    let world = MembershipWorld(seed: 3)
    for index in 0..<3 { world.start(index) }
    world.kill(0)
    world.kill(1)
    world.start(3, seeds: [0, 1, 2])
    #expect(world.run(seconds: 10) { world.state(of: 2, at: 3) == .alive })
  }

  @Test("joining again after a lost answer gives the same membership")
  func lostAnswer() {
    let world = MembershipWorld(seed: 4)
    world.start(0)
    world.start(1, seeds: [0])
    world.losesResponses = true
    world.run(seconds: 20)
    #expect(world.hosts[1].membership?.isJoining == true)
    world.losesResponses = false
    #expect(world.run(seconds: 20) { world.allAlive(0..<2) })
    #expect(world.hosts[0].membership?.memberCount == 2)
    #expect(world.changes(of: 0).filter { $0 == .added(world.hosts[1].id) }.count == 1)
  }

  @Test(
    "an address that others cannot dial is refused",
    arguments: [
      "0.0.0.0", "::", "169.254.1.2", "224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1",
    ])
  func unusableAddress(host: String) {
    let world = MembershipWorld(seed: 5)
    world.start(0)
    world.start(1, seeds: [0], at: Endpoint(host: Array(host.utf8), port: 6_660))
    world.run(seconds: 30)
    #expect(world.hosts[0].membership?.memberCount == 1)
    #expect(world.hosts[1].membership?.isJoining == true)
    #expect(world.hosts[1].logs.filter { $0.contains("DYNA_ADVERTISE") }.count == 1)
  }

  @Test(
    "loopback addresses keep among themselves",
    arguments: [
      ("127.0.0.1", "127.0.0.2", true), ("127.0.0.1", "::1", true),
      ("localhost", "127.0.0.1", true),
      ("10.0.0.1", "127.0.0.1", false), ("127.0.0.1", "10.0.0.2", false),
      ("10.0.0.1", "node-2", true), ("10.0.0.1", "10.0.0.2", true),
    ])
  func loopback(first: String, second: String, areAllowed: Bool) {
    let world = MembershipWorld(seed: 6)
    world.start(0, at: Endpoint(host: Array(first.utf8), port: 1))
    world.start(1, seeds: [0], at: Endpoint(host: Array(second.utf8), port: 2))
    world.run(seconds: 20)
    #expect(world.hosts[0].membership?.memberCount == (areAllowed ? 2 : 1))
  }

  @Test("the address of a living member is refused; once that one is down it is free")
  func takenAddress() {
    let world = MembershipWorld(seed: 7)
    world.form(3)
    // The data of node 2 is lost: at its address starts a node with another number.
    world.kill(2)
    world.start(3, seeds: [0], at: MembershipWorld.endpoint(2))
    world.run(seconds: 2)
    #expect(world.hosts[3].membership?.isJoining == true)
    #expect(world.run(seconds: 30) { world.state(of: 3, at: 0) == .alive })
    #expect(world.run(seconds: 10) { world.state(of: 3, at: 1) == .alive })
    #expect(world.hosts[0].membership?.memberCount == 4)
  }

  @Test("a node that does not answer where it says it is stays out, and is told why")
  func unreachableJoiner() {
    let world = MembershipWorld(seed: 8)
    world.start(0)
    world.start(1, seeds: [0])
    let real = world.hosts[1].endpoint
    world.hosts[1].endpoint = Endpoint(host: Array("10.9.9.9".utf8), port: 1)
    world.run(seconds: 20)
    #expect(world.hosts[0].membership?.memberCount == 1)
    #expect(world.hosts[1].logs.contains { $0.contains("cannot reach this node at 10.0.0.2:6660") })
    world.hosts[1].endpoint = real
    #expect(world.run(seconds: 20) { world.allAlive(0..<2) })
  }

  @Test("a node not yet admitted answers pings and believes nobody")
  func notHalfJoined() {
    let world = MembershipWorld(seed: 9)
    world.start(0)
    world.kill(0)
    world.start(1, seeds: [0])
    world.start(2)
    let ping = MembershipPacket(
      kind: .ping, sequence: 5, target: world.hosts[1].id, wallMilliseconds: 0,
      updates: [world.update(of: 2)])
    let effects = world.step(1) { membership, now, random, effects, changes in
      membership.packet(
        ping.encoded(), from: Incarnated(node: world.hosts[2].id, boot: 1),
        address: world.hosts[2].endpoint, now: now, random: &random, effects: &effects,
        changes: &changes)
    }
    #expect(effects.contains { if case .sendPacket = $0 { true } else { false } })
    #expect(world.hosts[1].membership?.memberCount == 1)
  }

  @Test(
    "a node that leaves is seen leaving at once, then down, and may come back", arguments: 1...6)
  func leave(seed: Int) {
    let world = MembershipWorld(seed: UInt64(seed))
    world.form(4)
    world.step(2) { membership, now, random, effects, changes in
      membership.leave(now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.run(seconds: 1) { world.everybody(but: 2, holds: .leaving) })
    world.run(seconds: 10)
    #expect(world.everybody(but: 2, holds: .leaving), "it still answers")
    world.kill(2)
    #expect(world.run(seconds: 12) { world.everybody(but: 2, holds: .down) })
    #expect(world.hosts[0].membership?.memberCount == 4)
    world.start(2)
    #expect(world.run(seconds: 5) { world.allAlive(0..<4) })
  }

  @Test("leaving is seen also where no packet gets through")
  func leaveWithoutPackets() {
    let world = MembershipWorld(seed: 10)
    world.passesPackets = { _, _ in false }
    world.form(3)
    world.step(2) { membership, now, random, effects, changes in
      membership.leave(now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.run(seconds: 1) { world.everybody(but: 2, holds: .leaving) })
  }

  @Test("a removed member is out on all nodes, counts no more, and stops when it speaks")
  func remove() {
    let world = MembershipWorld(seed: 11)
    world.form(4)
    world.kill(3)
    world.step(0) { membership, now, random, effects, changes in
      membership.remove(
        world.hosts[3].id, now: now, random: &random, effects: &effects, changes: &changes)
    }
    #expect(world.run(seconds: 5) { world.everybody(but: 3, holds: .removed) })
    #expect((0..<3).allSatisfy { world.hosts[$0].membership?.memberCount == 3 })
    world.start(3)
    #expect(world.run(seconds: 5) { world.hosts[3].stopReason != nil })
    world.kill(1)
    world.start(1)
    #expect(world.run(seconds: 5) { world.state(of: 3, at: 1) == .removed }, "saved as removed")
  }
}
