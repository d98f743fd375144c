import Foundation
import Testing

/// Contract §6, §7: datagrams that are late, lost, doubled, forged or repeated.
@Suite("Cluster: datagrams", .waiting)
struct ClusterDatagramTests {
  private static let agreementSeconds = 45.0

  /// Nodes that reach each other through relays only.
  private func start(_ count: Int, secret: String = NodeCluster.secret) throws -> [RelayedNode] {
    let first = try RelayedNode(secret: secret)
    let others = try (1..<count).map { _ in try RelayedNode(join: first.port, secret: secret) }
    let nodes = [first] + others
    _ = try NodeCluster(of: nodes.map(\.node))
    return nodes
  }

  @Test("datagrams that are late, lost, doubled and out of order bring nobody down")
  func poorNetwork() throws {
    let relayed = try start(3)
    let cluster = try NodeCluster(of: relayed.map(\.node))
    for one in relayed {
      one.datagrams.set(
        target: one.node.port, faults: .init(loss: 0.2, duplication: 0.2, delaySeconds: 0.15))
      one.tap.delaySeconds = 0.03
    }
    let journals = (0..<3).map { Journal(writer: $0) }
    try inParallel(3) { journals[$0].write(to: cluster[$0], changes: 60) }
    #expect(journals.allSatisfy { $0.progress == 60 })
    for node in cluster.nodes { #expect(!node.log.contains(" is down"), "\(node.log.suffix(500))") }
    for one in relayed {
      one.datagrams.set(target: one.node.port)
      one.tap.delaySeconds = 0
    }
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for journal in journals { for node in cluster.nodes { try journal.check(Client(node)) } }
    try cluster.stop()
    for one in relayed { one.close() }
  }

  @Test("forged, repeated, changed and cut datagrams are counted, and change nothing")
  func hostile() throws {
    let relayed = try start(3)
    let cluster = try NodeCluster(of: relayed.map(\.node))
    let victim = cluster[0]
    // Of the same secret, but another cluster; and of another secret.
    let stranger = try start(2)
    let others = try start(2, secret: "quite-another-secret")
    try Client(cluster[1], as: "alice").store("t", "k", "1")
    try cluster.waitForAgreement()
    for some in [relayed, stranger, others] {
      #expect(eventually(within: 60) { some[0].datagrams.heard.count >= 5 })
    }

    var random = SeededRandom(seed: 4)
    var hostile: [[UInt8]] = []
    for datagram in relayed[0].datagrams.heard.suffix(5) {
      hostile.append(datagram)
      for place in stride(from: 0, to: datagram.count, by: 3) {
        var changed = datagram
        changed[place] ^= 1 << (place % 8)
        hostile += [changed, Array(datagram.prefix(place))]
      }
      hostile.append(datagram + [0])
    }
    for some in [stranger, others] { hostile += some[0].datagrams.heard.suffix(20) }
    for _ in 0..<500 { hostile.append(random.bytes(Int.random(in: 1..<1_500, using: &random))) }
    for length in [2_047, 2_048, 2_049, 9_000, 65_507] { hostile.append(random.bytes(length)) }

    let membership = victim.membershipStates
    let memory = try ProcessFigures.residentBytes(victim.process.identifier)
    let before = try victim.clusterFigure("datagrams_refused")
    let socket = try DatagramRelay.open(port: 0)
    defer { close(socket) }
    var sent: Int64 = 0
    for _ in 0..<2 {
      for datagram in hostile {
        #expect(DatagramRelay.send(datagram, from: socket, to: victim.port))
        sent += 1
        // No more than the socket's buffer holds: each one is to be looked at.
        guard sent % 64 == 0 else { continue }
        let isSeen = eventually(within: 20) {
          (try? victim.clusterFigure("datagrams_refused")) ?? 0 >= before + sent
        }
        guard isSeen else {
          Issue.record(
            "\(sent) sent, \(try victim.clusterFigure("datagrams_refused") - before) refused")
          return
        }
      }
    }
    #expect(
      try ProcessFigures.residentBytes(victim.process.identifier) - memory < 8 << 20
        || Node.isSanitized)
    #expect(victim.membershipStates == membership)
    try Client(victim, as: "alice").store("t", "k", "2")
    for node in cluster.nodes { #expect(try node.waitForValue("t", "k", "2")) }
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for one in relayed + stranger + others {
      try one.node.stop()
      one.close()
    }
  }
}

extension Node {
  /// Each member's address with its state, in order.
  fileprivate var membershipStates: [String] {
    guard let nodes = try? JSONText.member("nodes", of: membershipText),
      let members = try? JSONText.members(of: nodes)
    else { return [] }
    return members.map { member in
      let status = try? JSONText.member("status", of: member.raw)
      return "\(member.name.string) \(status?.string ?? "")"
    }.sorted()
  }
}
