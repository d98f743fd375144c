import Testing

/// Contract §3: whole tables, their keys, and some records at once.
@Suite("Listing", .blocking)
struct ListingTests {
  static let node = SharedNode()

  private func client() throws -> Client { Client(try Self.node(), as: "alice") }

  @Test("store and keys list a table in the byte order of its keys, with the records as GET has them")
  func order() throws {
    let (client, table) = (try client(), uniqueTable())
    let keys = ["b", "a", "ab", "B", "\u{e9}", "e\u{301}", "😀", "\u{ffff}", "a\"b", "a\\", "~", "0", "a "]
    for key in keys { try client.store(table, percentEncoded(key), "\"\(percentEncoded(key))\"") }
    let expected = keys.map { ByteText($0) }.sorted()

    let list = try client.send("GET", "/\(table)/keys")
    #expect(list.status == 200)
    #expect(list["Content-Type"]?.hasPrefix("application/json") == true)
    #expect(try JSONText.elements(of: list.body).map { try JSONText.string($0) } == expected)

    let store = try client.send("GET", "/\(table)/store")
    #expect(store.status == 200)
    #expect(store["Content-Type"]?.hasPrefix("application/json") == true)
    let members = try JSONText.members(of: store.body)
    #expect(members.map(\.name) == expected)
    for (name, raw) in members {
      #expect(raw == (try client.get(table, percentEncoded(name.string)).body))
    }
  }

  @Test("a table is there from its first record on; before, store, keys and POST keys are 404")
  func noSuchTable() throws {
    let (client, table) = (try client(), uniqueTable())
    for _ in 0..<2 {
      #expect(try client.send("GET", "/\(table)/store").status == 404)
      #expect(try client.send("GET", "/\(table)/keys").status == 404)
      let batch = try client.send("POST", "/\(table)/keys", "[]")
      #expect(batch.status == 404)
      #expect(batch.error?.isEmpty == false)
      // Reading must not create it; nor must a write that is refused.
      _ = try client.get(table, "k")
      _ = try client.put(table, "k", "[]")
      _ = try client.delete(table, "k")
    }
    try client.store(table, "k", "1")
    #expect(try client.send("GET", "/\(table)/keys").body == #"["k"]"#)
    #expect(try client.send("GET", "/\(table)/store").status == 200)
  }

  @Test("the table default always exists, empty on a fresh node")
  func defaultTable() throws {
    let node = try Node()
    let client = Client(node, as: "alice")
    #expect(try client.send("GET", "/default/store").body == "{}")
    #expect(try client.send("GET", "/default/keys").body == "[]")
    #expect(try client.send("POST", "/default/keys", #"["a"]"#).body == "{}")
    #expect(try client.send("GET", "/default/key/a").status == 404)
    let head = try client.send("HEAD", "/default/store")
    #expect(head.status == 200 && head.body.isEmpty)
    try node.stop()
  }

