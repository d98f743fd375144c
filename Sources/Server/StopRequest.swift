// That the node is to stop: asked for by a signal, or by the node itself.

import Platform
import Synchronization

/// Asked for once by anybody, waited for by the main thread.
final class StopRequest: Sendable {
  private let waiter = Waiter()
  private let requested = Atomic<Bool>(false)
  private let code = Atomic<Int32>(ExitCode.success.rawValue)

  /// The first one's exit code counts.
  func request(_ exit: ExitCode = .success) {
    if !requested.exchange(true, ordering: .acquiringAndReleasing) {
      code.store(exit.rawValue, ordering: .releasing)
    }
    waiter.notify()
  }

  var isRequested: Bool { requested.load(ordering: .acquiring) }

  var exitCode: ExitCode { ExitCode(rawValue: code.load(ordering: .acquiring)) ?? .success }

  /// Waits for so long at most; one thread at a time.
  ///
  /// - Returns: whether the stop was asked for.
  func wait(milliseconds: UInt64) -> Bool {
    if isRequested { return true }
    _ = waiter.wait(milliseconds: milliseconds)
    return isRequested
  }
}
