import Platform

/// `dynabench load`: writes generated records, or those of a file, each once.
enum Load {
  /// 1 GiB: the file is held in memory, where lines can be sent again.
  private static let fileBytesMax = 1 << 30

  static func run(_ words: [String]) -> Never {
    let options = Options.orFail(
      words, verb: "load",
      taking: [
        .connections, .pipeline, .keys, .valueBytes, .table, .token, .user, .secret, .file, .pid,
        .json,
      ])
    if options.has(.file), options.has(.keys) || options.has(.valueBytes) {
      Console.fail("--file brings its own keys and values: leave out --keys and --value-bytes")
    }
    let shape = options.shape(connections: 16, pipeline: 16)
    if let path = options.text(.file) { loadFile(path, options, shape) }
    fill(options, shape)
  }

  private static func fill(_ options: Options, _ shape: LoopShape) -> Never {
    let text = RequestText(
      address: options.address, table: options.table, token: options.requiredAuthorization())
    let source = SampleWrites(
      text, keys: options.keys, valueBytes: options.valueBytes, seed: nil)
    let measurement = Measurement.run(source, options: options, shape: shape)

    var report = Report(
      verb: "load", address: options.address,
      title: "values of \(options.valueBytes) bytes, \(shape.title(rate: nil))")
    report.records(measurement.result)
    report.outcome(measurement)
    report.say(asJSON: options.wantsJSON)
    Verdict.exit(measurement.result)
  }

  private static func loadFile(_ path: String, _ options: Options, _ shape: LoopShape) -> Never {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try Machine.readWholeFile(path == "-" ? "/dev/stdin" : path, limit: fileBytesMax)
    } catch {
      Console.fail("\(error)")
    }
    let text = RequestText(
      address: options.address, table: options.table, token: options.requiredAuthorization())
    let malformed = MalformedLines()
    let measurement = Measurement.run(
      LineWrites(text, bytes: bytes, malformed: malformed), options: options, shape: shape)

    var report = Report(
      verb: "load", address: options.address,
      title: "\(path) (\(Figures.grouped(bytes.count)) bytes), \(shape.title(rate: nil))")
    report.records(measurement.result)
    if let first = malformed.first {
      report.count("malformed", "lines that are no record", malformed.count)
      report.text("first_malformed", "first of them", first)
    }
    report.outcome(measurement)
    report.say(asJSON: options.wantsJSON)
    if malformed.count > 0, measurement.result.failure == nil { Verdict.exit(isGood: false) }
    Verdict.exit(measurement.result)
  }
}
