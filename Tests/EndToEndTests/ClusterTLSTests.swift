import Foundation
import Testing

/// Contract §5: in https mode nodes prove themselves to each other with certificates, too.
@Suite("Cluster: https", .blocking)
struct ClusterTLSTests {
  private let certificates = Result { try CertificateFolder() }

  private func start(
    _ certificates: CertificateFolder, _ arguments: [String] = []
  ) throws -> Node {
    try Node(
      [
        "CLUSTER_SECRET": NodeCluster.secret, "DYNA_MODE": "https",
        "DYNA_CERT_DIR": certificates.path,
      ], arguments: arguments, way: .sealed(authority: certificates.authority))
  }

  @Test("three nodes with the certificates of cert.sh are one store, also after kill -9")
  func three() throws {
    let certificates = try certificates.get()
    let first = try start(certificates)
    let second = try start(certificates, ["https://127.0.0.1:\(first.port)"])
    let third = try start(certificates, ["127.0.0.1:\(first.port)"])
    let cluster = try NodeCluster(of: [first, second, third])
    for (index, node) in cluster.nodes.enumerated() {
      try Client(node, as: "alice").store("t", "k\(index)", "\(index)")
    }
    try cluster.waitForAgreement()
    try second.kill()
    try Client(third, as: "alice").store("t", "more", "1")
    #expect(try Client(first, as: "alice").delete("t", "k0").status == 200)
    try second.start(samePort: true)
    try cluster.waitUntilWhole()
    let store = try cluster.waitForAgreement()
    #expect(!store.string.contains("\"k0\"") && store.string.contains("\"more\""))
    try cluster.stop()
  }

  @Test("a node with a certificate of another authority stays out, and its log says why")
  func foreign() throws {
    let first = try start(try certificates.get())
    let stranger = try start(try CertificateFolder(), ["127.0.0.1:\(first.port)"])
    #expect(
      eventually {
        stranger.log.contains("goes on asking") && stranger.log.lowercased().contains("certificate")
      }, "\(stranger.log)")
    #expect(first.activeCount == 1)
    try stranger.stop()
    try first.stop()
  }

  @Test("a node without TLS and one with it do not come together")
  func mixed() throws {
    let first = try start(try certificates.get())
    let plain = try Node(
      ["CLUSTER_SECRET": NodeCluster.secret], arguments: ["127.0.0.1:\(first.port)"])
    #expect(eventually { plain.log.contains("goes on asking") }, "\(plain.log)")
    #expect(first.activeCount == 1)
    try plain.stop()
    try first.stop()
  }
}
