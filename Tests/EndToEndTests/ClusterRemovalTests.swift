import Foundation
import Testing

/// An operator takes a member out that does not come back.
@Suite("Cluster: members that are removed", .waiting)
struct ClusterRemovalTests {
  /// Two looks at the tombstones, each half a minute after the one before, and the members' clocks.
  private static let collectionSeconds = 100.0
  private static let removedStatus: Int32 = 77
  private static let key = [("x-api-key", NodeCluster.secret)]

  typealias Outcome = (status: Int32, output: String, error: String)

  /// Runs the binary, as an operator does beside a node.
  private func run(
    _ words: [String], _ environment: [String: String] = ["CLUSTER_SECRET": NodeCluster.secret],
    in node: Node
  ) throws -> Outcome {
    let process = try Node.process(words, environment, in: node.directory)
    defer { process.signal(SIGKILL) }
    return (try process.waitForExit(.in(seconds: 60)), process.output, process.errorOutput)
  }

  private struct Member {
    var status: String
    var blocked: Int64
  }

  /// What a node lists, by number; who was removed has the status Removed.
  private func members(of node: Node) throws -> [String: Member] {
    let response = try Client(node).send("GET", "/admin/members", fields: Self.key)
    guard response.status == 200 else { throw Trouble("members: \(response)") }
    var found: [String: Member] = [:]
    let text = response.body.string
    for match in text.matches(of: #/{"node":"([0-9a-f]{16})","address":"[^"]*"([^}]*)}/#) {
      let rest = String(match.2)
      let status = rest.firstMatch(of: #/"status":"(\w+)"/#).map { String($0.1) } ?? "Removed"
      let blocked = rest.firstMatch(of: #/"tombstones_blocked":(\d+)/#).flatMap { Int64($0.1) }
      found[String(match.1)] = Member(status: status, blocked: blocked ?? 0)
    }
    return found
  }

  private func number(of node: Node) throws -> String {
    let cluster = try JSONText.member("cluster", of: try Client(node).stats())
    let id = try JSONText.member("node", of: cluster ?? "{}")
    return id?.string.filter { $0 != "\"" } ?? ""
  }

  private func delete(
    _ member: String, at node: Node, _ fields: [(String, String)] = key, query: String = ""
  ) throws -> Response {
    try Client(node).send("DELETE", "/admin/members/\(member)\(query)", fields: fields)
  }

  @Test("a dead member is removed; its tombstones go, and it stays out when it comes back")
  func removed() throws {
    let cluster = try NodeCluster(3, ["ADMIN_PASSWORD": "the-admins-password"])
    let (first, second, victim) = (cluster[0], cluster[1], cluster[2])
    let number = try number(of: victim)
    let client = Client(first, as: "alice")
    for key in 0..<10 { try client.store("t", "k\(key)", "\(key)") }
    try cluster.waitForAgreement()
    try victim.kill()
    for key in 0..<5 { #expect(try client.delete("t", "k\(key)").status == 200) }

    // It was heard a moment ago.
    let early = try delete(number, at: first)
    #expect(early.status == 409 && early.body.string.contains("force=true"), "\(early)")
    for node in [first, second] {
      #expect(
        eventually(within: 60 * Node.slowness) { node.status(ofPort: victim.port) == "Down" })
    }
    #expect(
      try eventually(within: Self.collectionSeconds * Node.slowness) {
        try members(of: first)[number]?.blocked == 5
      })
    #expect(try first.clusterFigure("tombstones") == 5)
    let stats = try Client(first).stats().string
    #expect(stats.contains("\"tombstones_blocked_by\":\"127.0.0.1:\(victim.port)\""), "\(stats)")

    let listed = try run(["members", "list", "127.0.0.1:\(second.port)"], in: second)
    let row = listed.output.split(separator: "\n").first { $0.hasPrefix(number) }
    #expect(listed.status == 0 && row?.contains(" Down ") == true, "\(listed)")
    let removal = try run(["members", "remove", number, "127.0.0.1:\(second.port)"], in: second)
    #expect(removal.status == 0 && removal.output.contains(number), "\(removal)")
    for node in [first, second] {
      #expect(
        try eventually(within: 30 * Node.slowness) {
          try members(of: node)[number]?.status == "Removed" && node.activeCount == 2
        })
    }
    for node in [first, second] {
      #expect(
        try eventually(within: Self.collectionSeconds * Node.slowness) {
          try node.clusterFigure("tombstones") == 0
        })
    }

