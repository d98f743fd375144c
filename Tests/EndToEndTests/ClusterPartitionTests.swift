import Foundation
import Testing

/// Contract §7, "Cluster": wires that are cut, lose packets in one direction, and heal.
@Suite(
  "Cluster: a broken network", .waiting,
  .enabled(if: TestNetwork.isPermitted, Comment(rawValue: TestNetwork.whyNot)))
struct ClusterPartitionTests {
  private static let agreementSeconds = 45.0

  /// Three nodes on machines of their own, which listen everywhere and find their addresses.
  private func start(hasDefaultRoute: Bool = true) throws -> (TestNetwork, NodeCluster) {
    let network = try TestNetwork(3, hasDefaultRoute: hasDefaultRoute)
    let nodes = try network.machines.indices.map { index in
      try Node(
        ["CLUSTER_SECRET": NodeCluster.secret],
        arguments: index == 0 ? [] : ["\(TestNetwork.address(0)):6660"],
        launcher: network.machines[index].launcher, listen: "0.0.0.0:6660",
        way: .inside(network.machines[index]))
    }
    return (network, try NodeCluster(of: nodes))
  }

  private func address(_ index: Int) -> String { "\(TestNetwork.address(index)):6660" }

  @Test(
    "nodes that listen everywhere are known by the address of their machine, with a default route and without",
    arguments: [true, false])
  func addresses(hasDefaultRoute: Bool) throws {
    let (_, cluster) = try start(hasDefaultRoute: hasDefaultRoute)
    for node in cluster.nodes {
      #expect(!node.membershipText.string.contains("0.0.0.0"))
      for index in 0..<3 { #expect(node.status(of: address(index)) == "Active") }
    }
    try Client(cluster[0], as: "alice").store("t", "k", "1")
    for node in cluster.nodes { #expect(try node.waitForValue("t", "k", "1")) }
    try cluster.stop()
  }

  @Test("after a split both sides have gone on, and one store comes of it")
  func split() throws {
    let (network, cluster) = try start()
    for key in ["both", "deleted", "kept"] {
      try Client(cluster[0], as: "alice").store("t", key, "0")
    }
    try cluster.waitForAgreement()
    let stream = try EventStream(cluster[0], "/t/subscribe/both")
    try network.split([0], from: [1, 2])

    func write(_ index: Int, _ key: String, _ value: ByteText) throws -> Record {
      var record: Record?
      let time = try seconds {
        record = try Client(cluster[index], as: "alice").store("t", key, value)
      }
      #expect(time < 2 * Node.slowness, "an unreachable peer adds less than 2 s, not \(time)")
      return record!
    }
    _ = try write(0, "both", "\"minority\"")
    let winner = try write(2, "both", "\"majority\"")
    _ = try write(0, "of-minority", "1")
    _ = try write(1, "of-majority", "1")
    // Of a delete and a later write the write counts, and the other way round.
    #expect(try Client(cluster[1], as: "alice").delete("t", "kept").status == 200)
    _ = try write(0, "kept", "\"later\"")
    _ = try write(0, "deleted", "\"earlier\"")
    #expect(try Client(cluster[1], as: "alice").delete("t", "deleted").status == 200)
    // One name on both sides: one of the secrets counts in the end.
    #expect(try Client(cluster[0]).login("carol", "left").status == 200)
    #expect(try Client(cluster[1]).login("carol", "right").status == 200)
    #expect(try Client(cluster[0], as: "carol").put("t", "owned", "{\"value\":1}").status == 201)
    #expect(try Client(cluster[2], as: "dave").put("t", "owned", "{\"value\":2}").status == 201)
    #expect(
      eventually(within: 60) {
        cluster[0].activeCount == 1 && cluster[1].activeCount == 2 && cluster[2].activeCount == 2
      })

    try network.heal()
    let store = try cluster.waitForAgreement(within: Self.agreementSeconds)
    try cluster.waitUntilWhole(within: Self.agreementSeconds)
    for node in cluster.nodes {
      let client = Client(node)
      #expect(try client.get("t", "both").record() == winner)
      #expect(try client.get("t", "kept").record().value == "\"later\"")
      #expect(try client.get("t", "deleted").status == 404)
    }
    #expect(store.string.contains("\"of-minority\"") && store.string.contains("\"of-majority\""))
    let answers = try cluster.nodes.map { node in
      try ["left", "right"].map { try Client(node).login("carol", $0).status }
    }
    #expect(Set(answers).count == 1 && answers[0].sorted() == [200, 401], "\(answers)")
    while try stream.event().record() != winner {}
    try cluster.stop()
  }

  @Test("two nodes that cannot talk to each other agree through the third")
  func throughTheThird() throws {
    let (network, cluster) = try start()
    try network.split([0], from: [2])
    for number in 0..<20 {
      try Client(cluster[number % 3], as: "alice").store("t", "k\(number)", "\(number)")
    }
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    #expect(try Client(cluster[2], as: "alice").delete("t", "k0").status == 200)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    #expect(try Client(cluster[0]).get("t", "k0").status == 404)
    try network.heal()
    try cluster.waitUntilWhole(within: Self.agreementSeconds)
    try cluster.stop()
  }

  @Test("a wire that carries nothing in one direction is survived")
  func oneWay() throws {
    let (network, cluster) = try start()
    try network.drop(at: 1, from: 0)
    for number in 0..<30 {
      let time = try seconds {
        try Client(cluster[number % 3], as: "alice").store("t", "k\(number)", "\(number)")
      }
      #expect(time < 2 * Node.slowness, "an unreachable peer adds less than 2 s, not \(time)")
    }
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    try network.heal()
    try Client(cluster[0], as: "alice").store("t", "healed", "1")
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    try cluster.waitUntilWhole(within: Self.agreementSeconds)
    try cluster.stop()
  }

  @Test("with every tenth packet lost, all that was acknowledged is everywhere in the end")
  func loss() throws {
    let (network, cluster) = try start()
    for one in 0..<3 {
      for other in 0..<3 where one != other { try network.drop(at: one, from: other, share: 0.1) }
    }
    let journals = (0..<3).map { Journal(writer: $0) }
    try inParallel(3) { journals[$0].write(to: cluster[$0], changes: 120) }
    #expect(journals.allSatisfy { $0.progress == 120 })
    try network.heal()
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for journal in journals { for node in cluster.nodes { try journal.check(Client(node)) } }
    try cluster.stop()
  }
}
