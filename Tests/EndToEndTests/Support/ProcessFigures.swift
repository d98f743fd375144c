import Foundation

/// What the kernel counts for a process.
enum ProcessFigures {
  /// Seconds of processor time used so far, in user and kernel mode.
  static func processorSeconds(_ process: pid_t) throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    guard let end = text.lastIndex(of: ")") else { throw Trouble("odd /proc/stat") }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let kernel = Double(fields[13]) else {
      throw Trouble("odd /proc/stat")
    }
    return (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Bytes of memory in use.
  static func residentBytes(_ process: pid_t) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)
    let fields = text.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { throw Trouble("odd /proc/statm") }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }

  static func openDescriptors(_ process: pid_t) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
  }
}
