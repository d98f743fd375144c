import Bytes
import Store
import Testing

@testable import Cluster

@Suite("Replication") struct ReplicationTests {
  @Test("a write is pushed to every peer and acknowledged when it is durable there")
  func push() {
    let cluster = TestCluster(3, seed: 1)
    cluster.run(milliseconds: 10)
    _ = cluster.hosts[0].replica.write(shard: 7, key: 1, isDead: false, value: 5)
    let hasArrived = cluster.run(atMost: 1_000) {
      cluster.hosts[0].acknowledged.count >= 2
    }
    #expect(hasArrived)
    #expect(cluster.haveConverged)
    for host in cluster.hosts { #expect(host.replica.committed == host.replica.appended) }
    #expect(cluster.hosts.allSatisfy { $0.node.counters.pulledEntries == 0 })
  }

  @Test("the writer is told that its write lost against another")
  func superseded() {
    let cluster = TestCluster(2, seed: 2)
    cluster.split(0, 1)
    cluster.hosts[1].replica.wallMilliseconds += 1_000
    cluster.run(milliseconds: 10)
    _ = cluster.hosts[0].replica.write(shard: 0, key: 1, isDead: false, value: 1)
    _ = cluster.hosts[1].replica.write(shard: 0, key: 1, isDead: false, value: 2)
    cluster.run(milliseconds: 100)
    cluster.healAll()
    #expect(cluster.run(atMost: 5_000) { cluster.haveConverged })
    #expect(cluster.run(atMost: 5_000) { !cluster.hosts[0].superseded.isEmpty })
    #expect(cluster.hosts[1].superseded.isEmpty)
    #expect(cluster.hosts[0].superseded.count == 1)
    #expect(cluster.hosts[0].replica.live["0/1"]?.value == 2)
  }

  @Test("what a full queue dropped is pulled")
  func overflow() {
    let cluster = TestCluster(2, seed: 3)
    cluster.split(0, 1)
    for number in 0..<100 as Range<UInt32> {
      _ = cluster.hosts[0].replica.write(
        shard: Int(number % 7), key: UInt8(number), isDead: false, value: number)
      cluster.run(milliseconds: 5)
    }
    cluster.run(milliseconds: 100)
    #expect(cluster.hosts[0].node.outbox.byteCount(from: 0) <= 13 * TestWrite.entryBytes)
    cluster.healAll()
    #expect(cluster.run(atMost: 10_000) { cluster.haveConverged })
    #expect(cluster.hosts[1].replica.live.count == 100)
    #expect(cluster.hosts[0].node.counters.queueDrops == 1)
    #expect(cluster.hosts[1].node.counters.pulledEntries > 0)
  }

  @Test("an acknowledgement after a drop says from where on it counts")
  func resumed() {
    let cluster = TestCluster(2, seed: 4)
    cluster.split(0, 1)
    for number in 0..<40 as Range<UInt32> {
      _ = cluster.hosts[0].replica.write(
        shard: 1, key: UInt8(number), isDead: false, value: number)
      cluster.run(milliseconds: 5)
    }
    cluster.run(milliseconds: 50)
    cluster.healAll()
    cluster.run(milliseconds: 200)
    let dropped = cluster.hosts[0].replica.appended
    _ = cluster.hosts[0].replica.write(shard: 1, key: 200, isDead: false, value: 1)
    _ = cluster.run(atMost: 2_000) { !cluster.hosts[0].acknowledged.isEmpty }
    for (_, resumedAfter, through) in cluster.hosts[0].acknowledged {
      #expect(resumedAfter > 0 && through > resumedAfter)
      #expect(resumedAfter <= dropped)
    }
  }

  @Test("a joining node is ready when it has everything, durably")
  func join() {
    let cluster = TestCluster(2, seed: 5)
    for number in 0..<200 as Range<UInt32> {
      _ = cluster.hosts[0].replica.write(
        shard: Int(number * 37) % Shard.count, key: UInt8(number), isDead: number % 9 == 0,
        value: number)
    }
    cluster.run(milliseconds: 1_000)
    cluster.join(through: 0)
    #expect(!cluster.hosts[2].node.isReady)
    #expect(cluster.run(atMost: 60_000) { cluster.hosts[2].node.isReady })
    #expect(cluster.hosts[2].becameReadyAt != nil)
    #expect(cluster.hosts[2].replica.live == cluster.hosts[0].replica.live)
    #expect(cluster.hosts[2].node.filling == nil)
  }

  @Test("a joining node goes on with another one when the one it asks goes away")
  func joinElsewhere() {
    let cluster = TestCluster(2, seed: 6)
    for number in 0..<200 as Range<UInt32> {
      _ = cluster.hosts[0].replica.write(
        shard: Int(number * 37) % Shard.count, key: UInt8(number), isDead: false, value: number)
    }
    #expect(cluster.run(atMost: 10_000) { cluster.haveConverged })
    cluster.run(milliseconds: 1_000)
    cluster.join(through: 0)
    cluster.run(milliseconds: 400)
    #expect(!cluster.hosts[2].node.isReady)
    cluster.crash(0)
    #expect(cluster.run(atMost: 60_000) { cluster.hosts[2].node.isReady })
    #expect(cluster.hosts[2].replica.live == cluster.hosts[1].replica.live)
  }

  @Test("a joining node asks each member before it asks one again: only one may have anything")
  func asksAll() {
    var filling = Filling()
    let peers = (1...4 as ClosedRange<UInt64>).map { number in
      ReplicationPeer(
        Neighbour(
          id: NodeID(number), boot: 1, endpoint: Endpoint(host: [], port: 1), isReachable: true),
        outbox: Outbox())
    }
    filling.prefer(NodeID(3))
    var asked: [UInt64] = []
    for _ in 0..<8 {
      guard let source = filling.choose(from: peers) else { continue }
      asked.append(source.rawValue)
      filling.refused(by: source)
    }
    #expect(asked == [3, 1, 2, 4, 3, 1, 2, 4])
  }

  @Test("a tombstone stays while a member is down, and goes when it is back")
  func collection() {
    let cluster = TestCluster(3, seed: 7)
    _ = cluster.hosts[0].replica.write(shard: 3, key: 1, isDead: false, value: 1)
    #expect(cluster.run(atMost: 3_000) { cluster.haveConverged })
    cluster.crash(2)
    _ = cluster.hosts[1].replica.write(shard: 3, key: 1, isDead: true, value: 0)
    cluster.run(milliseconds: 3_000)
    #expect(cluster.hosts[0].replica.tombstones == 1)
    #expect(cluster.hosts[0].node.collectionBlocker == TestCluster.id(2))
    cluster.restart(2)
    #expect(cluster.run(atMost: 10_000) { cluster.tombstones == 0 })
    #expect(cluster.haveConverged)
    #expect(cluster.hosts[2].replica.live.isEmpty)
  }

  @Test("who is down holds back the tombstones of its absence, is named, and goes with its removal")
  func heldBack() {
    let cluster = TestCluster(3, seed: 17)
    for key in 1...3 as ClosedRange<UInt8> {
      _ = cluster.hosts[0].replica.write(shard: 3, key: key, isDead: false, value: 1)
    }
    _ = cluster.hosts[0].replica.write(shard: 3, key: 9, isDead: true, value: 0)
    #expect(cluster.run(atMost: 10_000) { cluster.tombstones == 0 && cluster.haveConverged })
    #expect(cluster.hosts[0].node.collectionBlocker == nil)
    cluster.crash(2)
    for key in 1...2 as ClosedRange<UInt8> {
      _ = cluster.hosts[1].replica.write(shard: 3, key: key, isDead: true, value: 0)
    }
    cluster.run(milliseconds: 3_000)
    for index in 0...1 {
      let node = cluster.hosts[index].node
      #expect(cluster.hosts[index].replica.tombstones == 2)
      #expect(node.collectionBlocker == TestCluster.id(2))
      #expect(node.peers.map(\.heldTombstones) == [0, 2])
    }
    cluster.hosts[2].isMember = false
    cluster.updateAll()
    #expect(
      cluster.run(atMost: 3_000) {
        (0...1).allSatisfy { cluster.hosts[$0].replica.tombstones == 0 }
      })
    #expect(cluster.hosts[0].node.collectionBlocker == nil)
    #expect(cluster.hosts[0].replica.live.count == 1 && cluster.haveConverged)
  }