  @Test("a deleted record is in no list")
  func deleted() throws {
    let (client, table) = (try client(), uniqueTable())
    for key in ["a", "b", "c"] { try client.store(table, key, "1") }
    #expect(try client.delete(table, "b").status == 200)
    #expect(try client.send("GET", "/\(table)/keys").body == #"["a","c"]"#)
    let store = try client.send("GET", "/\(table)/store").body
    #expect(try JSONText.members(of: store).map(\.name) == ["a", "c"])
    #expect(try JSONText.members(of: client.send("POST", "/\(table)/keys", #"["b","c"]"#).body)
      .map(\.name) == ["c"])
  }

  @Test("tables do not mix, even where the names could run together")
  func separateTables() throws {
    let (client, table) = (try client(), uniqueTable() + "a")
    try client.store(table, "bc", "1")
    try client.store(table + "b", "c", "2")
    #expect(try client.send("GET", "/\(table)/keys").body == #"["bc"]"#)
    #expect(try client.send("GET", "/\(table)b/keys").body == #"["c"]"#)
  }

  @Test("5,000 records are listed whole and in order, by chunks, by length or to the end")
  func thousands() throws {
    let (client, table) = (try client(), uniqueTable())
    let keys = (0..<5000).map { "key-\($0 * 7919 % 5000)" }
    try client.storeAll(table, keys.map { (key: $0, value: "{\"of\":\"\(ByteText($0))\"}") })
    let expected = keys.map { ByteText($0) }.sorted()

    let list = try client.send("GET", "/\(table)/keys")
    #expect(try JSONText.elements(of: list.body).map { try JSONText.string($0) } == expected)
    let store = try client.send("GET", "/\(table)/store")
    let members = try JSONText.members(of: store.body)
    #expect(members.map(\.name) == expected)
    for (name, raw) in members {
      let record = try Record(raw)
      #expect(record.value == "{\"of\":\"" + name + "\"}" && record.version == 1)
    }
    #expect(try client.get(table, "key-1").status == 200, "the connection is in step")

    let old = try RawConnection(port: Self.node().port)
    try old.send(ByteText("GET /\(table)/store HTTP/1.0\r\n\r\n"))
    let oldResponse = try old.readResponse()
    #expect(oldResponse["Transfer-Encoding"] == nil, "HTTP/1.0 knows no chunks")
    #expect(oldResponse.body == store.body)
    #expect(try old.readToEnd().isEmpty)

    let head = try client.send("HEAD", "/\(table)/store")
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(try client.get(table, "key-1").status == 200)
  }

  @Test("20 values of 1 MB each come back in one list, byte for byte")
  func large() throws {
    let (client, table) = (try client(), uniqueTable())
    for index in 0..<20 {
      let fill = String(repeating: Character(Unicode.Scalar(UInt8(97 + index))), count: 1_000_000)
      try client.store(table, "k\(index + 10)", "\"\(ByteText(fill))\"")
    }
    let members = try JSONText.members(of: client.send("GET", "/\(table)/store").body)
    #expect(members.count == 20)
    for (index, member) in members.enumerated() {
      let value = try Record(member.raw).value.bytes
      #expect(value.count == 1_000_002)
      #expect(value.dropFirst().dropLast().allSatisfy { $0 == 97 + UInt8(index) })
    }
  }

  @Test("a list in progress holds up neither writers nor the writers it")
  func listWhileWriting() throws {
    let (client, table) = (try client(), uniqueTable())
    let node = try Self.node()
    try client.storeAll(table, (1000..<3000).map { (key: "k\($0)", value: "[\($0)]") })
    let reader = try RawConnection(port: node.port, receiveBufferBytes: 4096)
    try reader.send(ByteText("GET /\(table)/store HTTP/1.1\r\nHost: x\r\n\r\n"))
    guard let head = try reader.readHead() else { throw Trouble("no head") }
    // The reader does not read on; meanwhile everything else works.
    for index in 1000..<1100 { try client.store(table, "k\(index)", "\"new\"") }
    #expect(try client.delete(table, "k2999").status == 200)
    let body = BodyReader(reader, of: head, to: "GET")
    var bytes: [UInt8] = []
    while let chunk = try body.next() { bytes += chunk }
    let members = try JSONText.members(of: ByteText(bytes))
    #expect(members.map(\.name) == members.map(\.name).sorted())
    #expect(Set(members.map(\.name)).count == members.count)
    #expect((1999...2000).contains(members.count), "every record but the deleted one, once")
    for (_, raw) in members { _ = try Record(raw) }
  }

  // MARK: POST keys

  @Test("POST keys answers the records asked for, in both forms, and leaves missing ones out")
  func batch() throws {
    let (client, table) = (try client(), uniqueTable())
    for key in ["a", "b", "c%2F"] { try client.store(table, key, "\"\(ByteText(key))\"") }
    let anyone = Client(try Self.node())
    for body: ByteText in [
      #"["a","none","c/"]"#, #"{"keys":["a","none","c/"]}"#, #" [ "\u0061" , "c\/" ] "#,
    ] {
      let response = try anyone.send("POST", "/\(table)/keys", body)
      #expect(response.status == 200)
      let members = try JSONText.members(of: response.body)
      #expect(Set(members.map(\.name)) == ["a", "c/"])
      for (name, raw) in members {
        #expect(raw == (try client.get(table, percentEncoded(name.string)).body))
      }
    }
    #expect(try anyone.send("POST", "/\(table)/keys", "[]").body == "{}")
    #expect(try anyone.send("POST", "/\(table)/keys", #"{"keys":[]}"#).body == "{}")
    #expect(try anyone.send("POST", "/\(table)/keys", #"["A","",".","a\u0000"]"#).body == "{}")
  }

  @Test("a key asked for twice is answered once")
  func duplicates() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "a", "1")
    let response = try client.send("POST", "/\(table)/keys", #"["a","a","\u0061"]"#)
    #expect(response.status == 200)
    #expect(try JSONText.members(of: response.body).map(\.name) == ["a"])
  }

  @Test("1,000 keys asked for at once are all answered")
  func manyKeys() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.storeAll(table, (0..<1000).map { (key: "k\($0)", value: "\($0)") })
    let body = (0..<1000).map { "\"k\($0)\"" }.joined(separator: ",")
    let response = try client.send("POST", "/\(table)/keys", ByteText("[\(body)]"))
    #expect(try JSONText.members(of: response.body).count == 1000)
  }

  @Test(
    "a POST keys body that is no list of strings is 400",
    arguments: [
      "", "1", "\"a\"", "null", "[1]", "[null]", "[[\"a\"]]", "{}", "{\"keys\":1}", "{\"keys\":[1]}",
      "{\"keys\":\"a\"}", "[\"a\"", "[\"a\",]", "{\"keys\":null}",
    ])
  func badBatch(body: String) throws {
    let client = try client()
    let response = try client.send("POST", "/default/keys", ByteText(body))
    #expect(response.status == 400)
    #expect(response.error?.isEmpty == false)
    #expect(try client.send("POST", "/default/keys", "[]").status == 200)
  }
}
