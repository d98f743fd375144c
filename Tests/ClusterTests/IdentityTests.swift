import Cluster
import Testing

@Suite("Cluster: identity")
struct IdentityTests {
  @Test("node numbers are ordered as unsigned numbers")
  func order() { #expect(NodeID(1) < NodeID(.max)) }
}
