/// How the hashes of a test's keys are spread: evenly, and in the ways that hurt a hash table.
enum HashShape: CaseIterable {
  case even
  /// One hash for all keys.
  case constant
  /// All in the last place: everything is pushed into the tail of the table.
  case lastPlace
  /// All in the first place.
  case firstPlace
  /// Sixteen places, whole bits of the rest.
  case fewPlaces
  /// Neighbouring places: one long run.
  case neighbours

  func hash(_ number: UInt64) -> UInt64 {
    var random = TestRandom(seed: number)
    let even = random.next()
    switch self {
    case .even: return even
    case .constant: return 0x1234_5678_9abc_def0
    case .lastPlace: return even | 0xffff_f000_0000_0000
    case .firstPlace: return even & 0x0000_0fff_ffff_ffff
    case .fewPlaces: return even & 0xf000_0fff_ffff_ffff
    case .neighbours: return even & 0x0000_0fff_ffff_ffff | (0x7_0000 + number) << 44
    }
  }
}
