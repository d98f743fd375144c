import Bytes
import Platform

/// `dynabench put`: writes random keys.
enum Put {
  static func run(_ words: [String]) -> Never {
    let options = Options.orFail(
      words, verb: "put",
      taking: [
        .connections, .pipeline, .seconds, .keys, .valueBytes, .table, .token, .user, .secret,
        .rate, .pid, .json,
      ])
    let shape = options.shape(connections: 64, pipeline: 1)
    let text = RequestText(
      address: options.address, table: options.table, token: options.requiredAuthorization())
    let source = SampleWrites(
      text, keys: options.keys, valueBytes: options.valueBytes,
      seed: SystemClock.monotonic().nanoseconds)
    let measurement = Measurement.run(
      source, options: options, shape: shape, seconds: options.seconds, rate: options.rate)

    var report = Report(
      verb: "put", address: options.address,
      title:
        "\(options.keys) keys, values of \(options.valueBytes) bytes, "
        + shape.title(rate: options.rate))
    report.requests(measurement.result)
    report.outcome(measurement)
    report.say(asJSON: options.wantsJSON)
    Verdict.exit(measurement.result)
  }
}
