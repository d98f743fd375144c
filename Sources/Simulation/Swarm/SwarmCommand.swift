import Cluster

/// The verbs of `dynasim`.
public struct SwarmCommand {
  /// How many milliseconds have gone by since some start.
  let elapsed: () -> UInt64
  let print: (String) -> Void

  public init(elapsed: @escaping () -> UInt64, print: @escaping (String) -> Void) {
    self.elapsed = elapsed
    self.print = print
  }

  public static let help = """
    dynasim run [--seeds N] [--seconds S] [--first SEED] [--nodes N] [--full] [--mutant NAME]
      Lets worlds happen, one for each seed from SEED on, and stops at the first that goes wrong.
    dynasim replay --seed SEED [--nodes N] [--full] [--mutant NAME] [--trace]
      One world again, with a line for each event where asked for.
    dynasim mutants [--only NAME] [--first SEED]
      Breaks one rule of the protocol after the other, and expects to notice.
    """

  private struct Options {
    var seeds = 100
    var seconds: UInt64?
    var first: UInt64 = 1
    var nodes: Int?
    var isFull = false
    var mutant = Mutant.none
    var isTracing = false

    func profile(_ seed: UInt64) -> Profile {
      if isFull { return .full(seed: seed) }
      if let trial = MutantTrial.all.first(where: { $0.mutant == mutant }) {
        return trial.profile(seed: seed)
      }
      return Profile(seed: seed, hosts: nodes)
    }
  }

  /// - Returns: whether all went well; nil where the words make no sense.
  public func run(_ words: [String]) -> Bool? {
    guard let verb = words.first, let options = parse(Array(words.dropFirst())) else { return nil }
    switch verb {
    case "run": return sweep(options)
    case "replay": return replay(options)
    case "mutants": return killMutants(options)
    default: return nil
    }
  }

  private func parse(_ words: [String]) -> Options? {
    var options = Options()
    var index = 0
    while index < words.count {
      let name = words[index]
      let value = index + 1 < words.count ? words[index + 1] : ""
      index += 2
      switch name {
      case "--full": (options.isFull, index) = (true, index - 1)
      case "--trace": (options.isTracing, index) = (true, index - 1)
      case "--mutant", "--only":
        guard let mutant = Mutant.allCases.first(where: { "\($0)" == value }) else { return nil }
        options.mutant = mutant
      default:
        guard let number = UInt64(value) else { return nil }
        switch name {
        case "--seeds": options.seeds = Int(clamping: number)
        case "--seconds": options.seconds = number
        case "--first", "--seed": options.first = number
        case "--nodes": options.nodes = max(1, min(9, Int(clamping: number)))
        default: return nil
        }
      }
    }
    return options
  }

  // MARK: Verbs

  private func sweep(_ options: Options) -> Bool {
    let start = elapsed()
    var done = 0
    var (events, writes) = (0, 0)
    let limit = options.seconds.map { $0 * 1000 }
    while limit.map({ elapsed() - start < $0 }) ?? (done < options.seeds) {
      let seed = options.first + UInt64(done)
      let outcome = Simulation.run(
        seed: seed, profile: options.profile(seed), mutant: options.mutant)
      done += 1
      events += outcome.events
      writes += outcome.writes
      if let violation = outcome.violation {
        tell(outcome, violation)
        print("replay: dynasim replay --seed \(seed)\(suffix(options)) --trace")
        return false
      }
    }
    let milliseconds = max(1, elapsed() - start)
    print(
      """
      seeds \(options.first)…\(options.first + UInt64(max(done, 1)) - 1): \(done) worlds, \
      \(writes) writes, \
      \(events) events, nothing went wrong; \(UInt64(done) * 60_000 / milliseconds) worlds a minute
      """)
    return true
  }

  private func suffix(_ options: Options) -> String {
    var text = options.isFull ? " --full" : ""
    if let nodes = options.nodes { text += " --nodes \(nodes)" }
    if options.mutant != .none { text += " --mutant \(options.mutant)" }
    return text
  }

  private func replay(_ options: Options) -> Bool {
    let outcome = Simulation.run(
      seed: options.first, profile: options.profile(options.first), mutant: options.mutant,
      print: options.isTracing ? print : nil)
    if let violation = outcome.violation { tell(outcome, violation) }
    print(
      """
      seed \(outcome.seed): digest \(String(outcome.digest, radix: 16)), \(outcome.events) events, \
      \(outcome.writes) writes, healed in \(outcome.healingTime / Duration64.millisecond) ms
      """
    )
    return outcome.violation == nil
  }

  private func tell(_ outcome: Simulation.Outcome, _ violation: Violation) {
    print("seed \(outcome.seed) breaks: \(violation.invariant.rawValue)")
    print("  at \(violation.time / Duration64.millisecond) ms: \(violation.detail)")
    print("  world: \(outcome.profile.description)")
  }

  private func killMutants(_ options: Options) -> Bool {
    var survivors = 0
    for trial in MutantTrial.all where options.mutant == .none || trial.mutant == options.mutant {
      if !kill(trial, from: options.first) { survivors += 1 }
    }
    return survivors == 0
  }

  /// Runs a mutant until the invariant that is there for it notices it.
  private func kill(_ trial: MutantTrial, from first: UInt64) -> Bool {
    let start = elapsed()
    for number in 0..<trial.seedsMax {
      let seed = first + UInt64(number)
      let outcome = Simulation.run(
        seed: seed, profile: trial.profile(seed: seed), mutant: trial.mutant)
      guard let violation = outcome.violation else { continue }
      if violation.invariant == trial.invariants.first {
        print(
          """
          \(trial.mutant): killed by seed \(number + 1) of \(trial.seedsMax), \
          \(elapsed() - start) ms: \(violation.invariant.rawValue)
          """
        )
        return true
      }
      guard trial.invariants.contains(violation.invariant) else {
        print("\(trial.mutant): killed by WHAT WAS NOT EXPECTED")
        tell(outcome, violation)
        return false
      }
    }
    print("\(trial.mutant): SURVIVED \(trial.seedsMax) seeds, \(elapsed() - start) ms")
    return false
  }
}
