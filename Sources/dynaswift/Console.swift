import Bytes
import Platform

/// What a person is told, in one place: results on stdout, mistakes on stderr.
enum Console {
  static func say(_ text: String) { write(text, to: 1) }

  /// Says in one line why the command cannot be done, and ends the process.
  static func fail(_ text: String, code: ExitCode = .cannotStart) -> Never {
    write("dynaswift: \(text)", to: 2)
    Machine.exit(code)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = ByteBuffer()
    bytes.append(text)
    bytes.append("\n")
    Machine.write(bytes.span, to: descriptor)
  }
}
