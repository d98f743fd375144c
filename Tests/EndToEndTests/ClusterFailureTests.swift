import Foundation
import Testing

/// Contract §4, §6, §7: nodes that fail, and come back.
@Suite("Cluster: failures", .blocking)
struct ClusterFailureTests {
  @Test("a node that was killed is noticed, the rest go on, and it has caught up when it is back")
  func killAndReturn() throws {
    let cluster = try NodeCluster(3)
    let client = Client(cluster[0], as: "alice")
    for key in ["kept", "changed", "deleted"] { try client.store("default", key, "\"before\"") }
    try cluster.waitForAgreement()
    try cluster[1].kill()
    try client.store("default", "changed", "\"after\"")
    #expect(try client.delete("default", "deleted").status == 200)
    try client.store("default", "new", "\"after\"")
    #expect(
      eventually(within: 60) {
        cluster[0].activeCount == 2 && cluster[2].activeCount == 2
          && cluster[0].status(ofPort: cluster[1].port) == "Down"
      })
    for _ in 0..<20 {
      let time = try seconds { _ = try client.store("default", "new", "\"later\"") }
      #expect(time < 2)
    }
    try cluster[1].start(samePort: true)
    try cluster.waitUntilWhole()
    let store = try cluster.waitForAgreement()
    #expect(!store.contains("deleted\""))
    for (key, value) in [("kept", "\"before\""), ("changed", "\"after\""), ("new", "\"later\"")] {
      #expect(try cluster[1].waitForValue("default", key, ByteText(value)))
    }
    #expect(try cluster[1].waitForValue("default", "deleted", nil))
    try cluster.stop()
  }

  @Test("a node that stood still for longer than suspicion lasts takes its place again")
  func standstill() throws {
    let cluster = try NodeCluster(3)
    let client = Client(cluster[0], as: "alice")
    try client.store("default", "deleted", "1")
    try cluster.waitForAgreement()
    cluster[2].signal(SIGSTOP)
    #expect(
      eventually(within: 60) { cluster[0].status(ofPort: cluster[2].port) == "Down" })
    #expect(try client.delete("default", "deleted").status == 200)
    for index in 0..<50 { try client.store("default", "k\(index)", "\(index)") }
    cluster[2].signal(SIGCONT)
    try cluster.waitUntilWhole()
    try cluster.waitForAgreement()
    #expect(try cluster[2].waitForValue("default", "deleted", nil))
    try cluster.stop()
  }

  @Test("with too few nodes a quorum is not reached, and the answer says that its outcome is open")
  func noQuorum() throws {
    let cluster = try NodeCluster(3)
    let client = Client(cluster[0], as: "alice")
    try cluster[1].kill()
    try cluster[2].kill()
    var response: Response?
    let time = try seconds {
      response = try client.send("PUT", "/default/key/k?ack=quorum", "{\"value\":1}")
    }
    #expect(time < 4)
    #expect(response?.status == 503)
    #expect(response?["X-Acks"] == "1/3")
    #expect(try JSONText.member("outcome", of: response?.body ?? "") == "\"unknown\"")
    #expect(try client.get("default", "k").record().value == "1", "it is stored all the same")
    let auto = try client.put("default", "k", "{\"value\":2}")
    #expect(auto.status == 201 && auto["X-Acks"] == "1/3")
    try cluster[0].stop()
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

  @Test("five nodes agree after writes on all of them while two are killed and come back")
  func fiveNodes() throws {
    let cluster = try NodeCluster(5)
    try inParallel(5) { writer in
      let client = Client(cluster[writer], as: "alice")
      for step in 0..<20 { try client.store("default", "k\(step)", "\"\(writer)-\(step)\"") }
    }
    for index in [1, 3] { try cluster[index].kill() }
    let client = Client(cluster[0], as: "alice")
    for step in 0..<10 { #expect(try client.delete("default", "k\(step)").status == 200) }
    for index in [1, 3] { try cluster[index].start(samePort: true) }
    try cluster.waitUntilWhole()
    let store = try cluster.waitForAgreement()
    #expect(!store.contains("\"k0\":") && store.contains("\"k19\":"))
    try cluster.stop()
  }
}
