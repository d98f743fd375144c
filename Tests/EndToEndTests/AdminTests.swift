import Foundation
import Testing

/// Contract §3: the admin's log-in and routes; §7: who has admin rights.
@Suite("Admin", .blocking)
struct AdminTests {
  static let password = "correct horse \\ battery \"staple\""
  static let node = SharedNode(["ADMIN_PASSWORD": password])

  private func login(_ body: ByteText, on node: Node? = nil) throws -> Response {
    try Client(try node ?? Self.node()).send("POST", "/admin/login", body)
  }

  private func admin() throws -> Client {
    let response = try login("{\"password\":" + ByteText(JSONText.quote(Self.password)) + "}")
    guard response.status == 200, let raw = try JSONText.member("token", of: response.body) else {
      throw Trouble("admin log-in: \(response.status) \(response.body)")
    }
    return Client(try Self.node(), token: try JSONText.string(raw).string)
  }

  @Test("the right password gives a token, in exactly one member")
  func rightPassword() throws {
    let response = try login("{\"password\":" + ByteText(JSONText.quote(Self.password)) + "}")
    #expect(response.status == 200)
    #expect(try JSONText.members(of: response.body).map(\.name) == ["token"])
  }

  @Test("a wrong password is 401, a malformed body 400")
  func wrongPassword() throws {
    for wrong in ["", "x", "correct horse", Self.password + " ", Self.password + "\u{0}"] {
      let response = try login("{\"password\":" + ByteText(JSONText.quote(wrong)) + "}")
      #expect(response.status == 401 || (wrong.isEmpty && response.status == 400))
      #expect(!response.body.contains("token"))
      if response.status == 401 {
        #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
      }
    }
    for body: ByteText in ["", "{}", "[]", "{\"password\":1}", "{\"password\":", "null"] {
      #expect([400, 401].contains(try login(body).status), "\(body)")
    }
  }

  @Test("without ADMIN_PASSWORD the log-in is 404 and no token opens an admin route")
  func off() throws {
    let node = try Node()
    let empty = try login(#"{"password":""}"#, on: node)
    #expect(empty.status == 404)
    #expect(try login(#"{"password":"x"}"#, on: node).status == 404)
    for token in [nil, Token.user("alice"), adminToken("true")] {
      let client = Client(node, token: token)
      for target in ["/admin/tables", "/admin/table/default/keys", "/admin/table/default/key/k"] {
        #expect([401, 404].contains(try client.send("GET", target).status), "\(target)")
      }
    }
    try node.stop()
  }

  @Test("the admin routes show tables, keys and records as the plain ones do")
  func reading() throws {
    let (admin, alice) = (try admin(), Client(try Self.node(), as: "alice"))
    let table = uniqueTable()
    try alice.store(table, "b", "1.0")
    try alice.store(table, "a%2F", "2")
    let tables = try admin.send("GET", "/admin/tables")
    #expect(tables.status == 200)
    #expect(tables.body.contains(ByteText("\"\(table)\"")))
    #expect(tables.body.contains("\"default\""))
    try JSONText.check(tables.body)
    let keys = try admin.send("GET", "/admin/table/\(table)/keys")
    #expect(keys.status == 200 && keys.body == #"["a/","b"]"#)
    let record = try admin.send("GET", "/admin/table/\(table)/key/b")
    #expect(record.status == 200)
    #expect(record.body == (try alice.get(table, "b").body))
    #expect(try admin.send("GET", "/admin/table/\(table)/key/none").status == 404)
    #expect(try admin.send("GET", "/admin/table/\(uniqueTable())/keys").status == 404)
    #expect(try admin.send("GET", "/admin/table/\(table)/key/a%2F").status == 200)
  }

  @Test("the admin writes and deletes past ownership; a record stays its owner's")
  func writing() throws {
    let (admin, alice) = (try admin(), Client(try Self.node(), as: "alice"))
    let table = uniqueTable()
    try alice.store(table, "k", "1")
    let put = try admin.send("PUT", "/admin/table/\(table)/key/k", #"{"value":1e400}"#)
    #expect(put.status == 201)
    let record = try put.record()
    #expect(record.value == "1e400" && record.version == 2)
    #expect(try alice.get(table, "k").body == put.body)
    #expect(record.owner == "alice")
    #expect(try alice.put(table, "k", #"{"value":3}"#).status == 201)
    let delete = try admin.send("DELETE", "/admin/table/\(table)/key/k")
    #expect(delete.status == 200 && delete.body == #"{"message":"Deleted locally"}"#)
    #expect(try alice.get(table, "k").status == 404)
    #expect(try admin.send("DELETE", "/admin/table/\(table)/key/k").status == 404)
    #expect(try admin.send("PUT", "/admin/table/\(table)/key/new", "[]").status == 400)
    #expect(try admin.send("PUT", "/admin/table/\(table)/key/new", "{}").status == 201)
  }

  @Test("the admin routes are 401 to everybody else and do nothing for them")
  func strangers() throws {
    let alice = Client(try Self.node(), as: "alice")
    let table = uniqueTable()
    try alice.store(table, "k", "1")
    let tokens: [String?] = [
      nil, "x", Token.user("alice"), Token.user("admin"), adminToken("\"true\""), adminToken("1"),
      adminToken("[true]"), adminToken("false"), adminToken("null"), adminToken("{}"),
      adminToken("true", expiry: -5), adminToken("true", secret: "other"),
      adminToken("true,\"admin\":false"),
    ]
    for token in tokens {
      let client = Client(try Self.node(), token: token)
      for (method, rest) in [
        ("GET", "tables"), ("GET", "table/\(table)/keys"), ("GET", "table/\(table)/key/k"),
        ("PUT", "table/\(table)/key/k"), ("DELETE", "table/\(table)/key/k"),
      ] {
        let response = try client.send(method, "/admin/\(rest)", method == "PUT" ? "{}" : nil)
        #expect(response.status == 401, "\(method) \(rest)")
        #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
      }
    }
    #expect(try alice.get(table, "k").record().version == 1)
  }

  @Test("a signed token whose claim admin is exactly true has admin rights")
  func claim() throws {
    let client = Client(try Self.node(), token: adminToken("true"))
    #expect(try client.send("GET", "/admin/tables").status == 200)
  }

  @Test(
    "reserved tables stay closed to the admin too", arguments: ["auth", "_auth", "_x", "internal"])
  func reserved(table: String) throws {
    let admin = try admin()
    for (method, rest) in [
      ("GET", "keys"), ("GET", "key/k"), ("PUT", "key/k"), ("DELETE", "key/k"),
    ] {
      let body: ByteText? = method == "PUT" ? "{}" : nil
      #expect(try admin.send(method, "/admin/table/\(table)/\(rest)", body).status == 403)
    }
  }

  private func adminToken(
    _ claim: String, expiry: Int = 3600, secret: String = Node.jwtSecret
  ) -> String {
    let now = Int(Date().timeIntervalSince1970)
    let claims = #"{"sub":"admin","exp":\#(now + expiry),"admin":\#(claim)}"#
    return Token.make(claims: claims, secret: secret)
  }
}
