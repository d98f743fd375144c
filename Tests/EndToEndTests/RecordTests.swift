import Testing

/// Contract §3: one record, written, read, merged, deleted.
@Suite("Records", .blocking)
struct RecordTests {
  static let node = SharedNode()

  private func client(_ user: String? = "alice") throws -> Client {
    Client(try Self.node(), as: user)
  }

  // MARK: PUT and GET

  @Test("PUT answers 201 with exactly the record, GET 200 with the same bytes")
  func putAndGet() throws {
    let (client, table) = (try client(), uniqueTable())
    let before = wallMilliseconds()
    let put = try client.put(table, "k", #"{"value":{"n":1}}"#)
    let after = wallMilliseconds()
    #expect(put.status == 201)
    #expect(put["Content-Type"]?.hasPrefix("application/json") == true)
    let record = try put.record()
    #expect(record.value == #"{"n":1}"#)
    #expect(record.version == 1)
    #expect(record.owner == "alice")
    #expect((before - 1...after + 1).contains(record.timestamp))
    let exact = #"{"value":{"n":1},"version":1,"timestamp":\#(record.timestamp),"owner":"alice"}"#
    #expect(put.body == ByteText(exact))

    let get = try self.client(nil).get(table, "k")
    #expect(get.status == 200)
    #expect(get["Content-Type"]?.hasPrefix("application/json") == true)
    #expect(get.body == put.body)
  }

  @Test("each write adds one to the version and never turns the timestamp back")
  func versions() throws {
    let (client, table) = (try client(), uniqueTable())
    var last: Int64 = 0
    for version in 1...20 {
      let response = try client.put(table, "k", "{\"value\":\(version)}")
      #expect(response.status == 201)
      let record = try response.record()
      #expect(record.version == Int64(version))
      #expect(record.timestamp >= last)
      last = record.timestamp
    }
    #expect(try client.patch(table, "k", "{}").status == 409)
    #expect(try client.get(table, "k").record().version == 20, "a refused write changes nothing")
  }

  static let values: [ByteText] = [
    "null", "true", "false", "0", "-0", "-0.0", "1.0", "1.10", "1E+2", "1e-2", "1e400", "-1e400",
    "0.1000000000000000055511151231257827", "123456789012345678901234567890",
    ByteText(String(repeating: "9", count: 100)), "9007199254740993", "18446744073709551616",
    #""""#, #""\u0041\/\b\f\n\r\t\\\"""#, #""\u0000""#, #""\ud83d\uDE00""#, #""\ud800""#,
    #""\udc00\ud800x""#, "\"\u{e9}\"", "\"e\u{301}\"", "\"😀 \u{2028}\u{2029}\u{7f}\u{feff}\"",
    #"{"b":1,"a":2,"":3}"#, #"{"a":1,"a":2}"#, #"{ "a" : [ 1 , { } ] }"#, "[]", "[ ]", "{}",
    "[[],[[]],{\"x\":{}}]", "[\n1,\r\n\t2 ]", #"{"value":1}"#, #"{"value":{"value":null}}"#,
  ]

  @Test("the value comes back byte for byte", arguments: values)
  func byteForByte(value: ByteText) throws {
    let (client, table) = (try client(), uniqueTable())
    let put = try client.put(table, "k", "{\"value\":" + value + "}")
    #expect(put.status == 201)
    #expect(try put.record().value == value)
    #expect(try client.get(table, "k").record().value == value)
  }

  @Test("white space around the value may go and is no part of it")
  func whiteSpace() throws {
    let (client, table) = (try client(), uniqueTable())
    let put = try client.put(table, "k", " \r\n\t{ \"value\" \t:\n 7.0 \r\n} \n")
    #expect(put.status == 201)
    #expect(try put.record().value == "7.0")
  }

  static let bodies: [Case<ByteText>] = [
    Case("one member value", #"{"value":1}"#, "1"),
    Case("value and another", #"{"value":1,"x":2}"#, #"{"value":1,"x":2}"#),
    Case(
      "a whole record", #"{"value":1,"version":9,"timestamp":8,"owner":"mallory"}"#,
      #"{"value":1,"version":9,"timestamp":8,"owner":"mallory"}"#),
    Case("another member", #"{"x":1}"#, #"{"x":1}"#),
    Case("the empty object", "{}", "{}"),
    Case("value with a capital", #"{"Value":1}"#, #"{"Value":1}"#),
    Case("value in value", #"{"value":{"value":1}}"#, #"{"value":1}"#),
    Case("value spelled with an escape", #"{"v\u0061lue":1}"#, "1"),
    Case("value twice: the last one counts", #"{"value":1,"value":2}"#, "2"),
  ]

  @Test("an object with the one member value stores that member, another object itself",
    arguments: bodies)
  func valueRule(row: Case<ByteText>) throws {
    let (client, table) = (try client(), uniqueTable())
    let put = try client.put(table, "k", row.input)
    #expect(put.status == 201)
    let record = try put.record()
    #expect(record.value == row.expected)
    #expect(record.version == 1 && record.owner == "alice")
  }

  @Test(
    "anything but an object is refused as a PUT body with 400",
    arguments: ["[1]", "\"s\"", "1", "null", "true", "", "  \r\n", "[{\"value\":1}]"])
  func noObject(body: String) throws {
    let (client, table) = (try client(), uniqueTable())
    let response = try client.put(table, "k", ByteText(body))
    #expect(response.status == 400)
    #expect(response.error?.isEmpty == false)
    #expect(try client.get(table, "k").status == 404)
  }

  @Test("the type that curl sends by itself is as good as application/json")
  func contentTypes() throws {
    let (client, table) = (try client(), uniqueTable())
    let body: ByteText = #"{"value":1}"#
    for type in ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=x"] {
      let bytes = ByteText(
        "PUT /\(table)/key/k HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\n"
          + "Authorization: Bearer \(client.token!)\r\nContent-Length: 11\r\n\r\n")
      let link = try RawConnection(port: Self.node().port)
      try link.send(bytes + body)
      #expect(try link.readResponse(to: "PUT").status == 201)
    }
  }

  @Test("GET of a key or table that is not there is 404 with an error")
  func missing() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "1")
    for target in ["/\(table)/key/other", "/\(uniqueTable())/key/k", "/default/key/none"] {
      let response = try client.send("GET", target)
      #expect(response.status == 404)
      #expect(response.error?.isEmpty == false)
    }
  }

  @Test("HEAD answers as GET does, without a body")
  func head() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "[1,2,3]")
    let get = try client.get(table, "k")
    let head = try client.send("HEAD", "/\(table)/key/k")
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(head["Content-Length"] == "\(get.body.count)")
    #expect(head["Content-Type"] == get["Content-Type"])
    #expect(try client.send("HEAD", "/\(table)/key/none").status == 404)
    #expect(try client.get(table, "k").body == get.body, "the connection is in step")
  }

  // MARK: Whose it is

  @Test("a write without a token is 401 with WWW-Authenticate: Bearer and stores nothing")
  func noToken() throws {
    let table = uniqueTable()
    let (alice, stranger) = (try client(), try client(nil))
    try alice.store(table, "k", "{}")
    let before = try alice.get(table, "k").body
    let refused = [
      try stranger.put(table, "new", #"{"value":1}"#), try stranger.put(table, "k", "{}"),
      try stranger.patch(table, "k", #"{"a":1}"#), try stranger.delete(table, "k"),
      try stranger.delete(table, "new"), try stranger.patch(table, "new", "{}"),
    ]
    for response in refused {
      #expect(response.status == 401)
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
      #expect(response.error?.isEmpty == false)
    }
    #expect(try alice.get(table, "k").body == before)
    #expect(try alice.get(table, "new").status == 404)
  }

  @Test("only the owner may write or delete; another is refused with 401, never 403")
  func notTheOwner() throws {
    let table = uniqueTable()
    let (alice, bob) = (try client(), try client("bob"))
    try alice.store(table, "k", #"{"a":1}"#)
    let before = try alice.get(table, "k").body
    let refused = [
      try bob.put(table, "k", #"{"value":2}"#), try bob.patch(table, "k", #"{"a":2}"#),
      try bob.delete(table, "k"),
    ]
    for response in refused {
      #expect(response.status == 401)
      #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }
    #expect(try bob.get(table, "k").body == before)
    #expect(try bob.store(table, "other", "1").owner == "bob", "the table belongs to nobody")
  }

  @Test("an owner's name is no prefix, no case variant and no normal form of another")
  func similarNames() throws {
    let table = uniqueTable()
    let owner = Client(try Self.node(), token: Token.user("zo\u{eb}"))
    #expect(try owner.store(table, "k", "1").owner == "zo\u{eb}")
    for name in ["zoe\u{308}", "zo", "Zo\u{eb}", "zo\u{eb} ", " zo\u{eb}", "zo\u{eb}\\u0000"] {
      let other = Client(try Self.node(), token: Token.user(name))
      #expect(try other.put(table, "k", "{\"value\":2}").status == 401)
    }
  }

  @Test("an owner with a quote or control character in the name is escaped in the record")
  func oddOwner() throws {
    let table = uniqueTable()
    let client = Client(try Self.node(), token: Token.user(#"a\"b\\c\n\u0001"#))
    #expect(try client.store(table, "k", "1").owner == "a\"b\\c\n\u{1}")
    #expect(try client.get(table, "k").record().owner == "a\"b\\c\n\u{1}")
  }

  // MARK: PATCH

  @Test("PATCH replaces and joins members and leaves the others byte for byte")
  func patch() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", #"{"keep":[ 1.0,"\u0041" ],"a":1,"z":{"y":1}}"#)
    let response = try client.patch(table, "k", #"{"a":1e400,"new":-0,"z":{"x":2}}"#)
    #expect(response.status == 200)
    let record = try response.record()
    #expect(record.version == 2 && record.owner == "alice")
    let members = try JSONText.members(of: record.value)
    let expected: [ByteText: ByteText] = [
      "keep": #"[ 1.0,"\u0041" ]"#, "a": "1e400", "new": "-0", "z": #"{"x":2}"#,
    ]
    #expect(members.count == 4)
    for (name, raw) in members { #expect(expected[name] == raw, "\(name)") }
    #expect(members.prefix(3).map(\.name) == ["keep", "a", "z"], "members stay where they were")
    #expect(try client.get(table, "k").body == response.body)
  }

  static let patches: [Case<ByteText>] = [
    Case("null is stored as null", #"{"a":null}"#, #"{"a":null,"b":2}"#),
    Case("a member named value is a member", #"{"value":5}"#, #"{"a":1,"b":2,"value":5}"#),
    Case("an escaped name is the same name", #"{"\u0061":3}"#, #"{"a":3,"b":2}"#),
    Case("the last of a repeated name counts", #"{"a":3,"a":4}"#, #"{"a":4,"b":2}"#),
    Case("an empty patch changes no member", "{}", #"{"a":1,"b":2}"#),
    Case("an empty name is a name", #"{"":0}"#, #"{"a":1,"b":2,"":0}"#),
  ]

  @Test("members are compared by their decoded names", arguments: patches)
  func patchRules(row: Case<ByteText>) throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", #"{"a":1,"b":2}"#)
    let response = try client.patch(table, "k", row.input)
    #expect(response.status == 200)
    let record = try response.record()
    #expect(record.version == 2)
    #expect(try canonical(record.value) == canonical(row.expected))
  }

  @Test("canonically equivalent member names stay distinct")
  func patchNormalForms() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "{\"\u{e9}\":1}")
    let record = try client.patch(table, "k", "{\"e\u{301}\":2}").record()
    let members = try JSONText.members(of: record.value)
    #expect(members.map(\.name) == ["\u{e9}", "e\u{301}"])
    #expect(members.map(\.raw) == ["1", "2"])
  }

  @Test("a value with a repeated name is patched at what counts: no old value shows again")
  func patchRepeatedNames() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", #"{"a":1,"b":0,"a":2}"#)
    let record = try client.patch(table, "k", #"{"a":3}"#).record()
    #expect(try JSONText.member("a", of: record.value) == "3")
    #expect(try JSONText.member("b", of: record.value) == "0")
    #expect(try client.patch(table, "k", #"{"c":4}"#).status == 200)
    let after = try client.get(table, "k").record().value
    #expect(try JSONText.member("a", of: after) == "3")
  }

  @Test("PATCH of nothing is 404, of a value that is no object 409")
  func patchRefused() throws {
    let (client, table) = (try client(), uniqueTable())
    #expect(try client.patch(table, "none", #"{"a":1}"#).status == 404)
    for value: ByteText in ["1", "[{}]", "\"{}\"", "null"] {
      try client.store(table, "k", value)
      let response = try client.patch(table, "k", #"{"a":1}"#)
      #expect(response.status == 409)
      #expect(response.error?.isEmpty == false)
      #expect(try client.get(table, "k").record().value == value)
    }
  }

  @Test("a PATCH body that is no object is 400", arguments: ["[]", "1", "null", "", "{\"a\":}", "{"])
  func patchBody(body: String) throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "{}")
    #expect(try client.patch(table, "k", ByteText(body)).status == 400)
    #expect(try client.get(table, "k").record().version == 1)
  }

  @Test("PATCHes of many members at once from many connections lose none")
  func concurrentPatches() throws {
    let (client, table) = (try client(), uniqueTable())
    let node = try Self.node()
    try client.store(table, "k", "{}")
    try inParallel(8) { writer in
      let client = Client(node, as: "alice")
      for index in 0..<10 {
        let response = try client.patch(table, "k", ByteText("{\"w\(writer)-\(index)\":\(index)}"))
        guard response.status == 200 else { throw Trouble("PATCH: \(response.status)") }
      }
    }
    let record = try client.get(table, "k").record()
    #expect(try JSONText.members(of: record.value).count == 80)
    #expect(record.version == 81)
  }

  // MARK: DELETE

  @Test("DELETE answers 200 with its message; then the record is gone until it is written anew")
  func delete() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "k", "1")
    let last = try client.store(table, "k", "2")
    let response = try client.delete(table, "k")
    #expect(response.status == 200)
    #expect(response.body == #"{"message":"Deleted locally"}"#)
    #expect(try client.get(table, "k").status == 404)
    #expect(try client.delete(table, "k").status == 404)
    #expect(try client.patch(table, "k", "{}").status == 404)
    let bob = try self.client("bob")
    let renewed = try bob.store(table, "k", "3")
    #expect(renewed.owner == "bob", "a deleted record has no owner")
    #expect(renewed.version > last.version, "versions do not go back on one node")
  }

  @Test("DELETE of nothing is 404 with an error")
  func deleteNothing() throws {
    let response = try client().delete(uniqueTable(), "k")
    #expect(response.status == 404)
    #expect(response.error?.isEmpty == false)
  }

  // MARK: Many at once

  @Test("of many writers to one new key exactly one becomes the owner")
  func oneOwner() throws {
    let table = uniqueTable()
    let node = try Self.node()
    let statuses = try inParallel(8) { writer in
      try Client(node, as: "user\(writer)").put(table, "k", "{\"value\":\(writer)}").status
    }
    #expect(statuses.filter { $0 == 201 }.count == 1)
    #expect(statuses.filter { $0 == 401 }.count == 7)
    let record = try client(nil).get(table, "k").record()
    #expect(record.version == 1)
    #expect(record.owner == "user" + ByteText(record.value.bytes))
  }

  @Test("concurrent writes of one owner get distinct versions without a gap")
  func distinctVersions() throws {
    let table = uniqueTable()
    let node = try Self.node()
    let versions = try inParallel(6) { _ in
      let client = Client(node, as: "alice")
      return try (0..<20).map { try client.store(table, "k", "\($0)").version }
    }
    #expect(versions.joined().sorted() == Array(1...120))
    for own in versions { #expect(own == own.sorted()) }
  }

  /// Members sorted by name, without white space between: to compare objects whatever their order.
  private func canonical(_ object: ByteText) throws -> [ByteText] {
    try JSONText.members(of: object).map { $0.name + ":" + $0.raw }.sorted()
  }
}
