public import Cluster

/// Runs worlds.
public enum Simulation {
  public struct Outcome: Sendable {
    public let seed: UInt64
    public let profile: Profile
    /// Nil where everything held.
    public let violation: Violation?
    /// The same for the same seed, in every process.
    public let digest: UInt64
    public let events: Int
    public let writes: Int
    /// Nanoseconds of virtual time from the heal until all was equal.
    public let healingTime: UInt64
  }

  /// Lets the world of a seed happen. `print` is given a line for each event.
  public static func run(
    seed: UInt64, profile: Profile, mutant: Mutant = .none, print: ((String) -> Void)? = nil
  ) -> Outcome {
    let world = World(
      seed: seed, profile: profile, mutant: mutant, trace: Trace(print: print))
    world.run()
    return Outcome(
      seed: seed, profile: profile, violation: world.violation, digest: world.trace.digest,
      events: world.trace.events, writes: world.ledger.writes.count,
      healingTime: world.now - min(world.now, world.healedAt))
  }
}
