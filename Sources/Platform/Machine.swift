internal import CLinux
internal import Glibc

/// The machine and the process, as far as the server asks about them.
public enum Machine {
  /// The processors that this process may run on, at least 1 (a container may have fewer than the
  /// machine).
  public static func availableCores() -> Int {
    var cores = cpu_set_t()
    let size = MemoryLayout<cpu_set_t>.size
    guard unsafe sched_getaffinity(0, size, &cores) == 0 else { return 1 }
    let count = unsafe withUnsafeBytes(of: &cores) {
      unsafe $0.reduce(0) { $0 + $1.nonzeroBitCount }
    }
    return max(count, 1)
  }

  /// Raises the limit of open descriptors as far as the process may.
  public static func raiseDescriptorLimit() -> (soft: UInt64, hard: UInt64) {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard unsafe getrlimit(resource, &limit) == 0 else { return (1024, 1024) }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
    }
    return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
  }

  /// Bytes of memory the process holds now, 0 where /proc is missing.
  public static func residentBytes() -> UInt64 {
    guard let text = try? readWholeFile("/proc/self/statm", limit: 256) else { return 0 }
    let fields = text.split(separator: 0x20)
    guard fields.count > 1, let pages = UInt64(String(decoding: fields[1], as: UTF8.self)) else {
      return 0
    }
    return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Gives freed memory back to the system. Takes milliseconds: not for a loop.
  public static func trimMemory() { _ = malloc_trim(0) }

  /// The arguments of the process, without its name. Bytes that are no UTF-8 are replaced.
  public static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// A variable of the environment; nil where it is not set.
  public static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// The names of all variables of the environment, unsorted.
  public static var environmentNames: [String] {
    var names: [String] = []
    var entry = unsafe clinux_environment()
    while let start = unsafe entry?.pointee {
      names.append(unsafe String(cString: start).prefix { $0 != "=" }.description)
      unsafe entry = entry?.successor()
    }
    return names
  }

  /// Ends the process at once: nothing is flushed, no thread is waited for. Under AddressSanitizer
  /// leaks are looked for first, which nobody else would do on this way out.
  public static func exit(_ code: ExitCode) -> Never {
    clinux_check_leaks()
    _exit(code.rawValue)
  }

  /// Whether other processes of the same user, and core files, may have what is in memory. Keys are:
  /// a node says no (prctl(2), PR_SET_DUMPABLE), which also keeps debuggers away.
  public static func setDumpable(_ isDumpable: Bool) {
    _ = clinux_set_dumpable(isDumpable ? 1 : 0)
  }
}

/// What the process says to the one that started it.
public enum ExitCode: Int32, Sendable {
  case success = 0
  /// A wrong argument, a missing variable, an address in use, a folder that cannot be written.
  case cannotStart = 1
  /// The data is damaged, or belongs to another key (EX_DATAERR of sysexits.h).
  case damagedData = 65
  /// The node was taken out of its cluster (EX_NOPERM): to start it again on this data is of no
  /// use.
  case removed = 77
  /// The disk failed under way (EX_TEMPFAIL): a restart recovers what was acknowledged.
  case diskFailed = 75
}
