/// A run of a RequestLoop, and what the node's process spent meanwhile.
struct Measurement {
  let result: RunResult
  /// User and system time of the node during the run; nil without `--pid`, or where it is gone.
  let cpuMicroseconds: Int?
  /// Memory of the node at the end.
  let residentKibibytes: Int?

  /// Opens the connections, lets the clock run, and ends the process where the node cannot be
  /// reached.
  static func run<Source: RequestSource & ~Copyable>(
    _ source: consuming Source, options: Options, shape: LoopShape, seconds: Int? = nil,
    rate: Int? = nil
  ) -> Measurement {
    let server = options.server
    do throws(Mistake) {
      var loop = RequestLoop(
        to: options.address, shape: shape, source: source, poller: try Descriptors.poller())
      try loop.connect()
      let before = server?.cpuMicroseconds
      loop.run(seconds: seconds, rate: rate)
      let after = server?.cpuMicroseconds
      return Measurement(
        result: loop.result,
        cpuMicroseconds: before.flatMap { before in after.map { $0 - before } },
        residentKibibytes: server?.residentKibibytes)
    } catch {
      Console.fail(error.message)
    }
  }
}

extension Report {
  /// How many requests were answered, whatever the answer.
  mutating func requests(_ result: RunResult) {
    count("answered", "requests", result.answered)
    rounded("rps", "requests a second", result.perSecond(result.answered))
  }

  /// How many records the node has taken.
  mutating func records(_ result: RunResult) {
    count("loaded", "records", result.statuses.successes)
    rounded("rps", "records a second", result.perSecond(result.statuses.successes))
  }

  /// Latencies, errors, and what the run cost the node.
  mutating func outcome(_ measurement: Measurement) {
    let result = measurement.result
    number("seconds", "seconds", Double(result.elapsedNanoseconds) / 1e9, places: 3)
    latencies(result.latencies)
    count("errors", "errors", result.statuses.errors)
    statuses(result.statuses)
    if result.lost > 0 { count("lost", "lost", result.lost) }
    if result.unfinished > 0 { count("unfinished", "not answered in time", result.unfinished) }
    if result.reconnects > 0 { count("reconnects", "connections opened anew", result.reconnects) }
    if let cpu = measurement.cpuMicroseconds, result.answered > 0 {
      number(
        "us_req", "node's CPU a request", Double(cpu) / Double(result.answered), places: 2,
        unit: "µs")
    }
    if let kibibytes = measurement.residentKibibytes {
      number("rss_mib", "node's memory", Double(kibibytes) / 1_024, places: 1, unit: "MiB")
    }
    if let error = result.firstError { text("first_error", "first error", error) }
    if let failure = result.failure { text("failure", "ended early", failure) }
  }
}
