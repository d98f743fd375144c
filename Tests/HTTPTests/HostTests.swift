import Testing

@testable import HTTP

@Suite("The Host field")
struct HostTests {
  @Test(
    "is a host and perhaps a port",
    arguments: [
      "localhost", "localhost:6660", "127.0.0.1", "127.0.0.1:6660", "a-b.example.org", "a_b",
      "EXAMPLE.org.", "999.1.2.3", "h:", "h:0", "h:65535", "h:00080", "%41b", "a%2fb", "a,b",
      "a;b=c",
      "[::]", "[::1]", "[::1]:6660", "[1:2:3:4:5:6:7:8]", "[1::8]", "[1:2:3:4:5:6:7::]",
      "[::2:3:4:5:6:7:8]", "[::ffff:127.0.0.1]", "[1:2:3:4:5:6:1.2.3.4]", "[fe80::ABCD]",
      "[v1.a:b]", "[vF.x]",
    ])
  func accepted(host: String) {
    #expect(verdict(Array("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)) == .complete)
  }

  @Test(
    "is refused with 400 where it is no host",
    arguments: [
      "", " ", ":80", "a b", "a, b", "a/b", "http://a", "a@b", "u:p@a", "a?b", "a#b", "a:b",
      "a:80x",
      "a:-1", "a:+1", "a:65536", "a:99999999999999999999", "a:80:80", "a%", "a%2", "a%zz", "a\\b",
      "é", "\"a\"", "<a>", "a|b", "a^b", "[", "]", "[]", "[::1", "::1", "[::1]x", "[::1]80",
      "[::1]:x", "[1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1::2::3]", "[:::]", "[12345::]",
      "[g::]", "[1:2:3:4:5:6:7:8::]", "[:1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:]", "[::1.2.3]",
      "[::1.2.3.4.5]", "[::256.1.1.1]", "[::01.1.1.1]", "[1:2:3:4:5:6:7:1.2.3.4]", "[::1.2.3.4:1]",
      "[fe80::1%25eth0]", "[v.a]", "[v1.]", "[v1a]", "[vg.a]", "[127.0.0.1]", "[::1]]", "[[::1]]",
    ])
  func malformed(host: String) {
    #expect(verdict(Array("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)) == .refused(400))
  }

  @Test("is there exactly once in HTTP/1.1, also beside a target in absolute form")
  func once() {
    #expect(verdict(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .refused(400))
    #expect(verdict(Array("GET http://h/ HTTP/1.1\r\n\r\n".utf8)) == .refused(400))
    #expect(verdict(Array("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n".utf8)) == .refused(400))
    #expect(verdict(Array("GET / HTTP/1.1\r\nHost: h\r\nhost: i\r\n\r\n".utf8)) == .refused(400))
  }

  @Test("may lack in HTTP/1.0, but not come twice")
  func oldVersion() {
    #expect(verdict(Array("GET / HTTP/1.0\r\n\r\n".utf8)) == .complete)
    #expect(verdict(Array("GET / HTTP/1.0\r\nHost: h\r\n\r\n".utf8)) == .complete)
    #expect(verdict(Array("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n".utf8)) == .refused(400))
    #expect(verdict(Array("GET / HTTP/1.0\r\nHost: a b\r\n\r\n".utf8)) == .refused(400))
  }

  @Test("is judged as the grammar of RFC 3986 does", arguments: 0..<4)
  func grammar(seed: Int) {
    var numbers = SeededNumbers(state: UInt64(seed))
    let parts = ["1", "ab", "ffff", "0", "12345", "g", ":", ":", ":", "::", "1.2.3.4", ".", ""]
    var valid = 0
    for _ in 0..<1500 {
      var host = ""
      for _ in 0..<Int.random(in: 0...7, using: &numbers) {
        host += parts.randomElement(using: &numbers)!
        if Bool.random(using: &numbers) { host += ":" }
      }
      host = "[" + host + "]" + ["", "", ":80", ":65536"].randomElement(using: &numbers)!
      let bytes = Array(host.utf8)
      let isAccepted = HostGrammar.accepts(bytes.span, 0, bytes.count)
      #expect(isAccepted == NaiveHead.isHost(host), "\(host)")
      if isAccepted { valid += 1 }
    }
    #expect(valid > 10, "a check of refusals only")
  }
}
