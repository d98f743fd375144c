import Bytes
import Platform

/// `dynabench get`: reads random keys.
enum Get {
  static func run(_ words: [String]) -> Never {
    let options = Options.orFail(
      words, verb: "get",
      taking: [
        .connections, .pipeline, .seconds, .keys, .table, .token, .user, .secret, .rate, .pid,
        .json,
      ])
    let shape = options.shape(connections: 64, pipeline: 1)
    let text = RequestText(
      address: options.address, table: options.table, token: options.authorization())
    let measurement = Measurement.run(
      RandomReads(text, keys: options.keys, seed: SystemClock.monotonic().nanoseconds),
      options: options, shape: shape, seconds: options.seconds, rate: options.rate)

    var report = Report(
      verb: "get", address: options.address,
      title: "\(options.keys) keys, \(shape.title(rate: options.rate))")
    report.requests(measurement.result)
    report.outcome(measurement)
    report.say(asJSON: options.wantsJSON)
    Verdict.exit(measurement.result)
  }
}

extension LoopShape {
  /// The load in words.
  func title(rate: Int?) -> String {
    let flight = pipeline == 1 ? "" : ", \(pipeline) requests in flight on each"
    let pace = rate.map { ", \($0) requests a second" } ?? ""
    return "\(connections) connections\(flight)\(pace)"
  }
}
