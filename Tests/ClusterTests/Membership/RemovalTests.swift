import Bytes
import Store
import Testing

@testable import Cluster

@Suite("Cluster: members that are removed")
struct RemovalTests {
  private func removal(
    _ world: MembershipWorld, of name: MemberName, at index: Int, isForced: Bool = false
  ) throws -> RemovalOutcome {
    try #require(world.hosts[index].membership).removal(of: name, evenReachable: isForced)
  }

  private func remove(_ member: Int, at index: Int, in world: MembershipWorld) {
    world.step(index) { membership, now, random, effects, changes in
      membership.remove(
        world.hosts[member].id, now: now, random: &random, effects: &effects, changes: &changes)
    }
  }

  @Test("only a member that exists, is another one and does not answer is removed unasked")
  func outcomes() throws {
    let world = MembershipWorld(seed: 31)
    world.form(3)
    let (own, other) = (world.hosts[0], world.hosts[1])
    #expect(try removal(world, of: .id(own.id), at: 0) == .own)
    #expect(try removal(world, of: .endpoint(own.endpoint), at: 0, isForced: true) == .own)
    #expect(try removal(world, of: .id(NodeID(7)), at: 0) == .unknown)
    #expect(try removal(world, of: .endpoint(MembershipWorld.endpoint(9)), at: 0) == .unknown)
    #expect(
      try removal(world, of: .id(other.id), at: 0) == .reachable(other.id, other.endpoint, .alive))
    #expect(
      try removal(world, of: .endpoint(other.endpoint), at: 0, isForced: true)
        == .removed(other.id, other.endpoint))
    world.kill(1)
    #expect(world.run(seconds: 60) { world.state(of: 1, at: 0) == .down })
    #expect(
      try removal(world, of: .endpoint(other.endpoint), at: 0) == .removed(other.id, other.endpoint)
    )
    remove(1, at: 0, in: world)
    for name in [MemberName.id(other.id), .endpoint(other.endpoint)] {
      #expect(
        try removal(world, of: name, at: 0, isForced: true)
          == .alreadyRemoved(other.id, other.endpoint))
    }
    #expect(world.hosts[0].membership?.removedMembers.map(\.id) == [other.id])
  }

  @Test("an address that a new member took over names neither")
  func ambiguous() throws {
    let world = MembershipWorld(seed: 32)
    world.form(3)
    world.kill(2)
    #expect(world.run(seconds: 60) { world.everybody(but: 2, holds: .down) })
    world.start(3, seeds: [0], at: world.hosts[2].endpoint)
    #expect(world.run(seconds: 30) { world.state(of: 3, at: 0) == .alive })
    let both = [world.hosts[2].id, world.hosts[3].id].sorted()
    #expect(try removal(world, of: .endpoint(world.hosts[2].endpoint), at: 0) == .ambiguous(both))
    remove(2, at: 0, in: world)
    // Now it is the living one's alone.
    #expect(
      try removal(world, of: .endpoint(world.hosts[2].endpoint), at: 0)
        == .reachable(world.hosts[3].id, world.hosts[3].endpoint, .alive))
  }

  @Test("it is kept durably before anybody is told, the answering operator first of all")
  func durable() {
    let world = MembershipWorld(seed: 33)
    world.form(3)
    world.kill(2)
    let effects = world.step(0) { membership, now, random, effects, changes in
      membership.remove(
        world.hosts[2].id, now: now, random: &random, effects: &effects, changes: &changes)
    }
    guard case .saveMembers(let bytes)? = effects.first else {
      return #expect(Bool(false), "something came before the list of members")
    }
    let entry = SavedMembers.decode(bytes.span)?.entries.first { $0.node == world.hosts[2].id }
    #expect(entry?.isRemoved == true)
  }

  @Test("members that were down meanwhile learn of it from whomever they meet first")
  func down() {
    let world = MembershipWorld(seed: 34)
    world.form(4)
    world.kill(2)
    world.kill(3)
    #expect(
      world.run(seconds: 90) { [0, 1].allSatisfy { world.state(of: 3, at: $0) == .down } })
    remove(3, at: 0, in: world)
    #expect(world.run(seconds: 5) { world.state(of: 3, at: 1) == .removed })
    // The one that removed it is gone by then.
    world.kill(0)
    world.start(2)
    #expect(world.run(seconds: 30) { world.state(of: 3, at: 2) == .removed })
    #expect(world.savedMembers(of: 2)?.entries.contains { $0.isRemoved } == true)
  }

  @Test("one that met nobody who knew stops as soon as it meets one who does")
  func late() {
    let world = MembershipWorld(seed: 35)
    world.form(3)
    world.kill(2)
    remove(2, at: 0, in: world)
    world.kill(0)
    // The news had no time to get anywhere.
    #expect(world.state(of: 2, at: 1) != .removed)
    world.start(2)
    #expect(world.run(seconds: 30) { world.state(of: 2, at: 1) == .alive })
    world.start(0)
    #expect(world.run(seconds: 30) { world.hosts[2].stopReason != nil })
    #expect(world.state(of: 2, at: 1) == .removed)
  }

  @Test("a removed node knows it at its next start, also where nobody is there to tell it")
  func remembers() throws {
    let world = MembershipWorld(seed: 36)
    world.form(3)
    // It is alive: whoever it speaks to tells it.
    remove(2, at: 0, in: world)
    #expect(world.run(seconds: 5) { world.hosts[2].stopReason != nil })
    #expect(try #require(world.savedMembers(of: 2)).wasRemoved)
    world.kill(0)
    world.kill(1)
    world.start(2)
    #expect(world.hosts[2].membership?.wasRemoved == true)
    world.run(seconds: 1)
    #expect(world.hosts[2].stopReason == Membership.removedReason)
    #expect(world.hosts[2].membership == nil)
  }

  @Test("what it asks is refused, and what it answers counts for nothing")
  func refused() throws {
    var world = NodeWorld()
    let member = Incarnated(node: NodeID(2), boot: 1)
    world.meet(member)
    #expect(world.node.peerCount == 1)
    world.remove(member.node)
    #expect(world.node.peerCount == 0)
    var message = Message.request(.clocks)
    for number in 1...3 as ClosedRange<UInt64> { message.appendUInt64(number) }
    for boot in 1...2 as ClosedRange<UInt32> {
      let effects = world.ask(Incarnated(node: member.node, boot: boot), message.copied())
      guard case .respond(_, let answer)? = effects.first else {
        return #expect(Bool(false), "no answer")
      }
      #expect(Membership.isRefusal(answer))
    }
    world.meet(Incarnated(node: member.node, boot: 3))
    #expect(world.node.peerCount == 0)
    #expect(world.node.status.removed.map(\.id) == [member.node])
  }

  @Test("the list of a removed node has the second bit at its place")
  func format() throws {
    let list = SavedMembers(cluster: 5, wasReady: true, wasRemoved: true, entries: [])
    let bytes = list.encoded()
    #expect(bytes[16] == 3)
    #expect(SavedMembers.decode(bytes.span) == list)
    let only = SavedMembers(cluster: 5, wasReady: false, wasRemoved: true, entries: [])
    #expect(only.encoded()[16] == 2)
    #expect(SavedMembers.decode(only.encoded().span) == only)
  }

  @Test(
    "a node whose members were all removed is a member after a restart, whatever seeds it is given")
  func lastOne() throws {
    let saved = SavedMembers(
      cluster: 77, wasReady: true,
      entries: [
        SavedMembers.Entry(
          node: NodeID(9), boot: 1, isRemoved: true, endpoint: MembershipWorld.endpoint(1))
      ])
    let membership = Membership(
      own: Incarnated(node: NodeID(5), boot: 2), endpoint: MembershipWorld.endpoint(0), cluster: 77,
      settings: MembershipSettings(), savedMembers: saved.encoded(),
      seeds: [MembershipWorld.endpoint(1)], now: Instant(nanoseconds: 0))
    #expect(!membership.isJoining)
    #expect(membership.memberCount == 1)
  }
}

