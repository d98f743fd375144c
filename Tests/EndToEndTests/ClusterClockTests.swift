import Foundation
import Testing

/// Contract §4, §7: real processes whose wall clocks are minutes and hours apart.
@Suite(
  "Cluster: clocks that are apart", .waiting,
  .enabled(if: FakeClock.works, Comment(rawValue: FakeClock.whyNot)))
struct ClusterClockTests {
  private static let agreementSeconds = 45.0

  /// A right clock, one that is ten minutes behind, one half an hour ahead.
  private func start() throws -> NodeCluster {
    let first = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let others = try ["-10m", "+30m"].map { try join(first, clock: $0) }
    return try NodeCluster(of: [first] + others)
  }

  private func join(
    _ member: Node, clock: String, in directory: TemporaryDirectory? = nil
  ) throws -> Node {
    var environment = FakeClock.environment(clock)
    environment["CLUSTER_SECRET"] = NodeCluster.secret
    return try Node(
      environment, arguments: ["127.0.0.1:\(member.port)"], in: directory)
  }

  @Test("the clocks are apart indeed, and each node shows how far")
  func apart() throws {
    let cluster = try start()
    let expected: [Int64] = [0, -600_000, 1_800_000]
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    for (node, offset) in zip(cluster.nodes, expected) {
      let time = try JSONText.integer(
        "timestamp", of: try Client(node).send("GET", "/heartbeat").body)
      #expect(abs(time - now - offset) < 30_000)
    }
    #expect(
      eventually(within: 30 * Node.slowness) {
        let stats = (try? Client(cluster[0]).stats().string) ?? ""
        let offsets = stats.matches(of: #/"clock_offset_ms":(-?\d+)/#).compactMap { Int64($0.1) }
        return expected.dropFirst().allSatisfy { offset in
          offsets.contains { abs($0 - offset) < 30_000 }
        }
      })
    // The first one has two others to warn of, by their names and their directions.
    for (other, direction) in [(1, "behind"), (2, "ahead of")] {
      let address = "127.0.0.1:\(cluster[other].port)"
      #expect(
        eventually(within: 30 * Node.slowness) {
          cluster[0].log.split(separator: "\n").contains {
            $0.contains(" at \(address) is ") && $0.contains(" ms \(direction) this node's")
          }
        })
    }
    try cluster.stop()
  }

  @Test("who has seen a write and writes after it wins, whatever the clocks say; deletes too")
  func lastWriteWins() throws {
    let cluster = try start()
    let order = [2, 1, 0, 1, 2, 0]
    for (number, index) in order.enumerated() {
      let record = try Client(cluster[index], as: "alice").store("t", "k", "\(number)")
      #expect(record.version == number + 1)
      for node in cluster.nodes { #expect(try node.waitForValue("t", "k", "\(number)")) }
    }
    // Written by the clock that is ahead, deleted by the one that is behind, and back again.
    try Client(cluster[2], as: "alice").store("t", "gone", "1")
    #expect(try cluster[1].waitForValue("t", "gone", "1"))
    #expect(try Client(cluster[1], as: "alice").delete("t", "gone").status == 200)
    for node in cluster.nodes { #expect(try node.waitForValue("t", "gone", nil)) }
    try Client(cluster[1], as: "alice").store("t", "gone", "2")
    for node in cluster.nodes { #expect(try node.waitForValue("t", "gone", "2")) }
    #expect(try Client(cluster[0], as: "alice").delete("t", "gone").status == 200)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for node in cluster.nodes { #expect(try node.waitForValue("t", "gone", nil)) }
    try cluster.stop()
  }

  @Test("writers on all nodes at once lose nothing that they were told of")
  func journals() throws {
    let cluster = try start()
    let journals = (0..<3).map { Journal(writer: $0) }
    try inParallel(3) { journals[$0].write(to: cluster[$0], changes: 120) }
    #expect(journals.allSatisfy { $0.progress == 120 })
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for journal in journals { for node in cluster.nodes { try journal.check(Client(node)) } }
    try cluster.stop()
  }

  @Test("a clock that is set back while its node is down takes nothing back")
  func setBack() throws {
    let cluster = try start()
    let ahead = cluster[2]
    for key in ["kept", "deleted"] {
      try Client(ahead, as: "alice").store("t", key, "1")
      #expect(try cluster[0].waitForValue("t", key, "1"))
    }
    #expect(try Client(ahead, as: "alice").delete("t", "deleted").status == 200)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    try ahead.kill()
    let again = try join(cluster[0], clock: "-3h", in: ahead.directory)
    let changed = try NodeCluster(of: [cluster[0], cluster[1], again])
    let record = try Client(again, as: "alice").store("t", "kept", "2")
    #expect(record.version == 2)
    try Client(again, as: "alice").store("t", "deleted", "\"new\"")
    for node in changed.nodes {
      #expect(try node.waitForValue("t", "kept", "2"))
      #expect(try node.waitForValue("t", "deleted", "\"new\""))
    }
    try changed.waitForAgreement(within: Self.agreementSeconds)
    try changed.stop()
  }

  @Test("a node that joins with its clock behind writes after what was there")
  func joinsBehind() throws {
    let cluster = try NodeCluster(2)
    for key in ["live", "deleted"] { try Client(cluster[0], as: "alice").store("t", key, "1") }
    #expect(try cluster[1].waitForValue("t", "deleted", "1"))
    #expect(try Client(cluster[1], as: "alice").delete("t", "deleted").status == 200)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    let late = try join(cluster[0], clock: "-10m")
    let all = try NodeCluster(of: cluster.nodes + [late])
    for key in ["live", "deleted", "new"] {
      let record = try Client(late, as: "alice").store("t", key, "2")
      // Nothing was there at "new": its time too is beyond that of the member that filled the node.
      let now = Int64(Date().timeIntervalSince1970 * 1000)
      #expect(record.timestamp > now - 120_000, "\(key) is dated by the node's own clock")
    }
    for node in all.nodes {
      for key in ["live", "deleted", "new"] { #expect(try node.waitForValue("t", key, "2")) }
    }
    try all.waitForAgreement(within: Self.agreementSeconds)
    try all.stop()
  }
}
