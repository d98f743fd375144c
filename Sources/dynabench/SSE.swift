import Bytes
import Platform

/// `dynabench sse`: subscribes many streams, publishes, and times every delivery.
enum SSE {
  /// Changes in flight: at the highest rates they are answered in batches.
  private static let publisherPipeline = 4_096
  /// Each stream costs this program about 400 bytes.
  private static let subscribersMax = 100_000

  static func run(_ words: [String]) -> Never {
    let options = Options.orFail(
      words, verb: "sse",
      taking: [
        .subscribers, .spreadKeys, .messages, .rate, .valueBytes, .table, .token, .user, .secret,
        .pid, .json,
      ])
    let plan = plan(options)
    do throws(Mistake) {
      try measure(plan, options)
    } catch {
      Console.fail(error.message)
    }
  }

  private static func plan(_ options: Options) -> StreamPlan {
    let subscribers = options.number(.subscribers, in: 1...subscribersMax) ?? 100
    return StreamPlan(
      subscribers: subscribers,
      spread: options.number(.spreadKeys, in: 1...subscribers) ?? 1,
      messages: options.number(.messages, in: 1...1_000_000) ?? 50,
      rate: options.number(.rate, in: 1...100_000) ?? 10,
      valueBytes: options.has(.valueBytes) ? options.valueBytes : 0)
  }

  private static func measure(_ plan: StreamPlan, _ options: Options) throws(Mistake) -> Never {
    let server = options.server
    try Descriptors.allow(plan.subscribers + 1)
    let text = RequestText(
      address: options.address, table: options.table, token: options.requiredAuthorization())
    var loop = StreamLoop(
      to: options.address, plan: plan, text: text,
      publisher: try publisher(options.address), poller: try Descriptors.poller())

    let idle = server?.residentKibibytes
    try loop.subscribe()
    let subscribed = server?.residentKibibytes
    let before = server?.cpuMicroseconds
    loop.run()
    let after = server?.cpuMicroseconds

    var report = Report(
      verb: "sse", address: options.address,
      title:
        "\(plan.subscribers) streams on \(plan.spread) key\(plan.spread == 1 ? "" : "s"), "
        + "\(plan.messages) changes, \(plan.rate) a second")
    report.streams(loop.result)
    if let before, let after, loop.result.delivered > 0 {
      report.number(
        "srv_us_per_delivery", "node's CPU a delivery",
        Double(after - before) / Double(loop.result.delivered), places: 3, unit: "µs")
    }
    if let idle, let subscribed {
      report.number(
        "rss_kib_per_stream", "node's memory a stream",
        Double(subscribed - idle) / Double(plan.subscribers), places: 2, unit: "KiB")
      report.number("rss_mib", "node's memory", Double(subscribed) / 1_024, places: 1, unit: "MiB")
    }
    report.say(asJSON: options.wantsJSON)
    if loop.result.failure != nil { Machine.exit(.cannotStart) }
    Verdict.exit(isGood: loop.result.isGood)
  }

  private static func publisher(_ address: Address) throws(Mistake) -> Connection {
    do throws(ConnectFailure) {
      return Connection(wire: try address.connect(), pipeline: publisherPipeline)
    } catch {
      throw Mistake("\(address.text) cannot be reached: \(error)")
    }
  }
}

extension Report {
  mutating func streams(_ result: StreamResult) {
    count("published", "changes published", result.published)
    count("expected", "deliveries expected", result.expected)
    count("delivered", "deliveries", result.delivered)
    count("missed", "missed", result.missed)
    count("repeated", "repeated or out of order", result.repeated)
    if result.ended > 0 { count("ended", "streams ended", result.ended) }
    number("seconds", "seconds", Double(result.elapsedNanoseconds) / 1e9, places: 3)
    latencies(result.latencies)
    time("ack_p50", "acknowledged p50", nanoseconds: result.acknowledgements.quantile(0.5))
    time("ack_max", "             max", nanoseconds: result.acknowledgements.longest)
    time("late_max", "sent too late max", nanoseconds: result.longestDelay)
    if let failure = result.failure { text("failure", "ended early", failure) }
  }
}
