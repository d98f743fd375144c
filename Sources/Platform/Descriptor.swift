internal import CLinux
internal import Glibc

/// A file descriptor with one owner, closed when the owner lets go of it.
public struct Descriptor: ~Copyable, Sendable {
  /// The number by which the kernel knows it; never negative. Do not close it by this number.
  public let raw: Int32

  /// Takes over a descriptor that is open and has no other owner.
  public init(owning raw: Int32) {
    precondition(raw >= 0, "a descriptor that was never opened")
    self.raw = raw
  }

  // Linux frees the number even where close(2) reports EINTR; a second try could close another's.
  deinit { _ = close(raw) }

  /// Gives the descriptor to somebody who closes it by its number.
  public consuming func release() -> Int32 {
    let number = raw
    discard self
    return number
  }
}
