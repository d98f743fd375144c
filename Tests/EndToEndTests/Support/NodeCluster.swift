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
    let settings = all
    // One after the other: a process does not outlive the thread that starts it.
    let others = try (1..<count).map { _ in
      try Node(settings, arguments: ["127.0.0.1:\(first.port)"])
    }
    nodes = [first] + others
    try waitUntilWhole()
  }

  /// Takes nodes that have been told of each other, and waits until they know and are ready.
  init(of nodes: [Node]) throws {
    self.nodes = nodes
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
    if !agree { throw Trouble(Self.difference(of: stores, among: nodes.count)) }
    // The second line of repair finds nothing as long as the first one is right.
    for node in nodes where try node.clusterFigure("repairs") != 0 {
      throw Trouble("repairs were needed: \(node.log.suffix(2_000))")
    }
    return stores[0]
  }

  /// What to say of stores that are not the same: all of it where it is short.
  private static func difference(of stores: [ByteText], among count: Int) -> String {
    guard stores.count == count else { return "only \(stores.count) of \(count) nodes answered" }
    let lines = stores.map { Set($0.string.replacing("},", with: "},\n").split(separator: "\n")) }
    let common = lines.dropFirst().reduce(lines[0]) { $0.intersection($1) }
    return "the nodes differ: \(lines.map { $0.subtracting(common).sorted().prefix(10) })"
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
  func status(ofPort port: UInt16) -> String? { status(of: "127.0.0.1:\(port)") }

  /// What `/membership` says of the node with this address.
  func status(of address: String) -> String? {
    guard let nodes = try? JSONText.member("nodes", of: membershipText),
      let member = try? JSONText.member(ByteText(address), of: nodes),
      let status = try? JSONText.member("status", of: member)
    else { return nil }
    return status.string.filter { $0 != "\"" }
  }

  /// Every record of every table, as the node writes them.
  func wholeStore() throws -> ByteText {
    let response = try Client(self).send(
      "GET", "/store", fields: [("x-api-key", NodeCluster.secret)])
    guard response.status == 200 else { throw Trouble("/store: \(response.status)") }
    return response.body
  }

  /// Waits until a key has this value; nil: until it has none.
  func waitForValue(
    _ table: String, _ key: String, _ value: ByteText?, within seconds: Double = 30
  ) throws -> Bool {
    let client = Client(self)
    return try eventually(within: seconds * Node.slowness) {
      let response = try client.get(table, key)
      guard let value else { return response.status == 404 }
      return try response.status == 200 && response.record().value == value
    }
  }
}

extension Node {
  /// A figure of `cluster` in `/stats`.
  func clusterFigure(_ name: String) throws -> Int64 {
    let cluster = try JSONText.member("cluster", of: try Client(self).stats())
    guard let cluster else { throw Trouble("no cluster in /stats") }
    return try JSONText.integer(ByteText(name), of: cluster)
  }
}
