import Foundation
import Testing

@Suite("The test harness itself", .blocking)
struct HarnessTests {
  @Test("SHA-256 agrees with the vectors of FIPS 180-4")
  func sha256() {
    let vectors = [
      "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ]
    for (message, digest) in vectors { #expect(hex(SHA256.hash(Array(message.utf8))) == digest) }
  }

  @Test("HMAC-SHA-256 agrees with RFC 4231, cases 2 and 6")
  func hmac() {
    let short = SHA256.authenticate(
      Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
    #expect(hex(short) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    let long = SHA256.authenticate(
      Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      key: [UInt8](repeating: 0xaa, count: 131))
    #expect(hex(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }

  @Test("a token has three parts and the signature of the example of jwt.io")
  func token() {
    let token = Token.make(
      header: #"{"alg":"HS256","typ":"JWT"}"#,
      claims: #"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#,
      secret: "your-256-bit-secret")
    #expect(token.hasSuffix(".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"))
  }

  @Test("JSON comes apart with every byte kept")
  func json() throws {
    let members = try JSONText.members(of: #" { "a" : 1.0 , "\u0062":[1, {"x":"}"}],"c":"\"" } "#)
    #expect(members.map(\.name) == ["a", "b", "c"])
    #expect(members.map(\.raw) == ["1.0", #"[1, {"x":"}"}]"#, #""\"""#])
    #expect(try JSONText.elements(of: "[ 1 ,\"a\", null]") == ["1", "\"a\"", "null"])
    #expect(try JSONText.string(#""\ud83d\ude00\/""#) == "😀/")
    for bad in ["{\"a\":1,}", "[1 2]", "01x", "{\"a\"}", "[1]]", "\"\u{1}\"", ""] {
      #expect(throws: Trouble.self) { try JSONText.check(ByteText(bad)) }
    }
  }

  @Test("texts that Unicode takes for the same are different bytes")
  func bytes() {
    #expect("\u{e9}" == "e\u{301}")
    #expect(ByteText("\u{e9}") != ByteText("e\u{301}"))
    #expect(ByteText("abcd").contains("bc") && !ByteText("abcd").contains("ce"))
  }

  @Test("responses are read by length, by chunks and to the end, one behind the other")
  func responses() throws {
    let (far, near) = try pair()
    try far.send("HTTP/1.1 100 Continue\r\n\r\n")
    try far.send("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nA: b \r\n\r\nok")
    try far.send(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n"
    )
    try far.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    try far.send("HTTP/1.0 200 OK\r\n\r\nrest")
    far.close()
    let first = try near.readResponse(to: "PUT")
    #expect(first.status == 201 && first.body == "ok" && first["a"] == "b")
    #expect(try near.readResponse().body == "abc0123456789")
    #expect(try near.readResponse(to: "HEAD").body == "")
    #expect(try near.readResponse().body == "rest")
    #expect(try near.readHead() == nil)
  }

  @Test(
    "a careless response is not accepted",
    arguments: [
      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ])
  func careless(response: String) throws {
    let (far, near) = try pair()
    try far.send(ByteText(response))
    far.close()
    #expect(throws: Trouble.self) { try near.readResponse() }
  }

  @Test("a wait ends with its deadline")
  func deadline() throws {
    let (far, near) = try pair()
    #expect(throws: Trouble.self) { try near.readResponse(to: "GET", .in(seconds: 0.05)) }
    #expect(!near.stirs(withinMilliseconds: 10))
    try far.send("x")
    #expect(near.stirs(withinMilliseconds: 10_000))
  }

  @Test("a child's output and exit code are collected")
  func child() throws {
    let directory = try TemporaryDirectory()
    let child = try ChildProcess(
      "/bin/sh",
      ["-c", "echo out; echo \"version=1 address=127.0.0.1:4711 $A\" >&2; read x; exit 3"],
      environment: ["A": "b"], workingDirectory: directory.path)
    #expect(try child.waitForErrorOutput { Node.address(in: $0) } == 4711)
    #expect(try child.waitForExit() == 3)
    #expect(child.errorOutput == "version=1 address=127.0.0.1:4711 b\n" && child.output == "out\n")
    let long = try ChildProcess(
      "/bin/sleep", ["100"], environment: [:], workingDirectory: directory.path)
    long.signal(SIGKILL)
    #expect(try long.waitForExit() == 128 + 9)
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String(format: "%02x", $0) }.joined()
  }

  private func pair() throws -> (RawConnection, RawConnection) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Trouble("socketpair: \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    return (RawConnection(descriptor: ends[0]), RawConnection(descriptor: ends[1]))
  }
}
