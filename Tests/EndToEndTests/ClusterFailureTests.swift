import Foundation
import Testing

/// Contract §4, §6, §7: nodes that die, sleep and come back.
@Suite("Cluster: nodes that fail", .waiting)
struct ClusterFailureTests {
  /// Contract §7: a killed node is shown within 60 s, a returned one within 30 s.
  private static let noticeSeconds = 60.0
  private static let returnSeconds = 30.0
  /// Contract §7: nodes agree so long after they can talk again.
  private static let agreementSeconds = 45.0

  @Test(
    "a killed node catches up with what was written and deleted meanwhile, the first one too",
    arguments: [0, 2])
  func killed(victim: Int) throws {
    let cluster = try NodeCluster(3)
    let others = cluster.nodes.indices.filter { $0 != victim }.map { cluster[$0] }
    for key in 0..<30 { try Client(others[0], as: "alice").store("t", "k\(key)", "\(key)") }
    try Client(cluster[victim], as: "alice").store("t", "own", "1")
    try cluster.waitForAgreement()

    try cluster[victim].kill()
    for key in 0..<10 {
      let client = Client(others[key % 2], as: "alice")
      var status = 0
      let time = try seconds { status = try client.delete("t", "k\(key)").status }
      #expect(status == 200)
      #expect(time < 2 * Node.slowness, "an unreachable peer adds less than 2 s, not \(time)")
    }
    for key in 10..<20 { try Client(others[0], as: "alice").store("t", "k\(key)", "\"new\"") }
    try Client(others[1], as: "alice").store("t", "more", "1")
    for node in others {
      #expect(eventually(within: Self.noticeSeconds) { node.activeCount == 2 })
      #expect(node.status(ofPort: cluster[victim].port) != "Active")
    }

    try cluster[victim].start(samePort: true)
    #expect(
      eventually(within: Self.returnSeconds * Node.slowness) {
        others.allSatisfy { $0.activeCount == 3 }
      })
    let store = try cluster.waitForAgreement(within: Self.agreementSeconds)
    for key in 0..<10 { #expect(!store.string.contains("\"k\(key)\""), "k\(key) stays deleted") }
    #expect(try cluster[victim].waitForValue("t", "k15", "\"new\""))
    #expect(try cluster[victim].waitForValue("t", "k25", "25"))
    try cluster.stop()
  }

