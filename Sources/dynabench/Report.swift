/// The figures of a run, in the order in which they were added: aligned text or one JSON object.
struct Report {
  private struct Line {
    /// Empty where the line is for people only.
    let key: String
    let label: String
    let text: String
    let json: String
  }

  private let title: String
  private var lines: [Line] = []

  /// - Parameter title: what was done, on the first line of the text.
  init(verb: String, address: Address, title: String) {
    self.title = "dynabench \(verb) \(address.text): \(title)"
    lines.append(Line(key: "verb", label: "", text: "", json: Figures.quoted(verb)))
    lines.append(Line(key: "address", label: "", text: "", json: Figures.quoted(address.text)))
  }

  mutating func count(_ key: String, _ label: String, _ number: Int) {
    lines.append(Line(key: key, label: label, text: Figures.grouped(number), json: "\(number)"))
  }

  mutating func number(
    _ key: String, _ label: String, _ number: Double, places: Int, unit: String = ""
  ) {
    let text = Figures.decimal(number, places: places)
    lines.append(
      Line(key: key, label: label, text: unit.isEmpty ? text : "\(text) \(unit)", json: text))
  }

  /// A rate or a size: rounded to a whole number, grouped for people.
  mutating func rounded(_ key: String, _ label: String, _ number: Double) {
    let whole = number.isFinite ? Int(number.rounded()) : 0
    lines.append(Line(key: key, label: label, text: Figures.grouped(whole), json: "\(whole)"))
  }

  /// A time: milliseconds for people, microseconds in JSON.
  mutating func time(_ key: String, _ label: String, nanoseconds: UInt64) {
    lines.append(
      Line(
        key: "\(key)_us", label: label,
        text: "\(Figures.decimal(Double(nanoseconds) / 1e6, places: 3)) ms",
        json: Figures.decimal(Double(nanoseconds) / 1e3, places: 1)))
  }

  mutating func text(_ key: String, _ label: String, _ text: String) {
    lines.append(Line(key: key, label: label, text: text, json: Figures.quoted(text)))
  }

  mutating func latencies(_ histogram: Histogram) {
    let quantiles: [(String, String, Double)] = [
      ("p50", "latency p50", 0.5), ("p90", "        p90", 0.9), ("p99", "        p99", 0.99),
      ("p99_9", "        p99.9", 0.999),
    ]
    for (key, label, share) in quantiles {
      time(key, label, nanoseconds: histogram.quantile(share))
    }
    time("max", "        max", nanoseconds: histogram.longest)
  }

  /// Answers by status; those that are no success are named also in the text.
  mutating func statuses(_ tally: StatusTally) {
    let members = tally.occurred.map { "\"\($0.status)\":\($0.count)" }
    lines.append(
      Line(key: "statuses", label: "", text: "", json: "{\(members.joined(separator: ","))}"))
    for (status, count) in tally.occurred where !StatusTally.isSuccess(UInt16(status)) {
      lines.append(
        Line(key: "", label: "status \(status)", text: Figures.grouped(count), json: ""))
    }
  }

  /// Says everything on stdout.
  func say(asJSON: Bool) {
    if asJSON {
      let members = lines.filter { !$0.key.isEmpty }.map { "\(Figures.quoted($0.key)):\($0.json)" }
      return Console.say("{\(members.joined(separator: ","))}")
    }
    let shown = lines.filter { !$0.label.isEmpty }
    let width = (shown.map(\.label.count).max() ?? 0) + 2
    Console.say(title)
    for line in shown {
      let gap = String(repeating: " ", count: width - line.label.count)
      Console.say("  \(line.label)\(gap)\(line.text)")
    }
  }
}
