import Simulation
import Testing

@Suite("Simulation: worlds")
struct WorldTests {
  @Test("nothing goes wrong in a world without faults", arguments: 1...3)
  func noFaults(hosts: Int) {
    var profile = Profile()
    profile.hosts = hosts
    profile.safetySeconds = 10
    let outcome = Simulation.run(seed: UInt64(hosts), profile: profile)
    #expect(outcome.violation == nil)
    #expect(outcome.writes > 10)
  }

  @Test("nothing goes wrong in worlds with faults", arguments: [11, 12, 13] as [UInt64])
  func faults(seed: UInt64) {
    var profile = Profile(seed: seed)
    profile.safetySeconds = 15
    #expect(Simulation.run(seed: seed, profile: profile).violation == nil)
  }

  @Test("a seed that once found something finds nothing any more", arguments: Seeds.failed)
  func failedOnce(entry: Seeds.Entry) throws {
    if Program.path == nil {
      let outcome = Simulation.run(seed: entry.seed, profile: Profile(seed: entry.seed))
      #expect(outcome.violation == nil)
    } else {
      let (status, text) = try Program.run(["replay", "--seed", "\(entry.seed)"])
      #expect(status == 0, "\(text)")
    }
  }

  @Test("each seed draws faults of its own, about half of them")
  func swarm() {
    var total = 0
    for seed in 1...100 as ClosedRange<UInt64> {
      total += Profile(seed: seed).faults.rawValue.nonzeroBitCount
    }
    let expected = 100 * Fault.allCases.count / 2
    #expect(abs(total - expected) < expected / 5)
  }
}