  @Test("a node that was away serves, and is not ready before it has what it missed")
  func away() throws {
    let settings = [
      "CLUSTER_SECRET": NodeCluster.secret, "DYNA_LIMIT_PULL_BYTES_SECOND": "4000000",
    ]
    let first = try Node(settings)
    let second = try Node(settings, arguments: ["127.0.0.1:\(first.port)"])
    let cluster = try NodeCluster(of: [first, second])
    let client = Client(first, as: "alice")
    try client.store("t", "before", "1")
    try cluster.waitForAgreement()
    try second.kill()
    #expect(eventually(within: Self.noticeSeconds) { first.activeCount == 1 })
    // More than is kept for a member, so that it is pulled: four of twelve megabytes a second.
    let count = 12_000
    let value = ByteText("\"" + String(repeating: "v", count: 1_000) + "\"")
    try client.storeAll("t", (0..<count).map { (key: "k\($0)", value: value) })
    #expect(
      try eventually(within: 10 * Node.slowness) { try lag(at: first) >= count },
      "a member that is down lags")
    try second.start(samePort: true)
    #expect(!second.isReady)
    #expect(try Client(second).get("t", "before").status == 200)
    try Client(second, as: "alice").store("t", "meanwhile", "1")
    #expect(first.isReady)
    let taken = seconds {
      #expect(eventually(within: 60 * Node.slowness) { second.isReady })
    }
    #expect(taken > 1.5, "\(taken) s")
    for key in ["k0", "k\(count / 2)", "k\(count - 1)"] {
      #expect(try Client(second).get("t", key).status == 200)
    }
    try cluster.waitForAgreement()
    #expect(try first.waitForValue("t", "meanwhile", "1"))
    try cluster.stop()
  }

  /// How far the one member that is down lags, as a node shows it.
  private func lag(at node: Node) throws -> Int {
    let text = try Client(node).stats().string
    let found = text.firstMatch(of: #/"status":"(?:Suspect|Down)","lag":(\d+)/#)
    return found.flatMap { Int($0.1) } ?? 0
  }

  @Test("a node that sleeps for longer than suspicion wakes up, refutes and catches up")
  func asleep() throws {
    let cluster = try NodeCluster(3)
    try Client(cluster[2], as: "alice").store("t", "gone", "1")
    try cluster.waitForAgreement()
    let stream = try EventStream(cluster[2], "/t/subscribe/k")
    cluster[2].signal(SIGSTOP)
    for number in 0..<20 {
      let time = try seconds {
        try Client(cluster[number % 2], as: "alice").store("t", "k", "\(number)")
      }
      #expect(time < 2 * Node.slowness, "an unreachable peer adds less than 2 s, not \(time)")
    }
    #expect(try Client(cluster[0], as: "alice").delete("t", "gone").status == 200)
    #expect(
      eventually(within: Self.noticeSeconds) {
        cluster[0].activeCount == 2 && cluster[1].activeCount == 2
      })
    let last = try Client(cluster[1]).get("t", "k").record()
    cluster[2].signal(SIGCONT)
    #expect(
      eventually(within: Self.returnSeconds * Node.slowness) {
        cluster.nodes.allSatisfy { $0.activeCount == 3 }
      })
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    #expect(try Client(cluster[2]).get("t", "gone").status == 404)
    while try stream.event().record() != last {}
    try cluster.stop()
  }

  @Test("a node that is told to stop says so, and is a member still when it comes back")
  func leaving() throws {
    let cluster = try NodeCluster(3)
    #expect(try cluster[1].stop() == 0)
    for node in [cluster[0], cluster[2]] {
      #expect(
        eventually(within: 10 * Node.slowness) {
          ["Leaving", "Down"].contains(node.status(ofPort: cluster[1].port))
        })
      #expect(
        eventually(within: Self.noticeSeconds) {
          node.status(ofPort: cluster[1].port) == "Down"
        })
    }
    try Client(cluster[0], as: "alice").store("t", "k", "1")
    try cluster[1].start(samePort: true)
    try cluster.waitUntilWhole(within: Self.returnSeconds)
    #expect(try cluster[1].waitForValue("t", "k", "1"))
    try cluster.stop()
  }

  @Test("a minority goes on; who asks for more copies than there are is told")
  func minority() throws {
    let cluster = try NodeCluster(3)
    try cluster[1].kill()
    try cluster[2].kill()
    let client = Client(cluster[0], as: "alice")
    for query in ["", "?ack=one", "?ack=auto"] {
      var response: Response?
      let time = try seconds {
        response = try client.send("PUT", "/t/key/k\(query)", "{\"value\":1}")
      }
      #expect(response?.status == 201 && response?["X-Acks"] == "1/3")
      #expect(time < 2 * Node.slowness, "an unreachable peer adds less than 2 s, not \(time)")
    }
    for query in ["?ack=quorum", "?ack=all"] {
      let response = try client.send("PUT", "/t/key/asked\(query)", "{\"value\":2}")
      #expect(response.status == 503 && response["X-Acks"] == "1/3", "\(response)")
      #expect(try JSONText.member("outcome", of: response.body) == "\"unknown\"")
    }
    #expect(try client.get("t", "asked").status == 200, "it is stored, and will spread")
    try cluster[1].start(samePort: true)
    try cluster[2].start(samePort: true)
    try cluster.waitUntilWhole(within: Self.returnSeconds)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    #expect(try cluster[2].waitForValue("t", "asked", "2"))
    try cluster.stop()
  }

  @Test("no acknowledged write is missing after kill -9 of one node after the other, under load")
  func underLoad() throws {
    let cluster = try NodeCluster(3)
    let journals = (0..<3).map { Journal(writer: $0) }
    let writing = inBackground(3) { index in
      // The writer of a node that was killed goes on when it is back.
      for _ in 0..<3 {
        journals[index].write(to: cluster[index], changes: 150)
        _ = eventually(within: 60) { cluster[index].isAnswering }
      }
    }
    for victim in 0..<3 {
      let mark = journals[victim].progress
      _ = eventually(within: 20) { journals[victim].progress > mark + 20 }
      try cluster[victim].kill()
      try cluster[victim].start(samePort: true)
    }
    try writing.wait(for: 3)
    try cluster.waitUntilWhole()
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    for journal in journals { for node in cluster.nodes { try journal.check(Client(node)) } }
    try cluster.stop()
  }

  @Test("a whole cluster that was killed comes back, in whatever order")
  func allKilled() throws {
    let cluster = try NodeCluster(3)
    for number in 0..<60 {
      try Client(cluster[number % 3], as: "alice").store("t", "k\(number)", "\(number)")
    }
    let before = try cluster.waitForAgreement()
    for node in cluster.nodes { try node.kill() }
    for index in [1, 2, 0] { try cluster[index].start(samePort: true) }
    try cluster.waitUntilWhole(within: Self.returnSeconds)
    #expect(try cluster.waitForAgreement(within: Self.agreementSeconds) == before)
    try cluster.stop()
  }

  @Test("five nodes, each joined through another one, come to the same records")
  func five() throws {
    let settings = ["CLUSTER_SECRET": NodeCluster.secret]
    var chain = [try Node(settings)]
    for _ in 0..<4 {
      chain.append(try Node(settings, arguments: ["127.0.0.1:\(chain.last!.port)"]))
    }
    let nodes = chain
    let cluster = try NodeCluster(of: nodes)
    try inParallel(5) { writer in
      for number in 0..<40 {
        try Client(nodes[writer], as: "alice").store("t", "k\(number % 8)", "\"\(writer)\"")
      }
    }
    try cluster.waitForAgreement()
    try nodes[1].kill()
    try nodes[3].kill()
    let put = try Client(nodes[4], as: "alice").send(
      "PUT", "/t/key/most?ack=quorum", "{\"value\":1}")
    #expect(put.status == 201 && put["X-Acks"] == "3/5")
    try nodes[1].start(samePort: true)
    try nodes[3].start(samePort: true)
    try cluster.waitUntilWhole(within: Self.returnSeconds)
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    try cluster.stop()
  }

  @Test(
    "a node whose disk is full harms no other, and catches up when there is room",
    .enabled(if: SmallFileSystem.isPermitted, Comment(rawValue: SmallFileSystem.whyNot)))
  func fullDisk() throws {
    let disk = try SmallFileSystem("size=16m")
    let settings = ["CLUSTER_SECRET": NodeCluster.secret]
    let first = try Node(settings)
    let second = try Node(settings, arguments: ["127.0.0.1:\(first.port)"])
    let small = try Node(
      settings.merging(["DYNA_DATA_DIR": "\(disk.directory.path)/data"]) { $1 },
      arguments: ["127.0.0.1:\(first.port)"])
    let cluster = try NodeCluster(of: [first, second, small])
    let ballast = [UInt8](repeating: 1, count: max(0, disk.freeBytes - (3 << 20)))
    try disk.directory.write("ballast", ballast)
    let piece = ByteText("\"" + String(repeating: "f", count: 40_000) + "\"")
    let client = Client(first, as: "alice")
    for number in 0..<200 {
      let time = try seconds { try client.store("t", "k\(number)", piece) }
      #expect(time < 2 * Node.slowness, "a peer with a full disk adds less than 2 s, not \(time)")
    }
    #expect(try second.waitForValue("t", "k199", piece))
    #expect(try Client(small, as: "alice").put("t", "no", "{\"value\":\(piece)}").status == 507)
    #expect(try Client(small).get("t", "k0").status == 200, "it goes on reading")
    try FileManager.default.removeItem(atPath: "\(disk.directory.path)/ballast")
    try cluster.waitForAgreement(within: Self.agreementSeconds)
    #expect(try Client(first).get("t", "no").status == 404)
    try cluster.stop()
  }
}

extension Node {
  /// Whether it takes requests.
  var isAnswering: Bool { (try? Client(self).send("GET", "/heartbeat").status) == 200 }
}
