internal import Bytes
internal import CLinux
internal import Glibc

/// How a listener shares its port with other listeners.
public enum PortShare: Sendable {
  /// It is the only one.
  case alone
  /// It is the first of several of this process. Fails where anybody listens there already.
  case first
  /// It joins the first. Linux spreads new connections over all of them.
  case further
}

/// Why a listener could not be opened, or a connection made.
public enum SocketError: Error, Equatable, CustomStringConvertible {
  /// The name or address means nothing.
  case unresolvable(host: String, reason: String)
  /// Somebody listens there already.
  case inUse(host: String, port: UInt16)
  /// No answer within the time allowed.
  case timedOut(host: String, port: UInt16)
  case system(SystemError)

  public var description: String {
    switch self {
    case .unresolvable(let host, let reason): "cannot resolve \(host): \(reason)"
    case .inUse(let host, let port): "\(host):\(port) is already in use"
    case .timedOut(let host, let port): "\(host):\(port) did not answer in time"
    case .system(let error): error.description
    }
  }
}

/// An open listening socket.
public struct Listener: ~Copyable, Sendable {
  public let descriptor: Descriptor
  /// The port it is bound to, also where the system chose it.
  public let port: UInt16

  /// Another hold on the same socket: it goes on listening when one of the two is closed.
  public func duplicate() throws(SystemError) -> Listener {
    let raw = clinux_duplicate(descriptor.raw)
    guard raw >= 0 else { throw .last("fcntl") }
    return Listener(descriptor: Descriptor(owning: raw), port: port)
  }
}

extension Socket {
  /// Opens a listening socket: non-blocking, SO_REUSEADDR, TCP_NODELAY. Port 0 lets the system
  /// choose. A name that has addresses of both families is bound to its first IPv4 address.
  ///
  /// Linux lets sockets share a port where all of them set SO_REUSEPORT and belong to one user, so
  /// two nodes of the same user would silently share one. Therefore the first listener binds and
  /// listens without the option, which fails if anybody listens, and sets it only then, to let
  /// this process's further ones join. (A foreign process that asks for SO_REUSEPORT at bind can
  /// still join later; a node's first listener never does.)
  public static func listen(
    host: String, port: UInt16, backlog: Int32, share: PortShare
  ) throws(SocketError) -> Listener {
    let target = try resolve(host, port: port, passive: true)
      .min { $0.family != AF_INET6 && $1.family == AF_INET6 }!
    let listener = try open(target)
    setOption(listener.raw, SOL_SOCKET, SO_REUSEADDR, 1)
    setOption(listener.raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    if target.family == AF_INET6 { setOption(listener.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
    if share == .further { setOption(listener.raw, SOL_SOCKET, SO_REUSEPORT, 1) }

    if unsafe target.withAddress({ unsafe bind(listener.raw, $0, $1) }) != 0 {
      throw errno == EADDRINUSE ? .inUse(host: host, port: port) : .system(.last("bind"))
    }
    if Glibc.listen(listener.raw, backlog) != 0 {
      throw errno == EADDRINUSE ? .inUse(host: host, port: port) : .system(.last("listen"))
    }
    if share == .first { setOption(listener.raw, SOL_SOCKET, SO_REUSEPORT, 1) }
    guard let bound = local(listener.raw) else { throw .system(.last("getsockname")) }
    return Listener(descriptor: listener, port: bound.port)
  }

  /// Connects to the first address of a host that answers. The connection blocks, with no limit
  /// on reads and writes until `setTimeouts` sets one.
  public static func connect(
    host: String, port: UInt16, timeoutMilliseconds: Int32
  ) throws(SocketError) -> Descriptor {
    var last = SocketError.unresolvable(host: host, reason: "it has no address")
    for target in try resolve(host, port: port, passive: false) {
      do throws(SocketError) {
        return try connect(target, host, port, timeoutMilliseconds)
      } catch {
        last = error
      }
    }
    throw last
  }

  /// Lets blocking reads and writes give up (`.wouldBlock`) after this long; 0 waits for ever.
  public static func setTimeouts(_ descriptor: Int32, milliseconds: Int32) {
    var limit = timeval(
      tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
  }

  /// Makes reads and writes return at once (`.wouldBlock`), for a loop that polls the descriptor.
  public static func setNonBlocking(_ descriptor: Int32) {
    _ = clinux_set_flags(descriptor, clinux_get_flags(descriptor) | O_NONBLOCK)
  }

  private static func connect(
    _ target: SocketAddress, _ host: String, _ port: UInt16, _ timeoutMilliseconds: Int32
  ) throws(SocketError) -> Descriptor {
    let socket = try open(target)
    setOption(socket.raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    if unsafe target.withAddress({ unsafe Glibc.connect(socket.raw, $0, $1) }) != 0 {
      // An interrupted connect goes on in the background, like one that was begun without waiting.
      guard errno == EINPROGRESS || errno == EINTR else { throw .system(.last("connect")) }
      guard waitUntilWritable(socket.raw, milliseconds: timeoutMilliseconds) else {
        throw .timedOut(host: host, port: port)
      }
      if let code = pendingError(socket.raw) {
        throw .system(SystemError(call: "connect", code: code))
      }
    }
    _ = clinux_set_flags(socket.raw, clinux_get_flags(socket.raw) & ~O_NONBLOCK)
    return socket
  }

  private static func open(
    _ target: SocketAddress
  ) throws(SocketError) -> Descriptor {
    do throws(SystemError) {
      return try openStream(target.family)
    } catch {
      throw .system(error)
    }
  }

  private static func waitUntilWritable(_ descriptor: Int32, milliseconds: Int32) -> Bool {
    let deadline = SystemClock.monotonic().advanced(byMilliseconds: UInt64(max(milliseconds, 0)))
    while true {
      let now = SystemClock.monotonic()
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let result = unsafe poll(&waiting, 1, Int32(deadline.milliseconds(since: now)))
      if result > 0 { return true }
      if result == 0, now >= deadline || SystemClock.monotonic() >= deadline { return false }
      if result < 0, errno != EINTR { return false }
    }
  }
}
