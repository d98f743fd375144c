import Testing

/// Contract §7, JSON: strict RFC 8259; an error is 400, keeps the connection, stores nothing.
@Suite("JSON strictness", .blocking)
struct JSONStrictnessTests {
  static let node = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  /// Texts that are no JSON value, to stand behind `"value":`.
  static let badValues: [ByteText] = {
    var texts: [ByteText] = [
      "", "01", "00", "-", "-01", "+1", ".5", "1.", "-.5", "1e", "1e+", "1.e1", "0x1", "1_000", "1a",
      "NaN", "Infinity", "-Infinity", "nul", "nulll", "True", "FALSE", "undefined", "'a'", "a", "\"a",
      "\"", #""\x""#, #""\u12""#, #""\u12G4""#, #""\u""#, #""\U0041""#, #""\'""#, #""\0""#, "\"\\",
      "\"\\\"", "\"a\" \"b\"", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1", "1]", "[1}", "{]", "]",
      #"{"a":1,}"#, "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a"::1}"#, "{a:1}", "{1:1}", #"{"a" 1}"#,
      #"{"a":1 "b":2}"#, #"{"a":1,,"b":2}"#, #"{"a":1"#, "{'a':1}", "/* c */1", "1//c", "#1", "1;",
      "\u{b}1", "\u{c}1", "\u{a0}1", "\u{2003}1", "\u{feff}1", "1\u{85}", "\u{2028}1", "--1", "1e1.5",
      "1 e5", "- 1", "tru e", "[\"\u{9}\"]", "\"a\nb\"", "\"a\u{0}\"",
    ]
    for control in UInt8(0)..<32 { texts.append(ByteText([0x22, control, 0x22])) }
    let invalid: [[UInt8]] = [
      [0xff], [0xfe], [0x80], [0xbf], [0xc0, 0xaf], [0xc1, 0xbf], [0xc2], [0xc3, 0x28], [0xe0, 0x80, 0xaf],
      [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0xaf],
      [0xf0, 0x9f, 0x98], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ]
    for bytes in invalid {
      texts.append(ByteText([0x22] + bytes + [0x22]))
      texts.append(ByteText([0x22, 0x61] + bytes + [0x61, 0x22]))
      texts.append(ByteText(bytes))
    }
    return texts
  }()

  @Test("what is no JSON value is 400 as a value, inside one and as a member name")
  func badValue() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    try client.store(table, "patched", "{}")
    for text in Self.badValues {
      var bodies: [ByteText] = [
        "{\"value\":" + text + "}", "{\"value\":[[" + text + "]]}", "{\"x\":1,\"y\":" + text + "}",
      ]
      if text != "" { bodies.append("{\"value\":[1," + text + "]}") }
      // "[[]]" is valid: an empty text between brackets is an empty array.
      if text == "" { bodies.remove(at: 1) }
      for body in bodies {
        let response = try client.put(table, "k", body)
        #expect(response.status == 400, "PUT \(body)")
        #expect(!response.announcesClose, "an error in JSON keeps the connection")
      }
      #expect(try client.patch(table, "patched", "{\"value\":" + text + "}").status == 400, "\(text)")
      #expect(try client.send("POST", "/default/keys", "[" + text + ",1]").status == 400, "\(text)")
      #expect(
        try client.authenticate("nobody", "{\"secret\":\"s\",\"x\":" + text + "}").status == 400, "\(text)")
      if text.bytes.first == 0x22 && text.count > 2 && text != "\"a\" \"b\"" {
        #expect(try client.put(table, "k", "{" + text + ":1}").status == 400, "name \(text)")
      }
    }
    #expect(try client.get(table, "k").status == 404)
    #expect(try client.get(table, "patched").record().version == 1)
    #expect(try client.authenticate("nobody", #"{"secret":"s"}"#).body.contains("User created"))
  }

  static let badBodies: [ByteText] = [
    "{", "}", "{}}", "{}{}", "{} {}", "{},", "{}x", "{}\0", "\0{}", "[{}]", "\u{feff}{}", "\u{b}{}",
    "{}\u{a0}", "// c\n{}", "{}//c", "{\"value\":1}{\"value\":2}", "{\"value\":1},", "{\"value\":1}]",
    "{\"value\":1", "{\"value\"", "{\"value\":", "{\"value", "{\"", "{\"value\":1}\u{1a}",
    "{\"value\": 1\u{c}}", "{\"value\":1}null", "{:1}", "{\"a\":1;\"b\":2}", "{\"a\"=1}",
    ByteText([0xff, 0xfe] + Array("{}".utf8)), ByteText([0xef, 0xbb] + Array("{}".utf8)),
    ByteText("{\"value\":1}".utf16.flatMap { [UInt8(truncatingIfNeeded: $0), 0] }),
  ]

  @Test("a PUT or PATCH body that is not exactly one JSON object is 400", arguments: badBodies)
  func badBody(body: ByteText) throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let put = try client.put(table, "k", body)
    #expect(put.status == 400 && !put.announcesClose)
    #expect(put.error?.isEmpty == false)
    #expect(try client.get(table, "k").status == 404)
    try client.store(table, "k", "{}")
    #expect(try client.patch(table, "k", body).status == 400)
    #expect(try client.get(table, "k").record().version == 1)
  }

  // MARK: Depth

  private func nested(_ levels: Int, _ open: String, _ inner: String, _ close: String) -> ByteText {
    ByteText(
      String(repeating: open, count: levels) + inner + String(repeating: close, count: levels))
  }

  @Test("128 levels are accepted, 129 are 400, 100,000 too", arguments: ["[", "{\"a\":"])
  func depth(open: String) throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let (inner, close) = open == "[" ? ("", "]") : ("1", "}")
    let deepest = "{\"x\":" + nested(127, open, inner, close) + "}"
    #expect(try client.put(table, "k", deepest).status == 201)
    #expect(try client.get(table, "k").record().value == deepest)
    for levels in [128, 129, 200, 100_000] {
      let response = try client.put(table, "k2", "{\"x\":" + nested(levels, open, inner, close) + "}")
      #expect(response.status == 400, "\(levels + 1) levels")
      #expect(response.error?.contains("128") == true, "the limit is named: \(response.body)")
      let unclosed = try client.put(table, "k2", "{\"x\":" + nested(levels, open, inner, "") )
      #expect(unclosed.status == 400)
    }
    #expect(try client.get(table, "k2").status == 404)
  }

  @Test("too deep is 400 on every endpoint that takes JSON")
  func depthEverywhere() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    try client.store(table, "k", "{}")
    for levels in [129, 100_000] {
      let deep = nested(levels, "[", "", "]")
      for (method, target, body) in [
        ("PATCH", "/\(table)/key/k", "{\"x\":" + deep + "}"), ("POST", "/default/keys", deep),
        ("POST", "/default/keys", "{\"keys\":" + deep + "}"),
        ("POST", "/auth/deep", "{\"secret\":\"s\",\"x\":" + deep + "}"),
        ("POST", "/auth/deep", "{\"secret\":" + deep + "}"),
        ("POST", "/admin/login", "{\"password\":\"the-admin-password\",\"x\":" + deep + "}"),
      ] {
        let response = try client.send(method, target, body)
        #expect(response.status == 400, "\(method) \(target), \(levels) levels")
        #expect(!response.announcesClose)
      }
    }
    #expect(try client.get(table, "k").record().version == 1)
  }

  @Test("a PATCH cannot make a value deeper than a PUT may")
  func depthByPatch() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    try client.store(table, "k", "{}")
    let response = try client.patch(table, "k", "{\"x\":" + nested(127, "[", "", "]") + "}")
    #expect([200, 400].contains(response.status))
    let record = try client.get(table, "k").record()
    #expect(try client.put(table, "k2", record.value).status == 201)
  }

  // MARK: What is right

  @Test("of repeated member names the last one counts, also in credentials and key lists")
  func repeatedNames() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    try client.store(table, "a", "1")
    try client.store(table, "b", "2")
    let batch = try client.send("POST", "/\(table)/keys", #"{"keys":["a"],"keys":["b"]}"#)
    #expect(try JSONText.members(of: batch.body).map(\.name) == ["b"])
    let user = "repeated\(Serial.next())"
    #expect(try client.authenticate(user, #"{"secret":"x","secret":"y"}"#).status == 200)
    #expect(try client.login(user, "x").status == 401)
    #expect(try client.login(user, "y").status == 200)
  }

  @Test("an object of 20,000 members and an array of 200,000 elements come back unchanged")
  func wide() throws {
    let client = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    let object = "{" + (0..<20_000).map { "\"m\($0)\":\($0)" }.joined(separator: ",") + "}"
    let array = "[" + [String](repeating: "1", count: 200_000).joined(separator: ",") + "]"
    for text in [object, array] {
      try client.store(table, "k", ByteText(text))
      #expect(try client.get(table, "k").record().value == ByteText(text))
    }
    try client.store(table, "k", ByteText(object))
    var status = 0
    let time = try seconds { status = try client.patch(table, "k", ByteText(object)).status }
    #expect(status == 200)
    #expect(time < 5, "merging 20,000 members into 20,000 took \(time) s")
    #expect(try JSONText.members(of: client.get(table, "k").record().value).count == 20_000)
  }
}
