import Testing

/// Contract §3 and §7: keys, tables, users in the path; reserved names; limits.
@Suite("Names and limits", .blocking)
struct NamesTests {
  static let node = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  private func client(_ user: String? = "alice") throws -> Client {
    Client(try Self.node(), as: user)
  }

  // MARK: Percent-encoding

  @Test("%2F is a slash inside a key; a plain slash parts the path")
  func slash() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "a%2Fb", "1")
    #expect(try client.get(table, "a%2fb").status == 200)
    #expect(try client.get(table, "a/b").status == 404)
    #expect(try client.put(table, "a/b", #"{"value":2}"#).status == 404)
    #expect(try client.send("GET", "/\(table)/keys").body == #"["a/b"]"#)
    #expect(try client.send("GET", "/\(table)/store").body.contains(#"{"a/b":{"value":1,"#))
  }

  static let distinct = [
    "a+b", "a%20b", "a%2520b", "%252F", "%2F", "%E2%80%A8", "%C3%A9", "e%CC%81", "A", "a", ".", "..",
    "...", "%25", "%22", "%5C", "%0A", "%7F", "%3F", "%23", "key", "store", "~", "a;b", "a=b&c", "*",
    "%F0%9F%98%80", ":", "@", "%E2%84%AB", "%C3%85", "'", "(", "!", "$", ",",
  ]

  @Test("names that differ in one byte are different keys, stored exactly as decoded once")
  func exactNames() throws {
    let (client, table) = (try client(), uniqueTable())
    for (index, key) in Self.distinct.enumerated() {
      let response = try client.put(table, key, "{\"value\":\(index)}")
      #expect(response.status == 201, "\(key)")
      if response.status == 201 { #expect(try response.record().version == 1, "\(key) is new") }
    }
    for (index, key) in Self.distinct.enumerated() {
      #expect(try client.get(table, key).record().value == "\(index)", "\(key)")
    }
    let listed = try JSONText.elements(of: try client.send("GET", "/\(table)/keys").body)
      .map { try JSONText.string($0) }
    let expected = Self.distinct.map { ByteText(decode($0)) }.sorted()
    #expect(listed == expected)
  }

  @Test("the same key may be spelled with more or fewer escapes")
  func spellings() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "%61b", "1")
    for spelling in ["ab", "a%62", "%61%62"] {
      #expect(try client.get(table, spelling).status == 200, "\(spelling)")
    }
    #expect(try client.get("%74" + table.dropFirst(), "ab").status == 200)
    #expect(try client.send("GET", "/\(table)/%6Bey/ab").status != 500)
  }

  @Test("%00 in a key is stored exactly or refused, never cut off there")
  func nul() throws {
    let (client, table) = (try client(), uniqueTable())
    try client.store(table, "a", "1")
    let response = try client.put(table, "a%00b", #"{"value":2}"#)
    #expect([201, 400].contains(response.status))
    #expect(try client.get(table, "a").record().value == "1")
    if response.status == 201 {
      #expect(try client.get(table, "a%00b").record().value == "2")
      #expect(try client.get(table, "a%00c").status == 404)
      #expect(try client.send("GET", "/\(table)/keys").body == #"["a","a\u0000b"]"#)
    }
    let auth = try client.get("auth%00", "alice")
    #expect([400, 404].contains(auth.status))
  }

  @Test(
    "bad escapes and invalid UTF-8 are 400",
    arguments: [
      "%", "%2", "a%zz", "%2g", "%%20", "%u0041", "%FF", "%C0%AF", "%ED%A0%80", "%C3", "%F4%90%80%80",
      "%80", "%E2%28%A1", "%F8%88%80%80%80",
    ])
  func badEscapes(key: String) throws {
    let (client, table) = (try client(), uniqueTable())
    #expect(try client.put(table, key, #"{"value":1}"#).status == 400)
    #expect(try client.get(table, key).status == 400)
    #expect(try client.send("GET", "/\(key)/store").status == 400)
    #expect(try client.authenticate(key, #"{"secret":"x"}"#).status == 400)
    #expect(try client.get(table, "k").status == 404, "the node goes on")
  }

  @Test("there are no dot segments: . and .. are names, and paths are never shortened")
  func dots() throws {
    let (client, table) = (try client(), uniqueTable())
    for target in [
      "/\(table)/../\(table)/key/k", "/x/../\(table)/key/k", "/./\(table)/key/k",
      "/\(table)/key/./k", "/\(table)/key/k/..", "//\(table)/key/k", "/\(table)//key/k",
    ] {
      #expect([400, 404].contains(try client.send("PUT", target, "{}").status), "\(target)")
    }
    #expect(try client.send("GET", "/\(table)/keys").status == 404)
    #expect(try client.send("PUT", "/../key/\(table)", "{}").status == 201)
    #expect(try client.send("GET", "/%2E%2E/key/\(table)").status == 200)
  }

  @Test("an empty key, table or user is refused")
  func empty() throws {
    let client = try client()
    for target in ["/\(uniqueTable())/key/", "//key/k"] {
      for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let body: ByteText? = method == "PUT" || method == "PATCH" ? "{}" : nil
        let status = try client.send(method, target, body).status
        #expect([400, 404].contains(status), "\(method) \(target): \(status)")
      }
    }
    for target in ["//store", "//keys", "/auth/"] {
      let method = target == "/auth/" ? "POST" : "GET"
      let status = try client.send(method, target, #"{"secret":"x"}"#).status
      #expect([400, 404].contains(status), "\(method) \(target): \(status)")
    }
  }

  @Test("a query is no part of the key")
  func query() throws {
    let (client, table) = (try client(), uniqueTable())
    #expect(try client.put(table, "k?x=%zz/..&y", "{}").status == 201)
    #expect(try client.get(table, "k").status == 200)
    #expect(try client.get(table, "k?").status == 200)
  }

  // MARK: Reserved names

  static let reserved = [
    "auth", "admin", "internal", "_", "_x", "_auth", "_users", "%61uth", "%5Fx", "adm%69n",
  ]

  @Test("reserved names answer 403 as tables, whatever the route and method", arguments: reserved)
  func reservedTables(table: String) throws {
    for client in [try client(), try client(nil)] {
      for (method, rest) in [
        ("GET", "key/k"), ("HEAD", "key/k"), ("PUT", "key/k"), ("PATCH", "key/k"),
        ("DELETE", "key/k"), ("GET", "store"), ("GET", "keys"), ("GET", "subscribe/k"),
      ] {
        let body: ByteText? = method == "PUT" || method == "PATCH" ? #"{"value":1}"# : nil
        let response = try client.send(method, "/\(table)/\(rest)", body)
        // Without a secret every internal route answers 401; that is as closed a door.
        let allowed = table == "internal" ? [403, 401] : [403]
        #expect(
          allowed.contains(response.status), "\(method) /\(table)/\(rest): \(response.status)")
        if method != "HEAD" { #expect(response.error?.isEmpty == false) }
      }
    }
  }

  @Test("POST /{table}/keys of reserved names gives nothing away")
  func reservedBatch() throws {
    let client = try client()
    for table in Self.reserved where !["auth", "%61uth", "internal"].contains(table) {
      #expect(try client.send("POST", "/\(table)/keys", #"["k"]"#).status == 403, "\(table)")
    }
    // POST /auth/keys is the log-in of a user named "keys": an array is no credentials.
    #expect([400, 403].contains(try client.send("POST", "/auth/keys", #"["alice"]"#).status))
  }

  @Test("only these names are reserved: others that look alike are tables")
  func notReserved() throws {
    let client = try client()
    for table in ["Auth", "AUTH", "auth2", "admins", "xauth", "a_", "internal-", "%2Fauth"] {
      #expect(try client.put(table, "k", "{}").status == 201, "\(table)")
    }
  }

  // MARK: Limits

  @Test("a key has at most 1,024 bytes, decoded; the error names the limit")
  func keyLimit() throws {
    let (client, table) = (try client(), uniqueTable())
    let longest = String(repeating: "k", count: 1024)
    #expect(try client.put(table, longest, "{}").status == 201)
    #expect(try client.get(table, longest).status == 200)
    let encoded = String(repeating: "%6b", count: 1024)
    #expect(try client.get(table, encoded).status == 200, "counted after decoding")
    let wide = String(repeating: "%C3%A9", count: 512)
    #expect(try client.put(table, wide, "{}").status == 201)
    for tooLong in [longest + "k", wide + "x"] {
      for response in [
        try client.put(table, tooLong, "{}"), try client.get(table, tooLong),
        try client.delete(table, tooLong), try client.send("GET", "/\(table)/subscribe/\(tooLong)"),
      ] {
        #expect([400, 414].contains(response.status))
        #expect(names(response, ["1024", "1,024", "1 KiB"]), "\(response.body)")
      }
    }
  }

  @Test("a table and a user have at most 128 bytes; the error names the limit")
  func tableAndUserLimit() throws {
    let client = try client()
    let table = uniqueTable() + "-"
    let longest = table + String(repeating: "t", count: 128 - table.utf8.count)
    #expect(try client.put(longest, "k", "{}").status == 201)
    #expect(try client.send("GET", "/\(longest)/keys").status == 200)
    for response in [
      try client.put(longest + "t", "k", "{}"), try client.send("GET", "/\(longest)t/store"),
      try client.authenticate(longest + "u", #"{"secret":"s"}"#),
    ] {
      #expect([400, 414].contains(response.status))
      #expect(names(response, ["128"]), "\(response.body)")
    }
    #expect(try client.login(longest, "s").status == 200)
  }

  @Test("a value has at most 1 MiB: one byte more is 413, and the error names the limit")
  func valueLimit() throws {
    let (client, table) = (try client(), uniqueTable())
    let longest = ByteText("\"" + String(repeating: "v", count: (1 << 20) - 2) + "\"")
    let stored = try client.put(table, "k", "{\"value\":" + longest + "}")
    #expect(stored.status == 201)
    #expect(try client.get(table, "k").record().value == longest)
    let tooLong = "\"v" + ByteText(longest.bytes.dropFirst())
    let refused = try client.put(table, "k", "{\"value\":" + tooLong + "}")
    #expect(refused.status == 413)
    #expect(names(refused, ["1 MiB", "1048576", "1,048,576"]), "\(refused.body)")
    #expect(try client.get(table, "k").record().version == 1)
  }

  @Test("a value that grows beyond 1 MiB by PATCH is 413")
  func patchLimit() throws {
    let (client, table) = (try client(), uniqueTable())
    let half = ByteText("\"" + String(repeating: "v", count: 600_000) + "\"")
    try client.store(table, "k", "{\"a\":" + half + "}")
    let refused = try client.patch(table, "k", "{\"b\":" + half + "}")
    #expect(refused.status == 413)
    #expect(try client.get(table, "k").record().version == 1)
    #expect(try client.patch(table, "k", "{\"a\":" + half + "}").status == 200)
  }

  @Test("a body has at most 8 MiB: one byte more is 413, and the error names the limit")
  func bodyLimit() throws {
    let client = try client()
    let fill = ByteText(String(repeating: " ", count: (8 << 20) - 2))
    let table = uniqueTable()
    #expect(try client.put(table, "k", "{" + fill + "}").status != 413, "8 MiB is a body's size")
    let refused = try client.put(table, "k2", "{ " + fill + "}")
    #expect(refused.status == 413)
    #expect(names(refused, ["8 MiB", "8388608", "8,388,608"]), "\(refused.body)")
    #expect(try client.get(table, "k2").status == 404)
  }

  // MARK: Parts

  private func names(_ response: Response, _ spellings: [String]) -> Bool {
    spellings.contains { response.error?.contains($0) == true }
  }

  private func decode(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "%" else {
        bytes += Array(String(character).utf8)
        continue
      }
      bytes.append(UInt8(rest.prefix(2), radix: 16)!)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
