import Foundation
import Testing

/// Contract §6: what nodes say to each other is for nodes that prove the secret, once.
@Suite("Cluster: internal routes", .blocking)
struct ClusterRouteTests {
  private static let routes = ["hello", "auth", "data", "control"]

  @Test("without a proof every internal route refuses, whatever is sent")
  func noProof() throws {
    let cluster = try NodeCluster(2)
    let client = Client(cluster[0], as: "alice")
    try client.store("default", "k", "1")
    let before = try cluster[0].wholeStore()
    let bodies: [ByteText] = [
      "", "{}", ByteText([UInt8](repeating: 0, count: 64)), ByteText((0...255).map { UInt8($0) }),
      ByteText([UInt8](repeating: 0xff, count: 5_000)),
    ]
    for route in Self.routes {
      for body in bodies {
        for mark in [nil, "", "0.1", "ffffffffffffffff.1", NodeCluster.secret, "\u{e9}"] {
          let response = try client.send(
            "POST", "/internal/v1/\(route)", body,
            fields: mark.map { [("X-Internal-Request", $0)] } ?? [])
          #expect([400, 401].contains(response.status), "\(route) \(String(describing: mark))")
        }
      }
      #expect(try client.send("GET", "/internal/v1/\(route)").status == 401)
    }
    #expect(try client.send("POST", "/internal/v2/data", "{}").status == 401)
    #expect(try client.send("POST", "/internal/join", "{}").status == 401)
    #expect(try cluster[0].wholeStore() == before)
    #expect(cluster[0].activeCount == 2)
    try cluster.stop()
  }

  @Test("an absurd length is refused from the head alone")
  func absurdLength() throws {
    let node = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    for length in ["1000000000", "99999999999999999999"] {
      let link = try RawConnection(port: node.port)
      try link.send(
        ByteText("POST /internal/v1/data HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n\r\n"))
      #expect([400, 413].contains(try link.readResponse(to: "POST").status))
    }
    try node.stop()
  }

  @Test("a request that was heard on the way is worth nothing: repeated, changed or cut short")
  func replay() throws {
    let seed = try Node(["CLUSTER_SECRET": NodeCluster.secret])
    let tap = try WireTap(to: seed.port)
    // The seed tells the others to dial the tap, which hands everything on and listens.
    try seed.stop()
    let tapped = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret, "DYNA_ADVERTISE": "127.0.0.1:\(tap.port)"],
      in: seed.directory)
    tap.target = tapped.port
    let joiner = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(tapped.port)"])
    #expect(eventually(within: 60) { joiner.activeCount == 2 && tapped.activeCount == 2 })
    #expect(eventually { joiner.isReady })
    try Client(joiner, as: "alice").store("default", "k", "1")
    #expect(try tapped.waitForValue("default", "k", "1"), "also where no datagram comes through")
    #expect(eventually { tap.requests.contains { $0.contains("POST /internal/v1/data") } })

    let heard = tap.requests.filter { $0.contains("POST /internal/v1/") }
    #expect(!heard.contains { $0.contains(ByteText(NodeCluster.secret)) })
    for request in heard.suffix(20) {
      for change in 0..<4 {
        var bytes = request.bytes
        switch change {
        case 1: bytes[bytes.count - 1] ^= 1
        case 2: bytes[bytes.count / 2] ^= 0x40
        case 3: bytes.removeLast()
        default: break
        }
        let link = try RawConnection(port: tapped.port)
        try link.send(ByteText(bytes))
        link.finishSending()
        // What is cut short is never answered as if it were whole.
        guard let head = try? link.readHead() else { continue }
        let isGreeting = request.contains("/v1/hello")
        #expect(isGreeting || [400, 401, 408].contains(head.status), "\(head.status)")
      }
    }
    try joiner.stop()
    try tapped.stop()
    tap.close()
  }
}
