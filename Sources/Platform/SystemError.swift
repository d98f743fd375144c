internal import CLinux
internal import Glibc

/// A system call that failed: which one, and why.
public struct SystemError: Error, Equatable, CustomStringConvertible {
  /// The name of the call, as in its manual page.
  public let call: StaticString
  /// The `errno` it left.
  public let code: Int32

  public init(call: StaticString, code: Int32) {
    self.call = call
    self.code = code
  }

  /// The error that the last failed call of this thread left.
  static func last(_ call: StaticString) -> SystemError { SystemError(call: call, code: errno) }

  public var description: String { "\(call): \(SystemError.text(of: code))" }

  /// What the system says about an `errno`. Thread-safe.
  public static func text(of code: Int32) -> String {
    let longest = 128
    return unsafe String(unsafeUninitializedCapacity: longest) { buffer in
      let room = unsafe UnsafeMutableRawPointer(buffer.baseAddress!)
        .assumingMemoryBound(to: CChar.self)
      unsafe room[0] = 0
      _ = unsafe __xpg_strerror_r(code, room, longest)
      return unsafe strnlen(room, longest)
    }
  }

  public static func == (left: SystemError, right: SystemError) -> Bool {
    left.code == right.code && left.call.description == right.call.description
  }
}

/// Repeats a call that a signal interrupted. The call says failure with -1 and `errno`.
@inline(__always)
func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
