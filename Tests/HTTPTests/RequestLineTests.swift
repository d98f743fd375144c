import Testing

@testable import HTTP

@Suite("The request line")
struct RequestLineTests {
  static let rest = "Host: h\r\n\r\n"

  @Test(
    "is a method, a target and a version with one space between each",
    arguments: [
      "GET / HTTP/1.1\r\n", "GET /default/key/k HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n",
      "POST /auth/alice HTTP/1.1\r\n", "PUT /t/key/k HTTP/1.1\r\n", "PATCH /t/key/k HTTP/1.1\r\n",
      "DELETE /t/key/k HTTP/1.1\r\n", "OPTIONS /t/key/k HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
      "get / HTTP/1.1\r\n", "PROPFIND / HTTP/1.1\r\n", "M-SEARCH / HTTP/1.1\r\n",
      "!#$%&'*+-.^_`|~ / HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "GET / HTTP/1.2\r\n",
      "GET / HTTP/1.9\r\n", "\r\nGET / HTTP/1.1\r\n", "\r\n\r\nGET / HTTP/1.1\r\n",
      "GET //a//b HTTP/1.1\r\n", "GET /a?b HTTP/1.1\r\n", "GET /? HTTP/1.1\r\n",
      "GET /a?b=c&d=/?:@ HTTP/1.1\r\n", "GET /a%2Fb%00%ff HTTP/1.1\r\n",
      "GET /..;/%2e%2E/. HTTP/1.1\r\n", "GET /-._~!$&'()*+,;=:@aZ09 HTTP/1.1\r\n",
      "GET http://h/ HTTP/1.1\r\n", "GET HTTP://h HTTP/1.1\r\n", "GET https://h:1/a?b HTTP/1.1\r\n",
      "GET http://h?b HTTP/1.1\r\n", "GET http://[::1]:6660/a HTTP/1.1\r\n",
      "OPTIONS http://h HTTP/1.1\r\n", "GET http://h: HTTP/1.1\r\n",
      "TRACE / HTTP/1.1\r\n", "GET /a/?x=%7B%22a%22%3A1%7D HTTP/1.1\r\n",
    ])
  func accepted(line: String) {
    #expect(verdict(Array((line + Self.rest).utf8)) == .complete)
  }

  @Test(
    "is refused with 400 where it is malformed",
    arguments: [
      " GET / HTTP/1.1\r\n", "\tGET / HTTP/1.1\r\n", "GET  / HTTP/1.1\r\n", "GET /  HTTP/1.1\r\n",
      "GET\t/ HTTP/1.1\r\n", "GET /\tHTTP/1.1\r\n", "GET / HTTP/1.1 \r\n", "GET / HTTP/1.1\t\r\n",
      "GET /\r\n", "GET / \r\n", "GET\r\n", "GET \r\n", "/ HTTP/1.1\r\n", "GET HTTP/1.1\r\n",
      "G(T / HTTP/1.1\r\n", "G\"T / HTTP/1.1\r\n", "G\0T / HTTP/1.1\r\n", "GÉT / HTTP/1.1\r\n",
      "GET: / HTTP/1.1\r\n", "GET / http/1.1\r\n", "GET / HTTP/1\r\n", "GET / HTTP/1.\r\n",
      "GET / HTTP/.1\r\n", "GET / HTTP/11.1\r\n", "GET / HTTP/1.10\r\n", "GET / HTTP/1,1\r\n",
      "GET / HTTP /1.1\r\n", "GET / HTTP/ 1.1\r\n", "GET / HTTP/1.1x\r\n", "GET / HTP/1.1\r\n",
      "GET / HTTPS/1.1\r\n", "GET / HTTP/a.b\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r",
      "GET / HTTP/1.1\rX", "GET / HTTP/1.1\n\r", "GET /\n", "GET\n", "\nGET / HTTP/1.1\r\n",
      "\rGET / HTTP/1.1\r\n", "\r\n GET / HTTP/1.1\r\n",
      "GET / x HTTP/1.1\r\n", "GET /a b HTTP/1.1\r\n", "GET /a\0b HTTP/1.1\r\n",
      "GET /\u{7f} HTTP/1.1\r\n", "GET /é HTTP/1.1\r\n", "GET /a\"b HTTP/1.1\r\n",
      "GET /<a> HTTP/1.1\r\n", "GET /a\\b HTTP/1.1\r\n", "GET /a^b HTTP/1.1\r\n",
      "GET /a`b HTTP/1.1\r\n", "GET /{a} HTTP/1.1\r\n", "GET /a|b HTTP/1.1\r\n",
      "GET /a[b] HTTP/1.1\r\n", "GET /#a HTTP/1.1\r\n", "GET /a?b#c HTTP/1.1\r\n",
      "GET /% HTTP/1.1\r\n", "GET /%2 HTTP/1.1\r\n", "GET /%2g HTTP/1.1\r\n",
      "GET /%g2 HTTP/1.1\r\n", "GET /%%20 HTTP/1.1\r\n", "GET /?%zz HTTP/1.1\r\n",
      "GET /%u0041 HTTP/1.1\r\n", "GET /a%\r\n", "GET a HTTP/1.1\r\n", "GET ?a HTTP/1.1\r\n",
      "GET * HTTP/1.1\r\n", "PUT * HTTP/1.1\r\n", "OPTIONS ** HTTP/1.1\r\n",
      "OPTIONS */ HTTP/1.1\r\n", "GET h:80 HTTP/1.1\r\n", "GET ftp://h/ HTTP/1.1\r\n",
      "GET http:/h/ HTTP/1.1\r\n", "GET http:// HTTP/1.1\r\n", "GET http:///a HTTP/1.1\r\n",
      "GET http://u@h/ HTTP/1.1\r\n", "GET http://h:x/ HTTP/1.1\r\n",
      "GET http://h:65536/ HTTP/1.1\r\n", "GET http://[::1/ HTTP/1.1\r\n",
      "GET http://h/[a] HTTP/1.1\r\n", "GET http://h/?[ HTTP/1.1\r\n",
      "GET http://h[/ HTTP/1.1\r\n", "GET file:///etc/passwd HTTP/1.1\r\n",
      "CONNECT / HTTP/1.1\r\n", "CONNECT h HTTP/1.1\r\n", "CONNECT http://h/ HTTP/1.1\r\n",
      "CONNECT h: HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", "{\"a\":1}\r\n",
      "GET /\u{1}\r\n", "\0\0\0\0", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n",
      "\u{16}\u{3}\u{1}\u{2}\0\u{1}", "G\u{b}T / HTTP/1.1\r\n", "GET\u{b}/ HTTP/1.1\r\n",
      "GET\u{c}/\u{c}HTTP/1.1\r\n", "GET\r/ HTTP/1.1\r\n", "GET\u{a0}/ HTTP/1.1\r\n",
    ])
  func malformed(line: String) {
    #expect(verdict(Array((line + Self.rest).utf8)) == .refused(400))
  }

