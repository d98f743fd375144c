import Bytes
import Cluster

extension Profile {
  /// The protocol's numbers in this world: some things happen oftener than in the product, or no
  /// world would live to see them; and half of the worlds have limits that every few writes meet.
  func clusterSettings(mutant: Mutant) -> ClusterSettings {
    var settings = ClusterSettings()
    settings.mutant = mutant
    settings.collectMilliseconds = 2000
    settings.idleAdvertMilliseconds = 2000
    settings.verifyMilliseconds = 1500
    settings.verifyShardsMax = 1024
    // The simulated log takes no longer batch.
    settings.pushBytesMax = 32 << 10
    if isHasty {
      settings.advertMilliseconds = 100
      settings.idleAdvertMilliseconds = 200
      settings.collectMilliseconds = 150
    }
    guard hasSmallLimits else { return settings }
    var random = SeededRandom(seed: limitsSeed)
    settings.pushEntriesMax = random.int(1...4)
    settings.pushBytesMax = [1, 300, 32 << 10][random.index(below: 3)]
    settings.pushWindow = random.int(1...3)
    settings.queueEntriesMax = random.int(1...6)
    settings.queueBytesMax = [200, 2000, 8 << 20][random.index(below: 3)]
    settings.pushesWaitingMax = random.int(1...4)
    settings.pullsMax = random.int(1...3)
    settings.pullShardsMax = [16, 256, 1024][random.index(below: 3)]
    settings.pullBytesMax = [120, 300, 2000][random.index(below: 3)]
    settings.clocksBytesMax = [200, 512 << 10][random.index(below: 2)]
    if !isHasty {
      settings.advertMilliseconds = UInt64(random.int(200...1500))
      settings.collectMilliseconds = UInt64(random.int(300...3000))
    }
    settings.pushTimeoutMilliseconds = UInt64(random.int(500...5000))
    // The last draw, so that the others mean what they did before it was made.
    settings.pullBytesPerSecond = [0, 5_000, 20_000, 100_000][random.index(below: 4)]
    return settings
  }
}
