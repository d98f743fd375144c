internal import CLinux
internal import Glibc

/// Secrets that the process was started with, taken out of where the kernel shows them.
///
/// A command line can be read by every user of the machine, in `ps` and in `/proc`; an environment
/// by whoever may trace the process. Both lie in memory that the process may write to, at
/// addresses that `/proc/self/stat` tells (proc_pid_stat(5), fields 48 and 49).
extension Machine {
  /// The arguments of the process without its name, and out of them the values of `flags`
  /// (`--flag value` or `--flag=value`), by the flag's name; the last of several counts. Where the
  /// values stood in the memory of the process there are asterisks afterwards.
  ///
  /// To be called once, before anything else reads the arguments.
  public static func takeArguments(
    secretFlags flags: [String]
  ) -> (words: [String], secrets: [String: [UInt8]]) {
    guard let bounds = argumentBounds(),
      let start = unsafe UnsafeMutablePointer<UInt8>(bitPattern: bounds.lowerBound)
    else { return (arguments, [:]) }
    var memory = unsafe UnsafeMutableBufferPointer(start: start, count: bounds.count).mutableSpan
    return takeArguments(from: &memory, secretFlags: flags)
  }

  /// The same for the memory of any command line: words that end in NUL, the first of them the name
  /// of the program.
  static func takeArguments(
    from memory: inout MutableSpan<UInt8>, secretFlags flags: [String]
  ) -> (words: [String], secrets: [String: [UInt8]]) {
    var words: [String] = []
    var secrets: [String: [UInt8]] = [:]
    var expecting: String?
    var isName = true
    var start = 0
    while start < memory.count {
      var end = start
      while end < memory.count, memory[end] != 0 { end += 1 }
      defer { start = end + 1 }
      if isName {
        isName = false
        continue
      }
      if let flag = expecting {
        expecting = nil
        secrets[flag] = take(start..<end, of: &memory)
        continue
      }
      let equals = (start..<end).first { memory[$0] == UInt8(ascii: "=") } ?? end
      let flag = text(start..<equals, of: memory)
      guard flags.contains(flag) else {
        words.append(text(start..<end, of: memory))
        continue
      }
      if equals < end {
        secrets[flag] = take(equals + 1..<end, of: &memory)
      } else if end + 1 < memory.count {
        expecting = flag
      } else {
        // Without its value, for whoever reads the words to complain about.
        words.append(flag)
      }
    }
    return (words, secrets)
  }

  /// A variable of the environment, which is overwritten and taken out of it. Nil where it is not set.
  ///
  /// To be called before there is a second thread.
  public static func takeEnvironment(_ name: String) -> [UInt8]? {
    guard let value = unsafe getenv(name) else { return nil }
    let count = unsafe strlen(value)
    let bytes = unsafe [UInt8](
      UnsafeRawBufferPointer(start: value, count: count))
    unsafe explicit_bzero(value, count)
    _ = unsafe unsetenv(name)
    return bytes
  }

  private static func text(_ range: Range<Int>, of memory: borrowing MutableSpan<UInt8>) -> String {
    var bytes: [UInt8] = []
    for index in range { bytes.append(memory[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func take(_ range: Range<Int>, of memory: inout MutableSpan<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    for index in range {
      bytes.append(memory[index])
      memory[index] = UInt8(ascii: "*")
    }
    return bytes
  }

  /// Where the arguments of this process lie in its memory.
  private static func argumentBounds() -> Range<UInt>? {
    guard let stat = try? readWholeFile("/proc/self/stat", limit: 4_096),
      // The name in the second field may hold anything, but no field behind it a parenthesis.
      let end = stat.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = stat[(end + 1)...].split(separator: 0x20)
    // The first of these is field 3.
    guard fields.count > 46, let start = UInt(String(decoding: fields[45], as: UTF8.self)),
      let stop = UInt(String(decoding: fields[46], as: UTF8.self)), start > 0, start < stop,
      stop - start <= 16 << 20
    else { return nil }
    return start..<stop
  }
}
