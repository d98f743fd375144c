import Platform

/// Where the node under load listens, as it was typed.
struct Address {
  /// What the `Host` field says.
  let text: String
  let port: UInt16
  /// A name or a literal, without brackets.
  private(set) var host: String

  static let defaultText = "127.0.0.1:6660"
  private static let defaultPort = 6660
  /// A node that does not take a connection for so long is not measured but reported.
  private static let connectMilliseconds: Int32 = 5_000

  /// Reads `host`, `host:port`, `[v6]:port`, each with or without `http://` in front.
  init(_ typed: String) throws(Mistake) {
    var rest = typed[...]
    if rest.lowercased().hasPrefix("https://") {
      throw Mistake(
        "\(typed): this version of dynabench speaks no https; give it the http:// address of a node"
      )
    }
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
    self.port = port
    text = name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
  }

  private static func unreadable(_ typed: String) -> Mistake {
    Mistake("the address \(typed) is not host:port, as in \(defaultText) or [::1]:6660")
  }

  /// Opens a connection for an event loop.
  ///
  /// The descriptor stays in blocking mode. It is read only when the poller reports it, and the
  /// shortest timeout there is keeps a write into a full socket from holding the loop.
  func connect() throws(SocketError) -> Descriptor {
    let socket = try connectBlocking()
    Socket.setTimeouts(socket.raw, milliseconds: 1)
    return socket
  }

  /// Opens a connection for one call that may wait for its answer.
  func connectBlocking() throws(SocketError) -> Descriptor {
    try Socket.connect(host: host, port: port, timeoutMilliseconds: Self.connectMilliseconds)
  }

  /// Keeps to the address that answered: a name is looked up once and not ten thousand times.
  mutating func keep(to descriptor: Int32) {
    if let peer = Socket.peer(descriptor) { host = "\(peer.address)" }
  }
}