  @Test("nobody takes what a member without room could not keep for delivered")
  func noRoom() {
    let cluster = TestCluster(2, seed: 8)
    cluster.run(milliseconds: 50)
    cluster.hosts[1].replica.hasRoom = false
    _ = cluster.hosts[0].replica.write(shard: 3, key: 1, isDead: false, value: 1)
    cluster.run(milliseconds: 2_000)
    #expect(cluster.hosts[0].acknowledged.isEmpty)
    cluster.hosts[1].replica.hasRoom = true
    #expect(cluster.run(atMost: 5_000) { !cluster.hosts[0].acknowledged.isEmpty })
    #expect(cluster.haveConverged)
  }

  @Test("content that differs under equal clocks is noticed, counted and mended")
  func verification() {
    let cluster = TestCluster(2, seed: 9)
    _ = cluster.hosts[0].replica.write(shard: 3, key: 1, isDead: false, value: 1)
    #expect(cluster.run(atMost: 3_000) { cluster.haveConverged })
    cluster.run(milliseconds: 1_000)
    #expect(cluster.hosts.allSatisfy { $0.node.counters.repairs == 0 })
    #expect(cluster.hosts.contains { $0.node.counters.verifiedShards > 0 })
    cluster.hosts[1].replica.lose(shard: 3, key: 1)
    #expect(cluster.run(atMost: 5_000) { cluster.haveConverged })
    #expect(cluster.hosts[1].replica.live.count == 1)
    #expect(cluster.hosts[1].node.counters.repairs == 1)
    #expect(cluster.hosts[1].logLines.count == 1)
  }