  @Test(
    "is refused with 505 where its version is well-formed and not 1.x",
    arguments: [
      "GET / HTTP/2.0\r\n", "GET / HTTP/0.9\r\n", "GET / HTTP/3.0\r\n", "GET / HTTP/9.9\r\n",
      "GET / HTTP/0.0\r\n", "PRI * HTTP/2.0\r\n", "GET / HTTP/2.1\r\n",
    ])
  func version(line: String) {
    #expect(verdict(Array((line + Self.rest).utf8)) == .refused(505))
  }

  @Test(
    "is refused with 501 where the method can be none of ours",
    arguments: [
      "CONNECT h:443 HTTP/1.1\r\n", "CONNECT [::1]:443 HTTP/1.1\r\n",
      "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n",
    ])
  func method(line: String) {
    #expect(verdict(Array((line + Self.rest).utf8)) == .refused(501))
  }

  @Test(
    "names the method, by case",
    arguments: zip(
      ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "Get", "TRACE", "PUTS"],
      [
        Method.get, .head, .post, .put, .patch, .delete, .options, .other, .other, .other,
      ]))
  func methodName(name: String, method: Method) {
    #expect(parsed("\(name) / HTTP/1.1\r\nHost: h\r\n\r\n")?.method == method)
  }

  @Test(
    "splits its target into path, query and host",
    arguments: [
      ("/", "/", "", "h"), ("/a/b", "/a/b", "", "h"), ("/a?b=c", "/a", "b=c", "h"),
      ("/a?", "/a", "", "h"), ("/?a?b", "/", "a?b", "h"), ("//a", "//a", "", "h"),
      ("/a%3Fb", "/a%3Fb", "", "h"), ("http://x:1/a?b", "/a", "b", "x:1"),
      ("http://x", "/", "", "x"), ("https://x?b=/c", "/", "b=/c", "x"),
      ("hTTp://[::1]:6660/a", "/a", "", "[::1]:6660"),
    ])
  func split(target: String, path: String, query: String, host: String) throws {
    let whole = "GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n"
    let request = try #require(parsed(whole))
    #expect(text(request.path, in: whole) == path)
    #expect(text(request.query, in: whole) == query)
    #expect(text(request.host, in: whole) == host)
  }

  @Test("marks the target that is the whole server")
  func asterisk() {
    #expect(parsed("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")?.isAsterisk == true)
    #expect(parsed("OPTIONS /* HTTP/1.1\r\nHost: h\r\n\r\n")?.isAsterisk == false)
  }

  @Test("counts the empty lines before it as part of the head")
  func emptyLines() {
    let whole = "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
    #expect(parsed(whole)?.headBytes == whole.utf8.count)
  }

  @Test("says that the port speaks http where the client speaks TLS")
  func clientHello() {
    let hello: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]
    #expect(parseWhole(hello).outcome == .refused(.tlsOnPlainPort))
    #expect(parseByteByByte(hello).used == 1)
  }
}
