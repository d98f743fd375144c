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

  static let failed: [Entry] = []
}