  @Test("bytes that are no message are refused and change nothing")
  func nonsense() {
    var random = SeededRandom(seed: 10)
    let own = Incarnated(node: NodeID(1), boot: 1)
    var replica = TestReplica(own: own)
    var node = Replication(
      own: own, settings: .small, isReady: true, now: Instant(nanoseconds: 0))
    let other = Incarnated(node: NodeID(2), boot: 1)
    node.update(
      [
        Neighbour(id: other.node, boot: 1, endpoint: Endpoint(host: [], port: 1), isReachable: true)
      ],
      memberDigest: 1, source: nil)
    for number in 0..<20_000 as Range<UInt64> {
      var effects: [Effect] = []
      var bytes: [UInt8] = [2, 1, UInt8(random.next(below: 7))]
      for _ in 0..<random.next(below: 40) {
        bytes.append(UInt8(random.next(below: random.next(below: 4) == 0 ? 256 : 4)))
      }
      if random.next(below: 20) == 0 {
        bytes = Array(bytes.prefix(Int(random.next(below: 4))))
      }
      node.request(
        RequestID(number), bytes, from: other, now: Instant(nanoseconds: 0), replica: &replica,
        effects: &effects)
      #expect(effects.count == 1)
    }
    #expect(replica.live.isEmpty)
    #expect(replica.tombstones == 0)
    #expect(node.counters.refusedRequests > 0)
  }

  // MARK: Back after an absence

  private func write(_ count: UInt32, to index: Int, _ cluster: TestCluster) {
    for number in 0..<count {
      _ = cluster.hosts[index].replica.write(
        shard: Int(number % 30), key: UInt8(number), isDead: false, value: number)
      cluster.run(milliseconds: 5)
    }
  }

  @Test("a node that was away is not ready before it has what it missed; others are all the time")
  func catchUp() {
    let cluster = TestCluster(2, seed: 31)
    #expect(cluster.run(atMost: 2_000) { cluster.hosts.allSatisfy { $0.node.catchUp == nil } })
    cluster.crash(1)
    write(60, to: 0, cluster)
    cluster.run(milliseconds: 200)
    #expect(cluster.hosts[0].node.lag(of: 0) == 60, "a member that does not answer lags too")
    cluster.restart(1)
    #expect(cluster.hosts[1].node.catchUp != nil)
    let isBack = cluster.run(atMost: 20_000) {
      #expect(cluster.hosts[0].node.catchUp == nil)
      return cluster.hosts[1].node.catchUp == nil
    }
    #expect(isBack && cluster.haveConverged)
  }

  @Test("a node that finds nobody is ready after a while")
  func nobody() {
    let cluster = TestCluster(2, seed: 32)
    cluster.run(milliseconds: 1_000)
    cluster.crash(0)
    cluster.crash(1)
    cluster.restart(1)
    cluster.run(milliseconds: cluster.settings.catchUpMilliseconds - 500)
    #expect(cluster.hosts[1].node.catchUp != nil)
    cluster.run(milliseconds: 1_000)
    #expect(cluster.hosts[1].node.catchUp == nil)
  }

  @Test("after a split, or a standstill, who lacks much catches up; who lacks little is ready")
  func meetAgain() {
    var settings = ClusterSettings.small
    settings.catchUpEntriesMin = 40
    let cluster = TestCluster(2, seed: 33, settings: settings)
    cluster.run(milliseconds: 2_000)
    cluster.split(0, 1)
    write(60, to: 0, cluster)
    write(3, to: 1, cluster)
    cluster.healAll()
    var wasCatchingUp = false
    let hasConverged = cluster.run(atMost: 20_000) {
      #expect(cluster.hosts[0].node.catchUp == nil)
      if cluster.hosts[1].node.catchUp != nil { wasCatchingUp = true }
      return cluster.haveConverged && cluster.hosts[1].node.catchUp == nil
    }
    #expect(hasConverged && wasCatchingUp)
  }
}
