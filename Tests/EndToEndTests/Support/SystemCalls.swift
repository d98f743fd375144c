import Foundation

/// Puts `strace` in front of a node, to make its system calls fail, wait, or be its last.
enum SystemCalls {
  /// Whether strace is installed and may trace here.
  static let canBeTampered: Bool = {
    guard let directory = try? TemporaryDirectory(),
      let probe = try? ChildProcess(
        "/usr/bin/env", launcher(["getpid:delay_enter=1"]) + ["/bin/true"], environment: [:],
        workingDirectory: directory.path)
    else { return false }
    return (try? probe.waitForExit()) == 0
  }()

  static let whyNot = "strace is not installed, or may not trace here"

  /// The command that tampers with calls, as in `fdatasync:error=EIO:when=5+`. The tracer is a
  /// process beside the node (`-D`), which keeps the number that it was started with.
  static func tampering(_ injections: String...) -> [String] {
    launcher(injections)
  }

  /// Tampers with a process that runs already, counting its calls from now on.
  ///
  /// Returns the tracer, once it has the process; it ends with the process.
  static func attach(_ injection: String, to process: ChildProcess) throws -> ChildProcess {
    let calls = String(injection.prefix { $0 != ":" })
    let tracer = try ChildProcess(
      "/usr/bin/strace",
      [
        "-f", "-o", "/dev/null", "-e", "trace=\(calls)", "-e", "inject=\(injection)",
        "-p", "\(process.identifier)",
      ], environment: [:], workingDirectory: "/tmp")
    return try tracer.waitForErrorOutput { $0.contains("attached") ? tracer : nil }
  }

  private static func launcher(_ injections: [String]) -> [String] {
    let calls = injections.map { $0.prefix { $0 != ":" } }.joined(separator: ",")
    return ["/usr/bin/strace", "-D", "-f", "-qq", "-o", "/dev/null"]
      + ["-e", "trace=\(calls)"] + injections.flatMap { ["-e", "inject=\($0)"] }
  }
}
