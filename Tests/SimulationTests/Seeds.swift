import Testing

/// Seeds that once found something, each with what it was. They run with every test run, optimised
/// where `DYNASIM_BINARY` names a built `dynasim`.
///
/// What a seed means follows from the order in which a world draws: a change of that order makes an
/// entry an ordinary seed, and it may then go.
enum Seeds {
  struct Entry: Sendable, CustomTestStringConvertible {
    let seed: UInt64
    let reason: String
    var testDescription: String { "\(seed): \(reason)" }
  }

  static let failed: [Entry] = [
    Entry(seed: 1, reason: "positions acknowledged that were written before there was a peer"),
    Entry(
      seed: 2, reason: "a node that had moved took its old address for a twin, and stopped"),
    Entry(seed: 3, reason: "a node was ready after pulling from one that was not"),
    Entry(seed: 13, reason: "a deadline in the past made the host spin"),
    Entry(
      seed: 5223, reason: "a write lost in a crash lived on with a peer that had pulled it early"),
    Entry(
      seed: 900_003_699,
      reason: "a simulated host with a full disk admitted a node before it had saved that"),
    Entry(
      seed: 500_000_797,
      reason: "a node filled by one that had just become ready was held against the others"),
    Entry(
      seed: 910_000_241,
      reason: "nodes that were not ready asked each other in turn, and never the one that was"),
    Entry(
      seed: 920_000_604,
      reason: "a write lost in a crash came back from a peer, and counted as never lost"),
    Entry(
      seed: 930_000_509,
      reason: "a node that had just been filled gave away the clocks of before"),
    Entry(
      seed: 710_000_315,
      reason: "a node that had been alone filled another one by an advert from before that"),
    Entry(
      seed: 711_000_117,
      reason: "a node whose members were all removed waited to be let in after its restart"),
    Entry(
      seed: 714_000_039,
      reason: "the same, with a third node that could not join through it"),
    Entry(
      seed: 734_003_079,
      reason: "a list of members that was saved in a crash counted as not saved"),
    Entry(
      seed: 737_001_730,
      reason: "a newcomer was let in by a member that the others had removed"),
    Entry(
      seed: 973_000_143,
      reason: "machines that all moved had only the name of one that an operator took away"),
    Entry(
      seed: 974_001_061,
      reason: "a machine of a healed world took a minute to come back, twice"),
    Entry(
      seed: 1_795_243_823_541,
      reason: "a node that joined with its clock behind wrote before a delete that was collected"),
  ]
}
