internal import Bytes

/// How much a line of the log matters.
public enum LogLevel: UInt8, Comparable, Sendable, CaseIterable {
  case error, warn, info, debug

  /// `error`, `warn`, `info` or `debug`.
  public init?(_ name: String) {
    guard let level = LogLevel.allCases.first(where: { "\($0)" == name }) else { return nil }
    self = level
  }

  public static func < (left: LogLevel, right: LogLevel) -> Bool {
    left.rawValue < right.rawValue
  }

  var text: StaticString {
    switch self {
    case .error: "ERROR"
    case .warn: "WARN "
    case .info: "INFO "
    case .debug: "DEBUG"
    }
  }
}

/// A name and a value of a log line. The name is part of the program, the value need not be.
public struct LogField: Sendable {
  let name: StaticString
  let value: String

  public init(_ name: StaticString, _ value: String) {
    self.name = name
    self.value = value
  }

  public init(_ name: StaticString, _ value: some CustomStringConvertible) {
    self.init(name, value.description)
  }
}

/// Writes what happens, one line each: time in UTC, level, event, `name=value` fields.
///
///     2026-11-21T10:00:00.123Z INFO  listening address=127.0.0.1:6660
///
/// A value with spaces, quotes or control bytes is written as a JSON string, so that no value can
/// end a line or look like a field of its own. Each line is one write(2): lines of several threads
/// never mix.
public final class Logger: Sendable {
  public let level: LogLevel
  private let descriptor: Int32

  /// Writes to the standard error output, or to a descriptor that the caller keeps open.
  public init(level: LogLevel, descriptor: Int32 = 2) {
    self.level = level
    self.descriptor = descriptor
  }

  public func error(_ event: StaticString, _ fields: LogField...) {
    log(.error, event, fields)
  }

  public func warn(_ event: StaticString, _ fields: LogField...) { log(.warn, event, fields) }

  public func info(_ event: StaticString, _ fields: LogField...) { log(.info, event, fields) }

  public func debug(_ event: StaticString, _ fields: LogField...) {
    log(.debug, event, fields)
  }

  /// Whether lines of this level are written; ask before fields that cost something to make.
  public func writes(_ level: LogLevel) -> Bool { level <= self.level }

  private func log(_ level: LogLevel, _ event: StaticString, _ fields: [LogField]) {
    guard writes(level) else { return }
    var line = ByteBuffer(capacity: 256)
    LogLine.append(
      to: &line, milliseconds: SystemClock.wallMilliseconds(), level, event, fields)
    // A log that cannot be written has nobody to complain to, and must not stop the node.
    _ = try? Machine.writeAll(descriptor, line.span)
  }
}