/// One node, to which a test plays the others.
private struct NodeWorld: ~Copyable {
  var node: Node
  private var replica: TestReplica
  private var random = SeededRandom(seed: 1)
  private var requests: UInt64 = 0
  private let now = Instant(nanoseconds: 1_000_000_000)

  init() {
    let own = Incarnated(node: NodeID(1), boot: 1)
    replica = TestReplica(own: own)
    node = Node(
      own: own, endpoint: MembershipWorld.endpoint(0), cluster: 77, settings: ClusterSettings(),
      savedMembers: nil, seeds: [], now: now)
  }

  mutating func ask(_ from: Incarnated, _ bytes: [UInt8]) -> [Effect] {
    requests += 1
    var effects: [Effect] = []
    node.step(
      .request(RequestID(requests), from: from, bytes: bytes), now: now, replica: &replica,
      random: &random, effects: &effects)
    return effects
  }

  /// A node makes itself known by a full exchange.
  mutating func meet(_ member: Incarnated) {
    let update = MemberUpdate(
      node: member.node, boot: member.boot, incarnation: 1, state: .alive,
      endpoint: MembershipWorld.endpoint(1))
    _ = ask(member, MembershipMessage(kind: .exchange, updates: [update]).encoded())
  }

  mutating func remove(_ member: NodeID) {
    var effects: [Effect] = []
    let outcome = node.removeMember(
      .id(member), evenReachable: true, now: now, random: &random, effects: &effects)
    #expect(outcome == .removed(member, MembershipWorld.endpoint(1)))
  }
}
