import Foundation
import Testing

/// Contract §3, §4, §6: one store on three nodes.
@Suite("Cluster: one store on three nodes", .blocking)
struct ClusterDataTests {
  private static let shared = SharedCluster()

  private func nodes() throws -> [Node] { try Self.shared.cluster().nodes }

  @Test("what is written on one node is read on all")
  func writeAndRead() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    for (index, node) in nodes.enumerated() {
      let written = try Client(node, as: "alice").store(table, "k\(index)", "{\"n\":\(index).50}")
      for reader in nodes {
        #expect(try reader.waitForValue(table, "k\(index)", "{\"n\":\(index).50}"))
        #expect(try Client(reader).get(table, "k\(index)").record() == written)
      }
    }
    for node in nodes {
      #expect(
        eventually {
          (try? Client(node).send("GET", "/\(table)/keys").body) == #"["k0","k1","k2"]"#
        })
    }
  }

  @Test("versions go on across nodes, patches and deletes too")
  func versions() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    try Client(nodes[0], as: "alice").store(table, "k", "{\"a\":1}")
    #expect(try nodes[1].waitForValue(table, "k", "{\"a\":1}"))
    let patched = try Client(nodes[1], as: "alice").patch(table, "k", "{\"b\":2}")
    #expect(patched.status == 200)
    #expect(try patched.record().version == 2)
    #expect(try nodes[2].waitForValue(table, "k", patched.record().value))
    #expect(try Client(nodes[2], as: "alice").delete(table, "k").status == 200)
    for node in nodes { #expect(try node.waitForValue(table, "k", nil)) }
    #expect(try Client(nodes[0], as: "bob").put(table, "k", "{\"value\":3}").status == 201)
  }

  @Test("only the owner writes, on every node")
  func ownership() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    try Client(nodes[0], as: "alice").store(table, "k", "1")
    for node in nodes {
      #expect(try node.waitForValue(table, "k", "1"))
      #expect(try Client(node, as: "bob").put(table, "k", "{\"value\":2}").status == 401)
      #expect(try Client(node, as: "bob").delete(table, "k").status == 401)
    }
  }

  @Test("a user logs in on a node that did not register them, and only with the right secret")
  func users() throws {
    let nodes = try nodes()
    let name = uniqueTable("user")
    #expect(try Client(nodes[0]).login(name, "wonderland").text.contains("User created"))
    for node in nodes[1...] {
      #expect(
        try eventually {
          let response = try Client(node).login(name, "wonderland")
          return response.status == 200 && !response.text.contains("User created")
        })
      #expect(try Client(node).login(name, "looking-glass").status == 401)
    }
  }

  @Test("two nodes that register one name at once end with one secret, the same everywhere")
  func registrationRace() throws {
    let nodes = try nodes()
    for _ in 0..<4 {
      let name = uniqueTable("race")
      let answers = try inParallel(3) { try Client(nodes[$0]).login(name, "secret-\($0)") }
      let winners = answers.indices.filter { answers[$0].status == 200 }
      #expect(winners.count == 1, "\(answers.map(\.text))")
      for loser in answers where loser.status != 200 { #expect(loser.status == 401) }
      for node in nodes {
        for index in 0..<3 {
          #expect(
            try eventually {
              try Client(node).login(name, "secret-\(index)").status
                == (winners.contains(index) ? 200 : 401)
            })
        }
      }
    }
  }

  @Test("a subscriber on one node sees the changes that are made on the others")
  func events() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    let stream = try EventStream(nodes[2], "/\(table)/subscribe/k")
    try Client(nodes[0], as: "alice").store(table, "k", "1")
    #expect(try stream.event().record().value == "1")
    #expect(try nodes[1].waitForValue(table, "k", "1"))
    try Client(nodes[1], as: "alice").store(table, "k", "2")
    let second = try stream.event()
    #expect(try second.record().value == "2")
    #expect(try nodes[0].waitForValue(table, "k", "2"))
    #expect(try Client(nodes[0], as: "alice").delete(table, "k").status == 200)
    #expect(try stream.event().isDeleted)
    let id = try #require(second.id)
    #expect(try nodes[1].waitForValue(table, "k", nil))
    let again = try EventStream(nodes[1], "/\(table)/subscribe/k", lastEventID: id)
    #expect(try again.event().isDeleted, "the newer state comes first, on any node")
  }

  @Test("an answer says how many nodes have the write")
  func acknowledgements() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    let client = Client(nodes[0], as: "alice")
    let levels = [("", 2), ("?ack=auto", 2), ("?ack=one", 1), ("?ack=quorum", 2), ("?ack=all", 3)]
    for (query, least) in levels {
      // A busy machine may take longer than the node waits: then the answer says so.
      var answers: [String] = []
      #expect(
        try eventually {
          let put = try client.send("PUT", "/\(table)/key/k\(query)", "{\"value\":1}")
          let acks = put.values(of: "X-Acks")
          answers.append("\(put.status) \(acks)")
          guard put.status == 201, acks.count == 1, acks[0].hasSuffix("/3") else { return false }
          return (Int(acks[0].prefix(1)) ?? 0) >= least
        }, "\(query): \(answers)")
    }
    #expect(try client.send("PATCH", "/\(table)/key/k?ack=all", "{}").status == 409)
    let delete = try client.send("DELETE", "/\(table)/key/k?ack=one")
    #expect(delete["X-Acks"]?.hasSuffix("/3") == true)
    #expect(delete.body == #"{"message":"Deleted locally"}"#)
    #expect(try client.send("PUT", "/\(table)/key/k?ack=most", "{\"value\":1}").status == 400)
    #expect(try client.get(table, "k")["X-Acks"] == nil)
  }

  @Test("many writes on all nodes at once come to the same records everywhere")
  func concurrentWrites() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    try inParallel(6) { writer in
      let client = Client(nodes[writer % 3], as: "alice")
      for step in 0..<100 {
        let response = try client.put(table, "k\(step % 10)", "{\"value\":\"\(writer)-\(step)\"}")
        guard response.status == 201 else { throw Trouble("\(response.status) \(response.body)") }
      }
    }
    try Self.shared.cluster().waitForAgreement()
  }

  @Test("pipelined writes are each answered once, in their order")
  func pipelined() throws {
    let nodes = try nodes()
    let table = uniqueTable()
    try Client(nodes[1], as: "alice").storeAll(table, (0..<300).map { ("k\($0)", "\($0)") })
    #expect(try nodes[2].waitForValue(table, "k299", "299"))
    try Self.shared.cluster().waitForAgreement()
  }
}

/// A cluster shared by the tests of a suite, started by the first of them.
final class SharedCluster: Sendable {
  private let started = Once { try NodeCluster(3) }

  func cluster() throws -> NodeCluster { try started.value.get() }
}
