/// The options of all verbs; each verb says which of them it takes.
enum OptionName: String, CaseIterable {
  case connections, seconds, keys, pipeline, table, token, user, secret, rate, pid, json, file,
    https, ca
  case subscribers, messages
  case valueBytes = "value-bytes"
  case spreadKeys = "spread-keys"
}

/// What a verb was asked for: the address and its options, checked.
struct Options {
  var address: Address
  private var settings: [OptionName: String] = [:]

  /// Reads `[ADDRESS] [--name value | --name=value | --json | --https]…`.
  init(_ words: [String], verb: String, taking names: [OptionName]) throws(Mistake) {
    var positional: [String] = []
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      guard word.hasPrefix("--") else {
        positional.append(word)
        continue
      }
      let parts = word.dropFirst(2)
        .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = OptionName(rawValue: String(parts[0])),
        (names + Self.transport).contains(name)
      else {
        throw Mistake("\(verb) has no option --\(parts[0]); `dynabench help` lists them")
      }
      if name == .json || name == .https {
        guard parts.count == 1 else { throw Mistake("--\(name.rawValue) takes no value") }
        settings[name] = ""
      } else if parts.count == 2 {
        settings[name] = String(parts[1])
      } else if index < words.count {
        settings[name] = words[index]
        index += 1
      } else {
        throw Mistake("\(word) needs a value")
      }
    }
    guard positional.count <= 1 else {
      throw Mistake("\(verb) takes one address, not also \(positional[1])")
    }
    address = try Address(positional.first ?? Address.defaultText)
    if address.saysSecure || has(.https) || has(.ca) {
      try address.secure(caFile: settings[.ca] ?? Self.defaultAuthority)
    }
  }

  /// Where `cert.sh` puts the authority's certificate.
  private static let defaultAuthority = "cert/ca.crt"

  /// Reads a command line or ends the process with what is wrong with it.
  static func orFail(_ words: [String], verb: String, taking names: [OptionName]) -> Options {
    do throws(Mistake) {
      return try Options(words, verb: verb, taking: names)
    } catch {
      Console.fail(error.message)
    }
  }

  func text(_ name: OptionName) -> String? { settings[name] }

  func has(_ name: OptionName) -> Bool { settings[name] != nil }

  /// A whole number in a range, or ends the process.
  func number(_ name: OptionName, in range: ClosedRange<Int>) -> Int? {
    guard let text = settings[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      Console.fail(
        "--\(name.rawValue) is \(text); it must be a whole number "
          + "from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  // MARK: Options that several verbs share

  /// Every verb takes them.
  private static let transport = [OptionName.https, .ca]
  /// Up to what the descriptors of most systems allow; the kernel has the last word.
  static let connectionsMax = 100_000
  /// Beyond it a pipeline is a batch, and its latency means nothing.
  static let pipelineMax = 1_024
  /// Times of requests in flight are held in memory: 16 MiB at most.
  static let inFlightMax = 1_000_000
  static let keysMax = 100_000_000
  static let secondsMax = 3_600
  static let rateMax = 10_000_000
  static let valueBytesMax = 1 << 20

  var table: String { settings[.table] ?? "default" }
  var keys: Int { number(.keys, in: 1...Self.keysMax) ?? 100_000 }
  var seconds: Int { number(.seconds, in: 1...Self.secondsMax) ?? 5 }
  var valueBytes: Int { number(.valueBytes, in: 1...Self.valueBytesMax) ?? 100 }
  var rate: Int? { number(.rate, in: 1...Self.rateMax) }
  var wantsJSON: Bool { has(.json) }

  func shape(connections: Int, pipeline: Int) -> LoopShape {
    let shape = LoopShape(
      connections: number(.connections, in: 1...Self.connectionsMax) ?? connections,
      pipeline: number(.pipeline, in: 1...Self.pipelineMax) ?? pipeline)
    guard shape.connections * shape.pipeline <= Self.inFlightMax else {
      Console.fail("--connections times --pipeline is more than \(Self.inFlightMax): take fewer")
    }
    return shape
  }

  var server: ServerProcess? {
    guard let pid = number(.pid, in: 1...Int(Int32.max)) else { return nil }
    guard let process = ServerProcess(pid: pid) else {
      Console.fail("--pid \(pid): there is no such process")
    }
    return process
  }

  /// The token to send: the one given, or that of the user who is logged in now; nil for neither.
  func authorization() -> String? {
    if let token = settings[.token] {
      guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !token.isEmpty else {
        Console.fail("--token holds a byte that no token has")
      }
      return token
    }
    guard let user = settings[.user] else {
      if has(.secret) { Console.fail("--secret needs --user") }
      return nil
    }
    guard let secret = settings[.secret] else { Console.fail("--user needs --secret") }
    do throws(Mistake) {
      return try Login.token(user: user, secret: secret, at: address)
    } catch {
      Console.fail(error.message)
    }
  }

  /// As `authorization`, for a verb that writes.
  func requiredAuthorization() -> String {
    guard let token = authorization() else {
      Console.fail("writing needs --token T, or --user NAME --secret S")
    }
    return token
  }
}
