internal import CLinux
internal import Glibc

/// A signal that asks the process for something.
public enum Signal: Int32, Sendable {
  /// `kill`, or the end of a container.
  case terminate = 15
  /// Control-C.
  case interrupt = 2
  /// The terminal went away.
  case hangup = 1
}

/// Turns signals into ordinary calls on an ordinary thread.
///
/// A signal handler may do next to nothing safely. So the signals are blocked in all threads, and
/// one thread waits for them: sigwait(3).
public enum Signals {
  private static let awaited: [Signal] = [.terminate, .interrupt, .hangup]

  /// Blocks the signals in this thread and in all that it starts from now on, and ignores SIGPIPE:
  /// a reader that went away is an error of write(2), not the end of the node. Call it first.
  public static func block() {
    var set = set()
    _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Starts a thread that calls `body` for each signal until `body` returns false. After `block`.
  public static func deliver(
    to body: @escaping @Sendable (Signal) -> Bool
  ) throws(SystemError) -> Thread.Handle {
    try Thread.start(name: "signals") {
      var set = set()
      while true {
        var number: Int32 = 0
        guard unsafe sigwait(&set, &number) == 0, let signal = Signal(rawValue: number)
        else { continue }
        if !body(signal) { return }
      }
    }
  }

  private static func set() -> sigset_t {
    var set = sigset_t()
    _ = unsafe sigemptyset(&set)
    for signal in awaited { _ = unsafe sigaddset(&set, signal.rawValue) }
    return set
  }
}
