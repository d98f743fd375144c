import Platform

/// The node's process, seen through /proc.
struct ServerProcess {
  let pid: Int

  init?(pid: Int) {
    self.pid = pid
    guard cpuMicroseconds != nil else { return nil }
  }

  /// User and system time of all its threads so far, proc_pid_stat(5); nil where it is gone.
  ///
  /// Fields 14 and 15 count in USER_HZ, which is 100 a second on every Linux of our platforms.
  var cpuMicroseconds: Int? {
    guard let text = read("stat"), let nameEnd = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: nameEnd)...].split(separator: " ")
    guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
      return nil
    }
    return (user + system) * 10_000
  }

  /// Memory that it holds now, in KiB; nil where it is gone.
  var residentKibibytes: Int? {
    guard let text = read("status") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("VmRSS:") {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
        .flatMap { Int($0) }
    }
    return nil
  }

  private func read(_ name: String) -> String? {
    guard let bytes = try? Machine.readWholeFile("/proc/\(pid)/\(name)", limit: 64 << 10) else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
