import Bytes
import Store
import Testing

@testable import Cluster

@Suite("Replication under faults") struct ReplicationChaosTests {
  /// What became of one run.
  private struct Outcome {
    var failure: String?
    var repairs: UInt64 = 0
    var queueBytesMax = 0
  }

  /// Writes, deletes, loss, splits and crashes for a while; then everything heals and must agree.
  private func run(seed: UInt64, mutant: Mutant = .none) -> Outcome {
    var settings = ClusterSettings.small
    settings.mutant = mutant
    settings.collectMilliseconds = 100
    let cluster = TestCluster(3, seed: seed, settings: settings)
    var random = SeededRandom(seed: seed &* 77 &+ 1)
    cluster.lossPercent = random.next(below: 3) == 0 ? 0 : random.next(below: 30)
    cluster.commitMax = 1 + random.next(below: 200)
    cluster.delayMax = 1 + random.next(below: 100)
    for host in cluster.hosts { host.replica.wallMilliseconds += random.next(below: 3_000) }
    let hasCrashes = random.next(below: 2) == 0
    let hasSplits = random.next(below: 2) == 0
    var issued: [[String]: TestWrite] = [:]
    var outcome = Outcome()

    for _ in 0..<120 {
      let index = Int(random.next(below: UInt64(cluster.hosts.count)))
      if cluster.hosts[index].isUp {
        for _ in 0..<random.next(below: 4) {
          let write = cluster.hosts[index].replica.write(
            shard: Int(random.next(below: 2)), key: UInt8(random.next(below: 3)),
            isDead: random.next(below: 3) == 0, value: UInt32(random.next(below: 1 << 30)))
          issued[["\(write.stamp)"]] = write
        }
      }
      switch random.next(below: 12) {
      case 0 where hasSplits: cluster.split(0, 1 + Int(random.next(below: 2)))
      case 1 where hasSplits: cluster.healAll()
      case 2 where hasCrashes: if cluster.hosts[index].isUp { cluster.crash(index) }
      case 3, 4:
        if let down = cluster.hosts.firstIndex(where: { !$0.isUp }) {
          cluster.restart(
            down,
            wallMilliseconds: cluster.hosts[down].replica.wallMilliseconds
              &- random.next(below: 2) * random.next(below: 5_000))
        }
      case 5 where cluster.hosts.count == 3 && random.next(below: 4) == 0:
        cluster.join(through: 0)
      default: break
      }
      cluster.run(milliseconds: random.next(below: 150))
      for host in cluster.hosts {
        outcome.queueBytesMax = max(
          outcome.queueBytesMax, host.node.outbox.byteCount(from: host.node.outbox.start))
      }
    }

    // From here on everything works.
    let durable = durableWrites(of: cluster)
    cluster.lossPercent = 0
    for index in cluster.hosts.indices where !cluster.hosts[index].isUp { cluster.restart(index) }
    cluster.healAll()
    let ends = cluster.run(atMost: 20_000) {
      cluster.haveConverged && cluster.tombstones == 0
        && cluster.hosts.allSatisfy { $0.node.isReady }
    }
    outcome.repairs = cluster.hosts.reduce(0) { $0 + $1.node.counters.repairs }
    if !ends {
      outcome.failure =
        cluster.haveConverged ? "tombstones stay, or nobody is ready" : "the nodes differ"
    } else {
      let live = cluster.hosts[0].replica.live
      for (place, write) in durable {
        let stays = live[place]
        if let stays, stays.stamp < write.stamp { outcome.failure = "an older write is back" }
        if stays == nil, !write.isDead,
          !issued.values.contains(where: {
            "\($0.shard)/\($0.key)" == place && $0.isDead && $0.stamp > write.stamp
          })
        {
          outcome.failure = "a durable write is lost"
        }
      }
    }
    return outcome
  }

  /// The greatest durable write of each key, wherever it was made.
  private func durableWrites(of cluster: TestCluster) -> [String: TestWrite] {
    var greatest: [String: TestWrite] = [:]
    for host in cluster.hosts {
      for item in host.replica.log.prefix(Int(host.replica.committed)) {
        guard case .write(let write) = item else { continue }
        let place = "\(write.shard)/\(write.key)"
        if let other = greatest[place], other.stamp >= write.stamp { continue }
        greatest[place] = write
      }
    }
    return greatest
  }

  @Test(
    "whatever is lost, split or crashes: all agree in the end, and nothing durable is lost or back",
    arguments: 0..<12 as Range<UInt64>)
  func converges(part: UInt64) {
    for seed in part * 2..<part * 2 + 2 {
      let outcome = run(seed: seed)
      #expect(outcome.failure == nil, "seed \(seed)")
      #expect(outcome.repairs == 0, "seed \(seed)")
      #expect(outcome.queueBytesMax <= 16 * TestWrite.entryBytes, "seed \(seed)")
    }
  }

  @Test("the same seed gives the same run")
  func deterministic() {
    let (one, other) = (run(seed: 3), run(seed: 3))
    #expect(one.queueBytesMax == other.queueBytesMax)
    #expect(one.failure == other.failure)
  }

  @Test(
    "a broken rule is noticed within some seeds",
    arguments: [Mutant.dropWithoutPull, .mergeBeforeEnd])
  func mutants(mutant: Mutant) {
    let isKilled = (0..<60 as Range<UInt64>).contains { seed in
      let outcome = run(seed: seed, mutant: mutant)
      return outcome.failure != nil || outcome.repairs > 0
    }
    #expect(isKilled)
  }
}
