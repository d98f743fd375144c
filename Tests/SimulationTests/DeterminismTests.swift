import Foundation
import Simulation
import Testing

@Suite("Simulation: determinism")
struct DeterminismTests {
  /// What depends on the process, the machine or the moment. Sets and dictionaries are named as a
  /// whole: their order changes from process to process, and a loop over one is easily overlooked.
  private static let forbidden = [
    #"\bDictionary\b"#, #"\bSet<"#, #"\[:\]"#, #":\s*\[\w+(\.\w+)*:\s"#, #"\bhashValue\b"#,
    #"\bHasher\b"#, #"\bshuffled\("#, #"\bshuffle\("#, #"\brandomElement\b"#,
    #"\b(Int|UInt64|UInt32|UInt8|Double|Bool)\.random\b"#, #"\bSystemRandomNumberGenerator\b"#,
    #"\bContinuousClock\b"#, #"\bSuspendingClock\b"#, #"\bDate\("#, #"\bSystemClock\b"#,
    #"\bclock_gettime\b"#, #"\bTask\b\s*[{(]"#, #"\bDispatch"#,
  ]

  private static let sources = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources")

  @Test(
    "nothing that a world runs depends on the order of a hash, on a clock or on chance",
    arguments: ["Bytes", "Store", "Durability", "Cluster", "Simulation"])
  func nothingHidden(floor: String) throws {
    let patterns = try Self.forbidden.map { try Regex($0) }
    let folder = Self.sources.appending(path: floor)
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    var found: [String] = []
    while let file = files?.nextObject() as? URL {
      guard file.pathExtension == "swift" else { continue }
      let lines = try String(contentsOf: file, encoding: .utf8)
        .split(separator: "\n", omittingEmptySubsequences: false)
      for (number, line) in lines.enumerated() {
        let code = line.prefix { $0 != "/" }
        for (index, pattern) in patterns.enumerated() where code.contains(pattern) {
          found.append("\(file.lastPathComponent):\(number + 1) \(Self.forbidden[index])")
        }
      }
    }
    #expect(found.isEmpty)
  }

  @Test("a seed gives the same digest twice", arguments: [1, 2, 3] as [UInt64])
  func sameTwice(seed: UInt64) {
    var profile = Profile(seed: seed)
    profile.safetySeconds = 10
    let first = Simulation.run(seed: seed, profile: profile)
    let second = Simulation.run(seed: seed, profile: profile)
    #expect(first.digest == second.digest)
    #expect(first.events == second.events)
  }

  @Test("different seeds give different worlds")
  func differentSeeds() {
    var profile = Profile(seed: 1)
    profile.safetySeconds = 5
    #expect(
      Simulation.run(seed: 1, profile: profile).digest
        != Simulation.run(seed: 2, profile: profile).digest)
  }

  @Test(
    "a seed gives the same digest in two processes",
    .enabled(if: Program.path != nil, "DYNASIM_BINARY names a built dynasim"),
    arguments: UInt64(1)...20)
  func sameInTwoProcesses(seed: UInt64) throws {
    let first = try Program.run(["replay", "--seed", "\(seed)"])
    let second = try Program.run(["replay", "--seed", "\(seed)"])
    #expect(first.text.contains("digest"))
    #expect(first.text == second.text)
  }
}
