import Bytes
import Store
import Testing

@testable import Cluster

@Suite("Replication: the pace of pulls")
struct PaceTests {
  private static let start: UInt64 = 5_000_000_000

  private func instant(milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: Self.start + milliseconds * 1_000_000)
  }

  // MARK: The pace itself

  @Test(
    "a million bytes take the time that they are allowed, whatever their pieces",
    arguments: [(100_000, 1_000), (100_000, 60_000), (1_000_000, 300_000), (4_000_000, 4_096)])
  func rate(bytesPerSecond: UInt64, piece: Int) throws {
    var pace = Pace(bytesPerSecond: bytesPerSecond)
    var now = instant(milliseconds: 0)
    var sent = 0
    // Without what a pause has saved up.
    while pace.mayGo(reserving: 0, at: now) { pace.spend(piece, at: now) }
    now = try #require(pace.opensAt(reserving: 0, at: now))
    let began = now
    while sent < 1_000_000 {
      #expect(pace.mayGo(reserving: 0, at: now))
      pace.spend(piece, at: now)
      sent += piece
      if let next = pace.opensAt(reserving: 0, at: now) {
        #expect(next > now)
        now = next
      }
    }
    let expected = UInt64(sent) * 1_000_000_000 / bytesPerSecond
    let taken = now.nanoseconds - began.nanoseconds
    #expect(taken >= expected && taken <= expected + expected / 1_000)
  }

  @Test("after a pause a quarter of a second's bytes go at once, and no more after a long one")
  func burst() {
    for pause in [250, 100_000] as [UInt64] {
      var pace = Pace(bytesPerSecond: 1_000_000)
      let now = instant(milliseconds: pause)
      var sent = 0
      while pace.mayGo(reserving: 0, at: now) {
        pace.spend(1_000, at: now)
        sent += 1_000
      }
      #expect(sent == 251_000)
    }
  }

  @Test("what is on its way is counted; what no pause pays for waits for it to come, not for time")
  func reserved() throws {
    var pace = Pace(bytesPerSecond: 1_000_000)
    let now = instant(milliseconds: 1_000)
    #expect(pace.mayGo(reserving: 250_000, at: now))
    #expect(!pace.mayGo(reserving: 250_001, at: now))
    #expect(pace.opensAt(reserving: 250_001, at: now) == nil)
    pace.spend(200_000, at: now)
    #expect(!pace.mayGo(reserving: 60_000, at: now))
    let opens = try #require(pace.opensAt(reserving: 60_000, at: now))
    #expect(opens == instant(milliseconds: 1_010))
    #expect(pace.mayGo(reserving: 60_000, at: opens))
  }

  @Test("without a bound everything goes at once")
  func unbounded() {
    var pace = Pace(bytesPerSecond: 0)
    pace.spend(Int.max, at: instant(milliseconds: 0))
    #expect(pace.mayGo(reserving: Int.max, at: instant(milliseconds: 0)))
    #expect(pace.opensAt(reserving: Int.max, at: instant(milliseconds: 0)) == nil)
  }

  // MARK: Nodes

  /// Two nodes, one with so many records; the time that a third one takes to be filled by them.
  private func join(records: UInt32, _ change: (inout ClusterSettings) -> Void) throws -> UInt64 {
    var settings = ClusterSettings.small
    settings.pullBytesMax = 1_000
    settings.pullTimeoutMilliseconds = 2_000
    settings.pullShardsMax = 64
    change(&settings)
    let cluster = TestCluster(2, seed: 41, settings: settings)
    cluster.commitMax = 2
    cluster.delayMax = 2
    for number in 0..<records {
      _ = cluster.hosts[0].replica.write(
        shard: Int(number / 200), key: UInt8(number % 200), isDead: false, value: number)
    }
    #expect(cluster.run(atMost: 60_000) { cluster.haveConverged })
    cluster.run(milliseconds: 2_000)
    let began = cluster.milliseconds
    cluster.join(through: 0)
    // Seen turn by turn: a deadline that is missed would show as time.
    while cluster.hosts[2].becameReadyAt == nil, cluster.milliseconds < began + 120_000 {
      cluster.run(milliseconds: 10)
    }
    #expect(cluster.hosts[2].replica.live == cluster.hosts[0].replica.live)
    return try #require(cluster.hosts[2].becameReadyAt) - began
  }

  @Test("a joining node is filled at the bound, neither faster nor much slower")
  func bounded() throws {
    let unbounded = try join(records: 2_000) { $0.pullBytesPerSecond = 0 }
    #expect(unbounded < 4_000, "\(unbounded) ms")
    let bytes = 2_000 * TestWrite.entryBytes
    let bound = UInt64(bytes) / 12
    let taken = try join(records: 2_000) { $0.pullBytesPerSecond = bound }
    // Twelve seconds of records, and the heads of 1024 shards; a quarter of a second is free.
    #expect((11_500...14_500).contains(taken), "\(taken) ms")
  }

  @Test("a bound far beyond what there is changes nothing")
  func loose() throws {
    let unbounded = try join(records: 500) { $0.pullBytesPerSecond = 0 }
    let loose = try join(records: 500) { $0.pullBytesPerSecond = 64_000_000 }
    #expect(loose == unbounded)
  }

  @Test("a page that is longer than what a pause saves up is paid for afterwards")
  func longPages() throws {
    let bytes = UInt64(1_000 * TestWrite.entryBytes)
    let taken = try join(records: 1_000) {
      $0.pullBytesPerSecond = bytes / 6
      $0.pullBytesMax = Int(bytes / 8)
      $0.pullsMax = 4
    }
    #expect((5_000...9_000).contains(taken), "\(taken) ms")
  }
}
