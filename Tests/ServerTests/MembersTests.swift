import Bytes
import Cluster
import Platform
import Testing

@testable import Server

@Suite("Loop: members of the cluster")
struct MembersTests {
  private static let secret = "the secret of the cluster"

  private func world() throws -> LoopWorld {
    try LoopWorld { $0.clusterSecrets = [utf8("another"), utf8(Self.secret)] }
  }

  private func request(_ method: String, _ path: String, _ secret: String = secret) -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: x\r\nx-api-key: \(secret)\r\n\r\n"
  }

  @Test(
    "a member is named by its number or its address",
    arguments: [
      ("00000000000000ff", MemberName.id(NodeID(255))),
      ("0123456789ABCDEF", .id(NodeID(0x0123_4567_89ab_cdef))),
      ("10.0.0.1:6660", .endpoint(Endpoint(host: utf8("10.0.0.1"), port: 6660))),
      ("[::1]:80", .endpoint(Endpoint(host: utf8("::1"), port: 80))),
      ("node-3.example:1", .endpoint(Endpoint(host: utf8("node-3.example"), port: 1))),
    ])
  func name(text: String, expected: MemberName) {
    #expect(DataLoop.memberName(utf8(text).span) == expected)
  }

  @Test(
    "everything else names no member",
    arguments: [
      "", "x", "0000000000000000", "00000000000000f", "00000000000000fff", "0123456789abcdeg",
      "host", "host:", "host:0", "host:65536", ":1", "::1:80",
      String(repeating: "h", count: 256) + ":1",
    ])
  func noName(text: String) {
    #expect(DataLoop.memberName(utf8(text).span) == nil)
  }

  @Test("of two members with one address the one that answers is shown, whatever their order")
  func oneAddress() {
    func member(_ id: UInt64, _ address: String, _ isActive: Bool, _ heard: UInt64)
      -> ClusterView.Member
    {
      var member = ClusterView.Member()
      (member.id, member.address) = (id, utf8(address))
      (member.isActive, member.lastHeard) = (isActive, heard)
      return member
    }
    let old = member(1, "a:6660", false, 0)
    let new = member(2, "a:6660", true, 5)
    let other = member(3, "b:6660", false, 9)
    #expect(ClusterView.distinct([old, new, other]).map(\.id) == [2, 3])
    #expect(ClusterView.distinct([new, other, old]).map(\.id) == [2, 3])
    let gone = member(4, "a:6660", false, 7)
    #expect(ClusterView.distinct([old, gone]).map(\.id) == [4])
  }

  @Test("a node without a cluster lists itself, and has nobody to remove")
  func alone() throws {
    let node = try world()
    let client = try node.connect()
    let answer = node.exchange(request("GET", "/admin/members"), from: client)
    #expect(statuses(answer) == ["200"])
    #expect(
      answer.contains(
        "{\"members\":[{\"node\":\"0000000000000abc\",\"address\":\"127.0.0.1:1\",\"status\":\"Active\",\"self\":true,\"boot\":3,"
      ))
    #expect(answer.contains("],\"removed\":[],\"tombstones\":0,"))
    let path = "/admin/members/0123456789abcdef"
    #expect(statuses(node.exchange(request("DELETE", path), from: client)) == ["404"])
  }

  @Test("without the secret nothing is shown or done, and no method but those of the route")
  func refused() throws {
    let node = try world()
    let client = try node.connect()
    for secret in ["", "another secret", Self.secret + "x"] {
      #expect(
        statuses(node.exchange(request("GET", "/admin/members", secret), from: client)) == ["401"])
      let path = "/admin/members/0123456789abcdef"
      #expect(statuses(node.exchange(request("DELETE", path, secret), from: client)) == ["401"])
    }
    #expect(statuses(node.exchange(request("DELETE", "/admin/members"), from: client)) == ["405"])
    #expect(statuses(node.exchange(request("GET", "/admin/members/x"), from: client)) == ["405"])
    // The rest of the admin's API stays off.
    #expect(statuses(node.exchange(request("GET", "/admin/tables"), from: client)) == ["404"])
  }
}
