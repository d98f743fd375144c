import Foundation
import Testing

/// Contract §2, §6, §7: how nodes come together, and which stay apart.
@Suite("Cluster: joining", .blocking)
struct ClusterJoinTests {
  @Test("the address of a member behind the own one is all it takes to join")
  func join() throws {
    let cluster = try NodeCluster(3)
    for node in cluster.nodes {
      let body = try Client(node).send("GET", "/membership").body
      let members = try JSONText.members(of: try #require(try JSONText.member("nodes", of: body)))
      #expect(
        Set(members.map(\.name)) == Set(cluster.nodes.map { ByteText("127.0.0.1:\($0.port)") }))
      for (_, member) in members {
        #expect(try JSONText.member("status", of: member) == "\"Active\"")
      }
      // A member that another one told of is heard a moment later.
      #expect(
        try eventually {
          let body = try Client(node).send("GET", "/membership").body
          let nodes = try JSONText.members(of: try JSONText.member("nodes", of: body) ?? "{}")
          return try nodes.allSatisfy {
            abs(try JSONText.integer("last_heartbeat", of: $0.raw) - wallMilliseconds()) < 60_000
          }
        })
      let stats = try #require(try JSONText.member("cluster", of: try Client(node).stats()))
      #expect(try JSONText.integer("members", of: stats) == 3)
    }
    #expect(try cluster[1].stop() == 0)
    #expect(
      eventually(within: 60) { cluster[0].status(ofPort: cluster[1].port) != "Active" })
    try cluster[0].stop()
    try cluster[2].stop()
  }

  @Test(
    "JOIN_ADDRESS may have a scheme, be a list, and name a host",
    arguments: [
      "http://127.0.0.1:%", "https://127.0.0.1:%/", "127.0.0.1:1,127.0.0.1:%", "localhost:%",
    ])
  func spellings(text: String) throws {
    let first = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let address = text.split(separator: "%", omittingEmptySubsequences: false)
      .joined(separator: "\(first.port)")
    let second = try Node(["CLUSTER_SECRET": NodeCluster.secret], arguments: [address])
    #expect(eventually { second.activeCount == 2 && first.activeCount == 2 })
    try second.stop()
    try first.stop()
  }

  @Test("a joining node takes the time that its bound gives it, while writes go on")
  func paced() throws {
    let settings = ["CLUSTER_SECRET": NodeCluster.secret]
    let first = try Node(settings)
    let value = ByteText("\"" + String(repeating: "v", count: 1_000) + "\"")
    let client = Client(first, as: "alice")
    try client.storeAll("t", (0..<4_000).map { (key: "k\($0)", value: value) })
    // Four megabytes at one a second, of which a quarter may come at once.
    let second = try Node(
      settings.merging(["DYNA_LIMIT_PULL_BYTES_SECOND": "1000000"]) { $1 },
      arguments: ["127.0.0.1:\(first.port)"])
    var written = 0
    let taken = try seconds {
      while !second.isReady, written < 5_000 {
        try client.store("u", "k\(written)", "1")
        written += 1
      }
    }
    #expect(taken > 2.5 && written > 10, "\(taken) s, \(written) writes")
    let cluster = try NodeCluster(of: [first, second])
    try cluster.waitForAgreement()
    #expect(try second.clusterFigure("pulled_entries") >= 4_000)
    try cluster.stop()
  }

  @Test("a node that finds no member lives, is not ready, and joins when there is one")
  func early() throws {
    let seed = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    try Client(seed, as: "alice").store("default", "k", "1")
    try seed.stop()
    let joiner = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(seed.port)"])
    let client = Client(joiner, as: "alice")
    #expect(try client.send("GET", "/livez").status == 200)
    #expect(try client.send("GET", "/heartbeat").status == 200)
    for (method, path) in [
      ("GET", "/readyz"), ("PUT", "/default/key/k"), ("GET", "/default/key/k"),
      ("GET", "/membership"), ("POST", "/internal/v1/hello"),
    ] {
      let response = try client.send(method, path, method == "GET" ? nil : "{}")
      #expect(response.status == 503, "\(method) \(path)")
      #expect(response.error?.contains("127.0.0.1:\(seed.port)") == true)
    }
    #expect(joiner.log.contains("goes on asking"))
    #expect(try health(of: joiner) == 0 && health(of: joiner, "--ready") == 1)
    try seed.start(samePort: true)
    #expect(eventually(within: 60) { joiner.activeCount == 2 && joiner.isReady })
    #expect(try health(of: joiner, "--ready") == 0)
    #expect(try joiner.waitForValue("default", "k", "1"))
    try joiner.stop()
    try seed.stop()
  }

  /// The exit status of the check that a container runs.
  private func health(of node: Node, _ flags: String...) throws -> Int32 {
    let check = try Node.process(
      ["health", "127.0.0.1:\(node.port)"] + flags, [:], in: node.directory)
    defer { check.signal(SIGKILL) }
    return try check.waitForExit(.in(seconds: 30))
  }

  @Test("a node that waits for its cluster stops when it is told to")
  func stopEarly() throws {
    let joiner = try Node(["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:1"])
    #expect(try joiner.stop() == 0)
  }

  @Test("a node with another secret stays out, and its log says why")
  func wrongSecret() throws {
    let seed = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let stranger = try Node(
      ["CLUSTER_SECRET": "quite-another-secret"], arguments: ["127.0.0.1:\(seed.port)"])
    #expect(eventually { stranger.log.contains("secret") })
    #expect(seed.activeCount == 1)
    #expect(try Client(stranger).send("GET", "/readyz").status == 503)
    #expect(!stranger.log.contains(NodeCluster.secret) && !seed.log.contains("quite-another"))
    try stranger.stop()
    try seed.stop()
  }

  @Test("a node of another cluster is not let in, and nothing is merged")
  func otherCluster() throws {
    let first = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    try Client(first, as: "alice").store("default", "of", "\"first\"")
    let directory = try TemporaryDirectory()
    let founder = try Node(["CLUSTER_SECRET": NodeCluster.secret], in: directory)
    try Client(founder, as: "alice").store("default", "of", "\"second\"")
    try founder.stop()
    let second = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(first.port)"],
      in: directory)
    #expect(eventually { second.log.contains("another cluster") })
    #expect(eventually { first.log.contains("another cluster") })
    #expect(try Client(first).get("default", "of").record().value == "\"first\"")
    #expect(try Client(second).get("default", "of").record().value == "\"second\"")
    #expect(first.activeCount == 1)
    try second.stop()
    try first.stop()
  }

  @Test("a node comes back with its command line, the first one without JOIN_ADDRESS too")
  func restart() throws {
    let cluster = try NodeCluster(3)
    for node in cluster.nodes {
      try node.stop()
      try node.start(samePort: true)
      try cluster.waitUntilWhole()
    }
    try cluster.stop()
  }

  @Test("a node that comes back at another address is the same member")
  func otherAddress() throws {
    let cluster = try NodeCluster(2)
    let old = cluster[1].port
    try cluster[1].kill()
    try cluster[1].start()
    try cluster.waitUntilWhole()
    #expect(cluster[0].status(ofPort: cluster[1].port) == "Active")
    if cluster[1].port != old { #expect(cluster[0].status(ofPort: old) == nil) }
    try cluster.stop()
  }

  @Test("a POST /join of an older kind of cluster is explained away")
  func oldJoin() throws {
    let node = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let response = try Client(node).send(
      "POST", "/join", "{\"node\":\"127.0.0.1:9\",\"secret\":\"s\"}")
    #expect(response.status == 400)
    #expect(response.error?.contains("CLUSTER_SECRET") == true)
    try node.stop()
  }

  @Test("a joining node receives what was there before, deletes and users too")
  func joinLater() throws {
    let first = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let client = Client(first, as: "alice")
    try client.storeAll("default", (0..<2_000).map { ("k\($0)", "{\"n\":\($0)}") })
    for index in 0..<20 { #expect(try client.delete("default", "k\(index)").status == 200) }
    #expect(try client.login("carol", "secret").status == 200)
    let second = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(first.port)"])
    #expect(eventually(within: 60) { second.isReady })
    #expect(try second.wholeStore() == first.wholeStore())
    #expect(try Client(second).login("carol", "secret").status == 200)
    #expect(try Client(second).login("carol", "other").status == 401)
    try second.stop()
    try first.stop()
  }
}
