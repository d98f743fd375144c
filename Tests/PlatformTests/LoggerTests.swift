import Bytes
import Glibc
import Testing

@testable import Platform

@Suite("LogLine")
struct LogLineTests {
  private func line(
    _ milliseconds: UInt64 = 1_795_255_200_123, _ level: LogLevel = .info,
    _ fields: LogField...
  ) -> String {
    var buffer = ByteBuffer()
    LogLine.append(to: &buffer, milliseconds: milliseconds, level, "listening", fields)
    return String(decoding: buffer.copied(), as: UTF8.self)
  }

  @Test("time, level, event and fields stand on one line")
  func golden() {
    #expect(
      line(1_795_255_200_123, .info, LogField("address", "127.0.0.1:6660"), LogField("cores", 2))
        == "2026-11-21T10:00:00.123Z INFO  listening address=127.0.0.1:6660 cores=2\n")
  }

  @Test(
    "levels are five letters wide",
    arguments: [
      (LogLevel.error, "ERROR"), (.warn, "WARN "), (.info, "INFO "), (.debug, "DEBUG"),
    ])
  func levels(level: LogLevel, text: String) {
    #expect(line(0, level) == "1970-01-01T00:00:00.000Z \(text) listening\n")
  }

  @Test(
    "dates are those of the calendar",
    arguments: [
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
      (951_868_800_000, "2000-03-01T00:00:00.000Z"),
      (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
      (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
      (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
    ] as [(UInt64, String)])
  func dates(milliseconds: UInt64, text: String) {
    #expect(line(milliseconds).hasPrefix(text + " "))
  }

  @Test(
    "no value can end the line or pass for another field",
    arguments: [
      ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), ("a=b", #""a=b""#),
      ("say \"x\"", #""say \"x\"""#), (#"back\slash"#, #""back\\slash""#),
      ("a\nb", #""a\nb""#), ("a\rb\t", #""a\rb\t""#), ("\u{0}\u{1b}[2J", #""\u0000\u001b[2J""#),
      ("\u{7f}", #""\u007f""#), ("é €", #""é €""#), ("a\u{85}b\u{2028}c", #""a\u0085b\u2028c""#),
      ("\u{202e}abc", #""\u202eabc""#), ("\u{e0041}", #""\udb40\udc41""#), ("\r\n", #""\r\n""#),
    ])
  func escapes(value: String, written: String) {
    #expect(line(0, .info, LogField("a", value)).hasSuffix(" listening a=\(written)\n"))
  }

  @Test("a long value is cut between two characters")
  func cut() {
    let whole = String(repeating: "a", count: 512)
    #expect(line(0, .info, LogField("a", whole)).hasSuffix("a=\(whole)\n"))
    #expect(line(0, .info, LogField("a", whole + "b")).hasSuffix("a=\"\(whole)…\"\n"))
    let wide = "a" + String(repeating: "é", count: 300)
    let shown = "a" + String(repeating: "é", count: 255)
    #expect(line(0, .info, LogField("a", wide)).hasSuffix("a=\"\(shown)…\"\n"))
  }
}

@Suite("Logger")
struct LoggerTests {
  private func lines(of level: LogLevel, _ body: (Logger) -> Void) throws -> [String] {
    let folder = try TemporaryFolder()
    let raw = open(folder.path + "/log", O_RDWR | O_CREAT | O_APPEND, 0o600)
    let file = Descriptor(owning: raw)
    body(Logger(level: level, descriptor: file.raw))
    let bytes = try Machine.readWholeFile(folder.path + "/log", limit: 1 << 20)
    return bytes.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("writes its level and those above, and nothing below")
  func levels() throws {
    let written = try lines(of: .warn) { logger in
      logger.error("broken")
      logger.warn("odd", LogField("why", "no reason"))
      logger.info("said")
      logger.debug("whispered")
      #expect(logger.writes(.warn) && !logger.writes(.info))
    }
    #expect(written.count == 2)
    #expect(written[0].hasSuffix(" ERROR broken"))
    #expect(written[1].hasSuffix(" WARN  odd why=\"no reason\""))
  }

  @Test("lines of several threads never mix")
  func threads() throws {
    let written = try lines(of: .info) { logger in
      let work: @Sendable () -> Void = {
        for number in 0..<500 { logger.info("said", LogField("number", number)) }
      }
      let first = try? Thread.start(name: "first", work)
      work()
      first?.join()
    }
    #expect(written.count == 1000)
    #expect(written.allSatisfy { $0.contains("Z INFO  said number=") })
  }

  @Test("levels are known by their names")
  func names() {
    #expect(LogLevel("error") == .error && LogLevel("debug") == .debug)
    #expect(LogLevel("loud") == nil && LogLevel("") == nil && LogLevel("INFO") == nil)
  }
}
