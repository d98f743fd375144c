import Platform

/// Where the node under load listens, as it was typed.
struct Address {
  /// What the `Host` field says.
  let text: String
  let port: UInt16
  /// A name or a literal, without brackets.
  private(set) var host: String
  /// What the node's certificate must name.
  private let serverName: String
  /// Whom to trust; nil for connections in the clear.
  private var tls: TLSContext?
  /// `https://` stood in front.
  let saysSecure: Bool

  static let defaultText = "127.0.0.1:6660"
  private static let defaultPort = 6660
  /// A node that does not take a connection for so long is not measured but reported.
  private static let connectMilliseconds: Int32 = 5_000

  /// Reads `host`, `host:port`, `[v6]:port`, each with or without `http://` or `https://` in front.
  init(_ typed: String) throws(Mistake) {
    var rest = typed[...]
    saysSecure = rest.lowercased().hasPrefix("https://")
    if saysSecure { rest = rest.dropFirst(8) }
    if rest.lowercased().hasPrefix("http://") { rest = rest.dropFirst(7) }
    if rest.hasSuffix("/") { rest = rest.dropLast() }

    var digits: Substring = "\(Self.defaultPort)"
    var name = rest
    if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
      name = rest[rest.index(after: rest.startIndex)..<end]
      let behind = rest[rest.index(after: end)...]
      guard behind.isEmpty || behind.hasPrefix(":") else { throw Self.unreadable(typed) }
      if !behind.isEmpty { digits = behind.dropFirst() }
    } else if let colon = rest.firstIndex(of: ":") {
      name = rest[..<colon]
      digits = rest[rest.index(after: colon)...]
    }
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }),
      digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits), port > 0
    else { throw Self.unreadable(typed) }
    host = String(name)
    serverName = String(name)
    self.port = port
    text = name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
  }

  private static func unreadable(_ typed: String) -> Mistake {
    Mistake("the address \(typed) is not host:port, as in \(defaultText) or [::1]:6660")
  }

  /// Has all connections speak TLS, with a node whose certificate is of the authority in a file.
  mutating func secure(caFile: String) throws(Mistake) {
    do throws(TLSContextError) {
      tls = try TLSContext.client(caFile: caFile)
    } catch {
      throw Mistake("\(error)")
    }
  }

  /// Opens a connection for an event loop; only until it is open the loop waits.
  func connect() throws(ConnectFailure) -> Wire {
    let wire = try connectBlocking()
    Socket.setNonBlocking(wire.raw)
    return wire
  }

  /// Opens a connection for one call that may wait for its answer.
  func connectBlocking() throws(ConnectFailure) -> Wire {
    let socket = try dial()
    guard let tls else { return Wire(socket) }
    Socket.setTimeouts(socket.raw, milliseconds: Self.connectMilliseconds)
    do throws(TLSFailure) {
      return try Wire(socket, tls: tls, serverName: serverName)
    } catch {
      throw .tls(error)
    }
  }

  private func dial() throws(ConnectFailure) -> Descriptor {
    do throws(SocketError) {
      return try Socket.connect(
        host: host, port: port, timeoutMilliseconds: Self.connectMilliseconds)
    } catch {
      throw .socket(error)
    }
  }

  /// Keeps to the address that answered: a name is looked up once and not ten thousand times.
  mutating func keep(to descriptor: Int32) {
    if let peer = Socket.peer(descriptor) { host = "\(peer.address)" }
  }
}

/// Why there is no connection.
enum ConnectFailure: Error, CustomStringConvertible {
  case socket(SocketError)
  case tls(TLSFailure)

  var description: String {
    switch self {
    case .socket(let error): "\(error)"
    case .tls(let failure): "\(failure)"
    }
  }
}
