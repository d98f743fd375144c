// The sockets that a node is reached by: one listener for each loop, and one for datagrams.

import Bytes
import Platform

/// The node's listeners and, in a cluster, its UDP socket, all on one port number.
struct Ports: ~Copyable {
  var listeners = Slab<Listener>()
  private var gossip: DatagramSocket?
  let port: UInt16
  /// `host:port` as it is listened on.
  let boundAddress: String

  /// Port numbers that the system chooses until one is free for both protocols.
  private static let attemptsMax = 32

  static func open(_ configuration: Configuration) throws(Server.StartError) -> Ports {
    var attempts = 0
    while true {
      attempts += 1
      do throws(SocketError) {
        return try Ports(configuration)
      } catch {
        if case .inUse = error, configuration.port == 0, attempts < attemptsMax { continue }
        throw Server.StartError(
          message: "cannot listen on \(configuration.host):\(configuration.port): \(error)",
          code: .cannotStart)
      }
    }
  }

  private init(_ configuration: Configuration) throws(SocketError) {
    let count = configuration.loopCount ?? Machine.availableCores()
    var port = configuration.port
    for index in 0..<count {
      let share: PortShare = count == 1 ? .alone : index == 0 ? .first : .further
      let listener = try Socket.listen(
        host: configuration.host, port: port, backlog: 4_096, share: share)
      port = listener.port
      _ = listeners.insert(listener)
    }
    if configuration.clusterSecrets.isEmpty {
      gossip = nil
    } else {
      gossip = try DatagramSocket.bound(host: configuration.host, port: port)
    }
    self.port = port
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    boundAddress = "\(host):\(port)"
  }

  mutating func takeGossip() -> DatagramSocket? { gossip.take() }
}