    // What it has of before does not enter.
    try victim.start(samePort: true)
    #expect(try victim.process.waitForExit() == Self.removedStatus)
    #expect(victim.log.contains("this node was removed from the cluster"), "\(victim.log)")
    for key in 0..<5 { #expect(try Client(second).get("t", "k\(key)").status == 404) }
    let store = try cluster.waitForAgreement(of: [first, second])
    #expect(!store.string.contains("\"k4\"") && store.string.contains("\"k5\""))

    // All of them remember, also the removed one where nobody is there to tell it.
    try first.kill()
    try second.kill()
    try victim.start(samePort: true)
    #expect(try victim.process.waitForExit() == Self.removedStatus)
    try first.start(samePort: true)
    try second.start(samePort: true)
    #expect(try members(of: first)[number]?.status == "Removed")
    #expect(try delete(number, at: first).status == 200, "asked again, it says the same")

    // A new directory at the old address is a new member.
    let fresh = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(first.port)"],
      listen: "127.0.0.1:\(victim.port)")
    try NodeCluster(of: [first, second, fresh]).waitForAgreement()
    try first.stop()
    try second.stop()
    try fresh.stop()
  }

  @Test("a living member goes only by force; it is told, says why and ends")
  func forced() throws {
    let cluster = try NodeCluster(3)
    let (first, victim) = (cluster[0], cluster[2])
    let address = "127.0.0.1:\(victim.port)"
    for node in ["127.0.0.1:\(first.port)", "http://127.0.0.1:\(first.port)/"] {
      let refused = try run(["members", "remove", address, node], in: first)
      #expect(refused.status == 1 && refused.error.contains("force=true"), "\(refused)")
      #expect(refused.error.split(separator: "\n").count == 1)
    }
    let own = try delete("127.0.0.1%3A\(first.port)", at: first, query: "?force=true")
    #expect(own.status == 409 && own.body.string.contains("does not remove itself"))
    let done = try run(
      ["members", "remove", address, "127.0.0.1:\(first.port)", "--force"], in: first)
    #expect(done.status == 0, "\(done)")
    #expect(try victim.process.waitForExit() == Self.removedStatus)
    #expect(victim.log.contains("this node was removed from the cluster"), "\(victim.log)")
    for node in [first, cluster[1]] {
      #expect(eventually { node.activeCount == 2 && node.status(of: address) == nil })
    }
    try Client(first, as: "alice").store("t", "k", "1")
    try cluster.waitForAgreement(of: [first, cluster[1]])
    try first.stop()
    try cluster[1].stop()
  }

  @Test("who has neither the secret nor the admin's token is refused, and nothing happens")
  func refused() throws {
    let cluster = try NodeCluster(2, ["ADMIN_PASSWORD": "the-admins-password"])
    let (first, second) = (cluster[0], cluster[1])
    let number = try number(of: second)
    let strangers: [[(String, String)]] = [
      [], [("x-api-key", "")], [("x-api-key", "the-secret")],
      [("x-api-key", NodeCluster.secret + "x")], [("x-api-key", "the-admins-password")],
      [("Authorization", "Bearer \(Token.user("alice"))")], [("Authorization", "Bearer x")],
    ]
    for fields in strangers {
      #expect(try Client(first).send("GET", "/admin/members", fields: fields).status == 401)
      #expect(try delete(number, at: first, fields, query: "?force=true").status == 401)
    }
    let wrong = try run(
      ["members", "list", "127.0.0.1:\(first.port)"], ["CLUSTER_SECRET": "another"], in: first)
    #expect(wrong.status == 1 && wrong.error.contains("x-api-key"), "\(wrong)")
    let missing = try run(["members", "list", "127.0.0.1:\(first.port)"], [:], in: first)
    #expect(missing.status == 1 && missing.error.contains("CLUSTER_SECRET is not set"))
    #expect(first.activeCount == 2)

    // The settings may be in a file, the secret one of two.
    try first.directory.write(
      ".env", Array("CLUSTER_SECRET=\(NodeCluster.secret),older\n".utf8))
    let listed = try run(["members", "list", "127.0.0.1:\(first.port)"], [:], in: first)
    #expect(listed.status == 0 && listed.output.contains("(this node)"), "\(listed)")
    let login = try Client(first).send(
      "POST", "/admin/login", "{\"password\":\"the-admins-password\"}")
    let token = try JSONText.member("token", of: login.body)?.string.filter { $0 != "\"" } ?? ""
    let admin = [("Authorization", "Bearer \(token)")]
    #expect(try Client(first).send("GET", "/admin/members", fields: admin).status == 200)
    #expect(try delete("0123456789abcdef", at: first, admin).status == 404)
    #expect(try delete("127.0.0.1:1", at: first, admin).status == 404)
    for name in ["x", "0000000000000000", "127.0.0.1:0", "%00", "0123456789abcdeg"] {
      #expect(try delete(name, at: first, admin).status == 400, "\(name)")
    }
    #expect(try delete(number, at: first, admin, query: "?force=maybe").status == 400)
    let method = try Client(first).send("PUT", "/admin/members/\(number)", "{}", fields: admin)
    #expect(method.status == 405 && method["Allow"] == "DELETE, OPTIONS")
    #expect(first.activeCount == 2)
    try cluster.stop()
  }

  @Test("in https mode the same goes over TLS")
  func sealed() throws {
    let certificates = try CertificateFolder()
    let settings = [
      "CLUSTER_SECRET": NodeCluster.secret, "DYNA_MODE": "https",
      "DYNA_CERT_DIR": certificates.path,
    ]
    let way = Node.Way.sealed(authority: certificates.authority)
    let first = try Node(settings, way: way)
    let second = try Node(settings, arguments: ["127.0.0.1:\(first.port)"], way: way)
    _ = try NodeCluster(of: [first, second])
    let address = "127.0.0.1:\(second.port)"
    let refused = try run(
      ["members", "remove", address, "https://127.0.0.1:\(first.port)"], settings, in: first)
    #expect(refused.status == 1 && refused.error.contains("is alive"), "\(refused)")
    let plain = try run(
      ["members", "list", "http://127.0.0.1:\(first.port)"], settings, in: first)
    #expect(plain.status == 1, "\(plain)")
    let removed = try run(
      ["members", "remove", "--force", address, "127.0.0.1:\(first.port)"], settings, in: first)
    #expect(removed.status == 0, "\(removed)")
    #expect(try second.process.waitForExit() == Self.removedStatus)
    let listed = try run(["members", "list", "127.0.0.1:\(first.port)"], settings, in: first)
    #expect(listed.status == 0 && listed.output.contains("Removed"), "\(listed)")
    try first.stop()
  }
}
