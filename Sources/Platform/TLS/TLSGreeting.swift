internal import CLinux
internal import Glibc

/// What a client's first byte says about the protocol that it speaks.
public enum TLSGreeting: Sendable {
  /// A record of TLS, or something that only TLS can refuse.
  case handshake
  /// Text, such as a request of HTTP without TLS.
  case plainText
  /// It has not come.
  case nothing
  /// Nor will it.
  case closed
}

extension Socket {
  /// Looks at the first byte that waits, and leaves it there.
  public static func greeting(_ descriptor: Int32) -> TLSGreeting {
    var first: UInt8 = 0
    let count = retryingInterrupts {
      unsafe Glibc.recv(descriptor, &first, 1, Int32(truncatingIfNeeded: Int(MSG_PEEK)))
    }
    if count < 0 { return errno == EAGAIN ? .nothing : .closed }
    if count == 0 { return .closed }
    switch first {
    // Every request begins with a letter, or with empty lines before it (RFC 9112 §2.2). A record
    // of TLS begins with a number below 32 (RFC 8446 §5.1).
    case 0x0a, 0x0d, 0x20...0x7e: return .plainText
    default: return .handshake
    }
  }
}
