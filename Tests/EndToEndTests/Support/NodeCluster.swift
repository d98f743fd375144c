import Foundation

/// Several nodes of one cluster on the loopback interface, each with a directory of its own.
final class NodeCluster: Sendable {
  static let secret = "the-secret-of-the-cluster-under-test"
  let nodes: [Node]

  /// Starts the first node, and the others with its address behind their own; waits until all of
  /// them know each other and are ready.
  init(_ count: Int, _ environment: [String: String] = [:]) throws {
    var all = ["CLUSTER_SECRET": Self.secret]
    for (name, value) in environment { all[name] = value }
    let first = try Node(all)
    // One after the other: a node lives no longer than the thread that started it.
    let others = try (1..<count).map { _ in
      try Node(all, arguments: ["127.0.0.1:\(first.port)"])
    }
    nodes = [first] + others
    try waitUntilWhole()
  }

  subscript(index: Int) -> Node { nodes[index] }

  /// Waits until every node shows every other one as active, and is ready.
  func waitUntilWhole(within seconds: Double = 60) throws {
    for node in nodes {
      let isWhole = eventually(within: seconds * Node.slowness) {
        node.activeCount == nodes.count && node.isReady
      }
      if !isWhole {
        throw Trouble("\(node.membershipText) is not whole: \(node.log.suffix(2_000))")
      }
    }
  }

  /// Waits until all nodes show the same records, byte for byte, and returns them.
  @discardableResult
  func waitForAgreement(within seconds: Double = 60, of some: [Node]? = nil) throws -> ByteText {
    let nodes = some ?? nodes
    var stores: [ByteText] = []
    let agree = eventually(within: seconds * Node.slowness) {
      stores = nodes.compactMap { try? $0.wholeStore() }
      return stores.count == nodes.count && stores.allSatisfy { $0 == stores[0] }
    }
    if !agree { throw Trouble("the nodes differ: \(stores)") }
    return stores[0]
  }

  func stop() throws { for node in nodes { try node.stop() } }
}

extension Node {
  var membershipText: ByteText {
    (try? Client(self).send("GET", "/membership").body) ?? "no answer"
  }

  var activeCount: Int {
    (try? JSONText.integer("active_count", of: membershipText)).map(Int.init) ?? 0
  }

  var isReady: Bool { (try? Client(self).send("GET", "/readyz").status) == 200 }

  /// What `/membership` says of the node at a port of 127.0.0.1.
  func status(ofPort port: UInt16) -> String? {
    guard let nodes = try? JSONText.member("nodes", of: membershipText),
      let member = try? JSONText.member("127.0.0.1:\(port)", of: nodes),
      let status = try? JSONText.member("status", of: member)
    else { return nil }
    return status.string.filter { $0 != "\"" }
  }

  /// Every record of every table, the tables by name.
  func wholeStore() throws -> ByteText {
    let response = try Client(self).send(
      "GET", "/store", fields: [("x-api-key", NodeCluster.secret)])
    guard response.status == 200 else { throw Trouble("/store: \(response.status)") }
    let tables = try JSONText.members(of: response.body).filter { $0.raw != "{}" }
    return tables.sorted { $0.name < $1.name }.reduce("") {
      $0 + $1.name + "=" + $1.raw + "\n"
    }
  }

  /// Waits until a key has this value; nil: until it has none.
  func waitForValue(
    _ table: String, _ key: String, _ value: ByteText?, within seconds: Double = 30
  ) throws -> Bool {
    let client = Client(self)
    return try eventually(within: seconds * Node.slowness) {
      let response = try client.get(table, key)
      return value == nil ? response.status == 404 : try response.status == 200 && response.record().value == value
    }
  }
}
