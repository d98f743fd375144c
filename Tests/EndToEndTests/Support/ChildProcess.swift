import Foundation

/// A process started by a test: what it wrote, how it ended.
///
/// A thread of its own reads both outputs to their end, then collects the exit status; everybody
/// else waits on a condition, with a deadline. Only this process is ever signalled, by its number.
final class ChildProcess: @unchecked Sendable {
  let identifier: pid_t
  private let condition = NSCondition()
  private var standardOutput: [UInt8] = []
  private var standardError: [UInt8] = []
  private var status: Int32?

  /// The descriptors of a pipe must not leak into another child that starts meanwhile.
  private static let spawning = NSLock()

  /// Starts `executable` with nothing on its standard input and only the given environment
  /// (and PATH, which a launching shell needs).
  init(
    _ executable: String, _ arguments: [String], environment: [String: String],
    workingDirectory: String
  ) throws {
    var outputs: (Int32, Int32) = (-1, -1)
    var errors: (Int32, Int32) = (-1, -1)
    let ends = try Self.spawning.withLock { () throws -> (pid_t, Int32, Int32) in
      outputs = try Self.makePipe()
      errors = try Self.makePipe()
      defer {
        close(outputs.1)
        close(errors.1)
      }
      let child = try Self.spawn(
        executable, arguments, environment, workingDirectory, outputs.1, errors.1)
      return (child, outputs.0, errors.0)
    }
    identifier = ends.0
    AtExit.shared.add { [self] in if exitStatus == nil { Glibc.kill(identifier, SIGKILL) } }
    Thread.detachNewThread { [self] in collect(ends.1, ends.2) }
  }

  // MARK: What a test asks

  var output: String { condition.withLock { String(decoding: standardOutput, as: UTF8.self) } }
  var errorOutput: String { condition.withLock { String(decoding: standardError, as: UTF8.self) } }
  var errorLines: [String] {
    errorOutput.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
  }

  /// The exit code, or 128 + the number of the signal that ended it; nil while it runs.
  var exitStatus: Int32? { condition.withLock { status } }

  func signal(_ number: Int32) {
    condition.withLock { if status == nil { _ = Glibc.kill(identifier, number) } }
  }

  /// Waits for the end and returns the exit code (128 + signal number when killed by one).
  func waitForExit(_ deadline: Deadline = .patient) throws -> Int32 {
    try condition.withLock {
      while status == nil {
        guard wait(until: deadline) else {
          throw Trouble("process \(identifier) did not end in time")
        }
      }
      return status!
    }
  }

  /// Waits until the standard error holds what `find` looks for; an end of the process ends it too.
  func waitForErrorOutput<Found>(
    _ deadline: Deadline = .patient, _ find: (String) -> Found?
  ) throws -> Found {
    try condition.withLock {
      while true {
        let text = String(decoding: standardError, as: UTF8.self)
        if let found = find(text) { return found }
        if let status { throw Trouble("process ended with \(status): \(text.suffix(2000))") }
        guard wait(until: deadline) else {
          throw Trouble("not found in time on standard error: \(text.suffix(2000))")
        }
      }
    }
  }

  private func wait(until deadline: Deadline) -> Bool {
    guard !deadline.hasPassed else { return false }
    _ = condition.wait(until: Date(timeIntervalSinceNow: deadline.secondsLeft))
    return true
  }

  // MARK: The reading thread

  private func collect(_ outputs: Int32, _ errors: Int32) {
    var sources = [
      pollfd(fd: outputs, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
    ]
    var chunk = [UInt8](repeating: 0, count: 65536)
    while sources.contains(where: { $0.fd >= 0 }) {
      guard poll(&sources, 2, -1) >= 0 else { continue }
      for index in 0...1 where sources[index].fd >= 0 && sources[index].revents != 0 {
        let count = read(sources[index].fd, &chunk, chunk.count)
        if count <= 0 {
          close(sources[index].fd)
          sources[index].fd = -1
          continue
        }
        condition.withLock {
          if index == 0 {
            standardOutput += chunk[..<count]
          } else {
            standardError += chunk[..<count]
          }
          condition.broadcast()
        }
      }
    }
    // The number is given back under the lock: nobody can signal another process that got it.
    var information = siginfo_t()
    while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
    keepLog()
    condition.withLock {
      var raw: Int32 = 0
      while waitpid(identifier, &raw, 0) < 0 && errno == EINTR {}
      status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
      condition.broadcast()
    }
  }

  /// Puts what the process wrote into the folder that `E2E_LOGS` names, if it does: what a
  /// sanitizer had to say is found there.
  private func keepLog() {
    guard let folder = ProcessInfo.processInfo.environment["E2E_LOGS"] else { return }
    let path = URL(fileURLWithPath: "\(folder)/\(identifier).log")
    try? Data(condition.withLock { standardError }).write(to: path)
  }

  // MARK: Starting

  private static func makePipe() throws -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Trouble("pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Lets a child die with the test runner, should that be killed. It would die with the thread
  /// that starts it, too: tests that start processes run on threads that never end.
  private static let lifeLine: [String] = {
    let tool = "/usr/bin/setpriv"
    guard FileManager.default.isExecutableFile(atPath: tool) else { return [] }
    return [tool, "--pdeathsig", "KILL"]
  }()

  private static func spawn(
    _ executable: String, _ arguments: [String], _ environment: [String: String],
    _ workingDirectory: String, _ output: Int32, _ error: Int32
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, error, 2)
    // Nothing else is the child's. Who holds the end of somebody's pipe keeps its reader waiting, for as
    // long as a node lives.
    guard posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0 else {
      throw Trouble("descriptors cannot be kept from a child")
    }

    // The child starts with default signals, whatever the test runner ignores or blocks.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var all = environment
    for name in ["PATH", "LD_LIBRARY_PATH"] where all[name] == nil {
      all[name] = ProcessInfo.processInfo.environment[name]
    }
    // The shell changes the directory and then becomes the executable: same process, same number.
    let enter = "cd \"$1\" && shift && exec \"$@\""
    let command =
      lifeLine + ["/bin/sh", "-c", enter, "sh", workingDirectory, executable] + arguments
    var argv: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var child: pid_t = 0
    let result = posix_spawn(&child, command[0], &actions, &attributes, &argv, &envp)
    guard result == 0 else { throw Trouble("cannot start \(executable): errno \(result)") }
    return child
  }
}

@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func posix_spawn_file_actions_addclosefrom_np(
  _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ from: Int32
) -> Int32
