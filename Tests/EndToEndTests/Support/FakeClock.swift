import Foundation

/// A wall clock that is wrong, for one process: `libfaketime` between the process and its C library.
/// Its monotonic clock stays right.
enum FakeClock {
  private static let library = [
    "/usr/lib/\(architecture)-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1",
  ].first { FileManager.default.fileExists(atPath: $0) }

  /// A sanitizer reads clocks before the library is ready for it: such a process stands still.
  static let works = library != nil && !Node.isSanitized
  static let whyNot = "libfaketime is not installed (Debian: faketime), or a sanitizer is at work"

  /// The variables of a process whose clock is off, as `faketime` writes it: `-10m`, `+2h`.
  static func environment(_ offset: String) -> [String: String] {
    [
      "LD_PRELOAD": library ?? "", "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    ]
  }

  private static var architecture: String {
    #if arch(arm64)
      "aarch64"
    #else
      "x86_64"
    #endif
  }
}
