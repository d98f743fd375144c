import Foundation

/// The seeds that a test of crashes tries. `DYNA_TEST_SEEDS=400-500 swift test` tries others, for a
/// long run; a seed that ever failed is added to `failed` in the commit that fixes it.
enum Seeds {
  static let failed: [UInt64] = []

  static func first(_ count: UInt64) -> [UInt64] {
    if let range = ProcessInfo.processInfo.environment["DYNA_TEST_SEEDS"] {
      let ends = range.split(separator: "-").compactMap { UInt64($0) }
      if ends.count == 2, ends[0] <= ends[1] { return Array(ends[0]...ends[1]) }
    }
    return failed + Array(0..<count)
  }
}
