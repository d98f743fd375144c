import Bytes
import Testing

@testable import Server

@Suite("Server: reading ahead")
struct ReadAheadTests {
  private func glance(_ text: String) -> UInt64? {
    RequestGlance.hash(Array(text.utf8).span, seed: 7)
  }

  private func place(_ table: String, _ key: String) -> UInt64 {
    StableHash.record(table: Array(table.utf8).span, key: Array(key.utf8).span, seed: 7)
  }

  @Test("a GET of a record is seen for what it asks")
  func record() {
    #expect(glance("GET /users/key/alice HTTP/1.1\r\nHost: x\r\n\r\n") == place("users", "alice"))
  }

  @Test("a head that is cut anywhere is no danger")
  func pieces() {
    let whole = "GET /users/key/alice HTTP/1.1\r\nHost: x\r\n\r\n"
    for count in 0...whole.utf8.count {
      let found = glance(String(whole.prefix(count)))
      #expect(found == nil || count > 16)
    }
  }

  @Test(
    "other requests are left alone",
    arguments: [
      "PUT /users/key/alice HTTP/1.1\r\n", "GET /users/store HTTP/1.1\r\n",
      "GET /users/keys/alice HTTP/1.1\r\n", "GET http://x/users/key/a HTTP/1.1\r\n",
      "GET /us ers/key/alice HTTP/1.1\r\n", "get /users/key/alice HTTP/1.1\r\n\r\n",
    ])
  func others(head: String) {
    #expect(glance(head) == nil)
  }
}
