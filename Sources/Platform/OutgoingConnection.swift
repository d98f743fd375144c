internal import CLinux
internal import Glibc

/// What became of a connection that was begun without waiting.
public enum ConnectResult: Equatable, Sendable {
  case connected
  /// The other side has not answered yet.
  case inProgress
  case failed(SystemError)
}

extension InternetAddress {
  /// All addresses of a name or a literal, in the order in which to try them; at least one.
  ///
  /// Blocks while a name is looked up, up to minutes where no name server answers: an event loop
  /// leaves this to a thread of its own. The zone of a link-local IPv6 address is not kept.
  public static func resolve(_ host: String) throws(SocketError) -> [InternetAddress] {
    var addresses: [InternetAddress] = []
    for target in try Socket.resolve(host, port: 0, passive: false) {
      var port: UInt16 = 0
      let address = InternetAddress(target.storage, port: &port)
      if !addresses.contains(address) { addresses.append(address) }
    }
    return addresses
  }
}

extension Socket {
  /// Begins a connection and does not wait for it: non-blocking, TCP_NODELAY. When the descriptor
  /// becomes writable, `connectResult` says what became of it.
  public static func beginConnect(
    to address: InternetAddress, port: UInt16
  ) throws(SystemError) -> Descriptor {
    let target = SocketAddress(address, port: port)
    let socket = try openStream(target.family)
    setOption(socket.raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    if unsafe target.withAddress({ unsafe Glibc.connect(socket.raw, $0, $1) }) != 0 {
      // An interrupted connect goes on in the background, like one that was begun without waiting.
      guard errno == EINPROGRESS || errno == EINTR else { throw .last("connect") }
    }
    return socket
  }

  /// How far a begun connection is. An error is reported once: the socket forgets it.
  public static func connectResult(_ descriptor: Int32) -> ConnectResult {
    if let code = pendingError(descriptor) {
      return .failed(SystemError(call: "connect", code: code))
    }
    return peer(descriptor) == nil ? .inProgress : .connected
  }

  /// The error that waits at a socket, which forgets it; nil where there is none.
  static func pendingError(_ descriptor: Int32) -> Int32? {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
      return errno
    }
    return code == 0 ? nil : code
  }

  /// A TCP socket that does not block.
  static func openStream(_ family: Int32) throws(SystemError) -> Descriptor {
    let kind = Int32(SOCK_STREAM.rawValue) | closeOnExecFlag | nonBlockingFlag
    let raw = socket(family, kind, 0)
    guard raw >= 0 else { throw .last("socket") }
    return Descriptor(owning: raw)
  }
}
