import Bytes
import Platform

/// What a person is told, in one place: results on stdout, mistakes on stderr.
enum Console {
  static func say(_ text: String) { write(text, to: 1) }

  /// Says something that is no result, such as how far a long run has come.
  static func note(_ text: String) { write("dynabench: \(text)", to: 2) }

  /// Says in one line why the command cannot be done, and ends the process.
  static func fail(_ text: String) -> Never {
    note(text)
    Machine.exit(.cannotStart)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = ByteBuffer()
    bytes.append(text)
    bytes.append("\n")
    Machine.write(bytes.span, to: descriptor)
  }
}

/// A command line, a file or an answer that nothing can be done with: one line for stderr.
struct Mistake: Error {
  let message: String
  init(_ message: String) { self.message = message }
}
