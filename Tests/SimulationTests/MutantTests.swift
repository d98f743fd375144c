import Cluster
import Simulation
import Testing

@Suite("Simulation: mutants")
struct MutantTests {
  @Test("every mutant of the protocol has a trial")
  func everyMutant() {
    let tried = MutantTrial.all.map { $0.mutant } + MutantTrial.harmless.map { $0.mutant }
    for mutant in Mutant.allCases where mutant != .none {
      #expect(tried.contains(mutant), "\(mutant)")
    }
  }

  @Test("every invariant is the one that notices some mutant")
  func everyInvariant() {
    let noticing = MutantTrial.all.compactMap { $0.invariants.first }
    for invariant in Invariant.allCases { #expect(noticing.contains(invariant), "\(invariant)") }
  }

  @Test(
    "every mutant is noticed within its seeds",
    .enabled(if: Program.path != nil, "DYNASIM_BINARY names a built dynasim"),
    arguments: MutantTrial.all.map { "\($0.mutant)" })
  func killed(mutant: String) throws {
    let (status, text) = try Program.run(["mutants", "--only", mutant])
    #expect(status == 0, "\(text)")
  }
}
