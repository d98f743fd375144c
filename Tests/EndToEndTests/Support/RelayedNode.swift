/// A node that others reach through a tap and a relay only: it tells them that port.
final class RelayedNode: Sendable {
  let node: Node
  let tap: WireTap
  let datagrams: DatagramRelay

  /// What the others dial.
  var port: UInt16 { tap.port }

  /// - Parameter join: the port of a member; nil begins a cluster.
  init(join: UInt16? = nil, secret: String = NodeCluster.secret) throws {
    (tap, datagrams) = try Self.ports()
    node = try Node(
      ["CLUSTER_SECRET": secret, "DYNA_ADVERTISE": "127.0.0.1:\(tap.port)"],
      arguments: join.map { ["127.0.0.1:\($0)"] } ?? [])
    tap.target = node.port
    datagrams.set(target: node.port)
  }

  func close() {
    tap.close()
    datagrams.close()
  }

  /// A number that is free with TCP and UDP alike.
  private static func ports() throws -> (WireTap, DatagramRelay) {
    for _ in 0..<20 {
      let tap = try WireTap(to: 1)
      if let datagrams = try? DatagramRelay(port: tap.port, to: 1) { return (tap, datagrams) }
      tap.close()
    }
    throw Trouble("no port that is free with TCP and UDP")
  }
}
