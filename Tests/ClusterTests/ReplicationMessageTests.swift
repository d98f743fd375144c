import Bytes
import Store
import Testing

@testable import Cluster

@Suite("Replication messages") struct ReplicationMessageTests {
  private let other = Incarnated(node: NodeID(2), boot: 1)

  /// A node with one durable write in shard 3.
  private struct World: ~Copyable {
    var node: Replication
    var replica: TestReplica
  }

  private func world() -> World {
    let own = Incarnated(node: NodeID(1), boot: 1)
    var replica = TestReplica(own: own)
    replica.wallMilliseconds = 1
    var settings = ClusterSettings.small
    settings.pullBytesMax = 2 * TestWrite.entryBytes
    var node = Replication(
      own: own, settings: settings, isReady: true, now: Instant(nanoseconds: 0))
    node.update(
      [
        Neighbour(
          id: other.node, boot: 1, endpoint: Endpoint(host: [], port: 1), isReachable: true)
      ], memberDigest: 0x11, source: nil)
    _ = replica.write(shard: 3, key: 5, isDead: false, value: 9)
    replica.commit(through: replica.appended)
    return World(node: node, replica: replica)
  }

  private func requests(_ effects: [Effect]) -> [[UInt8]] {
    effects.compactMap { if case .request(_, _, _, _, let bytes, _) = $0 { bytes } else { nil } }
  }

  private func answer(_ effects: [Effect]) -> [UInt8] {
    for effect in effects { if case .respond(_, let bytes) = effect { return bytes } }
    return []
  }

  private let entry: [UInt8] = [
    36, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
    3, 0, 5, 0, 9, 0, 0, 0,
  ]

  @Test("a push and its answer have these bytes")
  func push() {
    var world = world()
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    let (entries, positions) = world.replica.takeCommitted()
    world.node.committed(entries, positions: positions)
    world.node.advance(
      now: Instant(nanoseconds: 0), replica: &world.replica, random: &random, effects: &effects)
    #expect(requests(effects) == [[2, 1, 1, 1] + entry])

    effects = []
    var theirs = TestReplica(own: other)
    var receiver = Replication(
      own: other, settings: .small, isReady: true, now: Instant(nanoseconds: 0))
    receiver.request(
      RequestID(9), [2, 1, 1, 1] + entry, from: Incarnated(node: NodeID(1), boot: 1),
      now: Instant(nanoseconds: 0), replica: &theirs, effects: &effects)
    #expect(effects.isEmpty)
    theirs.commit(through: theirs.appended)
    receiver.answerWaiting(through: theirs.committed, effects: &effects)
    #expect(answer(effects) == [2, 1, 1, 0, 0])
  }

  @Test("a comparison has these bytes, and its answer says the same of the one asked")
  func clocks() {
    var world = world()
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    let start = Instant(nanoseconds: 0)
    world.node.advance(now: start, replica: &world.replica, random: &random, effects: &effects)
    world.replica.commit(through: world.replica.appended)
    effects = []
    world.node.advance(
      now: start.advanced(byMilliseconds: 20), replica: &world.replica, random: &random,
      effects: &effects)
    let asked = requests(effects)
    #expect(asked.count == 1)
    let root = Array(asked[0].suffix(8))
    #expect(
      asked[0] == [2, 1, 2, 0x11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0] + root)
    effects = []
    world.node.request(
      RequestID(1), asked[0], from: other, now: start, replica: &world.replica, effects: &effects)
    #expect(
      answer(effects) == [2, 1, 2, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0] + root)

    effects = []
    let digests = [UInt8](repeating: 0, count: 8 * 1023)
    world.node.request(
      RequestID(2), [2, 1, 3, 1, 0] + digests, from: other, now: start, replica: &world.replica,
      effects: &effects)
    #expect(
      answer(effects) == [2, 1, 3, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
        + [0, 4, 1, 3, 0] + [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0])
  }

  @Test("a pull and its answer have these bytes")
  func pull() {
    var world = world()
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    let start = Instant(nanoseconds: 0)
    world.node.advance(now: start, replica: &world.replica, random: &random, effects: &effects)
    world.replica.commit(through: world.replica.appended)
    world.node.advance(now: start, replica: &world.replica, random: &random, effects: &effects)
    effects = []
    world.node.request(
      RequestID(2), [2, 1, 4, 2] + [3, 0, 0, 0] + [4, 0, 0, 0], from: other, now: start,
      replica: &world.replica, effects: &effects)
    let clock: [UInt8] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    let time: [UInt8] = [1, 0, 1, 0, 0, 0, 0, 0]
    #expect(
      answer(effects) == [2, 1, 4, 0] + time + [2] + [3, 0, 1] + clock + [1, 40] + entry
        + [4, 0, 1, 0, 0, 0])
    effects = []
    world.node.request(
      RequestID(3), [2, 1, 4, 1] + [3, 0, 0] + clock, from: other, now: start,
      replica: &world.replica, effects: &effects)
    #expect(answer(effects) == [2, 1, 4, 0] + time + [1] + [3, 0, 1] + clock + [0, 0])
  }

  @Test("a message that is cut off anywhere is refused")
  func truncated() {
    var world = world()
    var random = SeededRandom(seed: 1)
    var effects: [Effect] = []
    let start = Instant(nanoseconds: 0)
    world.node.advance(now: start, replica: &world.replica, random: &random, effects: &effects)
    world.replica.commit(through: world.replica.appended)
    world.node.advance(now: start, replica: &world.replica, random: &random, effects: &effects)
    let clock: [UInt8] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    let messages: [[UInt8]] = [
      [2, 1, 2] + [UInt8](repeating: 1, count: 24),
      [2, 1, 3, 0, 0] + [UInt8](repeating: 1, count: 8192),
      [2, 1, 4, 1] + [3, 0, 0] + clock,
      [2, 1, 5, 1, 3, 0] + [UInt8](repeating: 1, count: 8),
    ]
    for message in messages {
      for count in Array(0..<min(30, message.count)) + [message.count - 1] {
        effects = []
        world.node.request(
          RequestID(2), Array(message.prefix(count)), from: other, now: start,
          replica: &world.replica, effects: &effects)
        #expect(answer(effects).last == Message.Status.malformed.rawValue)
      }
    }
  }
}
