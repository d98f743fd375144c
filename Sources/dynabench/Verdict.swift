import Platform

/// How a run ends for the one that started it.
enum Verdict {
  /// Exit code 0 where everything was answered well, 1 where the node went away, 65 otherwise.
  static func exit(_ result: RunResult) -> Never {
    if result.failure != nil { Machine.exit(.cannotStart) }
    exit(isGood: result.isGood)
  }

  static func exit(isGood: Bool) -> Never {
    Machine.exit(isGood ? .success : .damagedData)
  }
}
