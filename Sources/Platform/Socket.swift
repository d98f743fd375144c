public import Bytes
internal import CLinux
internal import Glibc

/// What became of `Socket.accept`.
public enum AcceptResult: Sendable {
  /// A connection, non-blocking and with TCP_NODELAY. Whoever takes it must close it.
  case accepted(descriptor: Int32, address: InternetAddress, port: UInt16)
  /// Nobody waits.
  case wouldBlock
  /// The process or the system has no descriptor or memory left. The connection still waits.
  case exhausted
  /// The listener itself is broken.
  case failed(Int32)
}

/// What became of `Socket.read`.
public enum ReadResult: Equatable, Sendable {
  case bytes(Int)
  case wouldBlock
  /// The other side will send no more.
  case closed
  case failed(Int32)
}

/// What became of `Socket.write`.
public enum WriteResult: Equatable, Sendable {
  case bytes(Int)
  case wouldBlock
  case failed(Int32)
}

/// Calls on connected sockets, by number: a connection's slot owns the descriptor and closes it.
///
/// All of them retry calls that a signal interrupted, and none of them raises SIGPIPE.
public enum Socket {
  /// The next connection that waits at a non-blocking listener.
  public static func accept(_ listener: Int32) -> AcceptResult {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    for _ in 0..<deadConnectionsMax {
      let descriptor = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe accept4(listener, $0, &length, nonBlockingFlag | closeOnExecFlag)
        }
      }
      if descriptor >= 0 {
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        var port: UInt16 = 0
        let address = InternetAddress(storage, port: &port)
        return .accepted(descriptor: descriptor, address: address, port: port)
      }
      switch errno {
      case EAGAIN: return .wouldBlock
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
      // accept(2) hands on the errors of a connection that died while it waited; the next may live.
      case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
        EHOSTUNREACH, ENETUNREACH, ETIMEDOUT:
        continue
      default: return .failed(errno)
      }
    }
    return .failed(errno)
  }

  /// More connections than this that died while they waited, one after the other, are no accident:
  /// a listener that reports nothing else must not hold its thread.
  private static let deadConnectionsMax = 1024

  /// Reads what is there, at most as much as fits. An empty target reads nothing: `.bytes(0)`.
  ///
  /// - Parameter waits: false keeps a socket that blocks from doing so this time.
  @unsafe public static func read(
    _ descriptor: Int32, into target: UnsafeMutableRawBufferPointer, waits: Bool = true
  ) -> ReadResult {
    if unsafe target.isEmpty { return .bytes(0) }
    let flags = waits ? 0 : Int32(truncatingIfNeeded: Int(MSG_DONTWAIT))
    let count = retryingInterrupts {
      unsafe clinux_receive(descriptor, target.baseAddress, target.count, flags)
    }
    if count > 0 { return .bytes(count) }
    if count == 0 { return .closed }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }

  /// Appends what is there to a buffer, with room for at least `minimum` bytes in one call.
  public static func read(
    _ descriptor: Int32, into buffer: inout ByteBuffer, minimum: Int
  ) -> ReadResult {
    var result = ReadResult.wouldBlock
    _ = unsafe buffer.fill(minimum: max(minimum, 1)) { target in
      unsafe result = read(descriptor, into: target)
      if case .bytes(let count) = result { return count }
      return 0
    }
    return result
  }

  /// Hands the kernel as many of the bytes as it takes. No bytes are `.bytes(0)`.
  public static func write(_ descriptor: Int32, _ bytes: Span<UInt8>) -> WriteResult {
    if bytes.isEmpty { return .bytes(0) }
    let count = unsafe bytes.withUnsafeBytes { source in
      retryingInterrupts {
        unsafe clinux_send(descriptor, source.baseAddress, source.count)
      }
    }
    if count >= 0 { return .bytes(count) }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }

  /// Says to the other side that nothing more comes; reading goes on.
  public static func shutdownWrite(_ descriptor: Int32) {
    _ = Glibc.shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Closes a descriptor that has no `Descriptor` around it.
  public static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

  /// Makes `close` drop unsent bytes and reset the connection, for peers that misbehave.
  public static func resetOnClose(_ descriptor: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
  }

  /// Asks for a receive buffer of about this many bytes (the kernel doubles it for its own use).
  public static func setReceiveBuffer(_ descriptor: Int32, bytes: Int32) {
    setOption(descriptor, SOL_SOCKET, SO_RCVBUF, bytes)
  }

  /// Asks for a send buffer of about this many bytes (the kernel doubles it for its own use).
  public static func setSendBuffer(_ descriptor: Int32, bytes: Int32) {
    setOption(descriptor, SOL_SOCKET, SO_SNDBUF, bytes)
  }

  /// The address and port of the other side, or nil where it is gone.
  public static func peer(_ descriptor: Int32) -> (address: InternetAddress, port: UInt16)? {
    unsafe name(of: descriptor, getpeername)
  }

  /// The address and port of this side.
  public static func local(_ descriptor: Int32) -> (address: InternetAddress, port: UInt16)? {
    unsafe name(of: descriptor, getsockname)
  }

  /// The other side as `127.0.0.1:50000` or `[::1]:50000`, or `unknown`.
  public static func peerAddressText(_ descriptor: Int32) -> String {
    guard let (address, port) = peer(descriptor) else { return "unknown" }
    return address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
  }

  @unsafe private static func name(
    of descriptor: Int32,
    _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> (address: InternetAddress, port: UInt16)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe call(descriptor, $0, &length)
      }
    }
    guard result == 0 else { return nil }
    var port: UInt16 = 0
    let address = InternetAddress(storage, port: &port)
    return (address, port)
  }

  static let nonBlockingFlag = Int32(SOCK_NONBLOCK.rawValue)
  static let closeOnExecFlag = Int32(SOCK_CLOEXEC.rawValue)

  @discardableResult
  static func setOption(
    _ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32
  ) -> Bool {
    var value = value
    return unsafe setsockopt(
      descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }
}
