import Foundation
import Testing

/// Contract §3 and §7, Events: one frame a change, for each subscriber of a key.
@Suite("Events", .blocking)
struct EventTests {
  static let node = SharedNode(["ADMIN_PASSWORD": "the-admin-password"])

  private func client() throws -> Client { Client(try Self.node(), as: "alice") }

  // MARK: The stream

  @Test("the head and a first comment are sent at once, before any change")
  func headAtOnce() throws {
    let stream = try EventStream(Self.node(), "/\(uniqueTable())/subscribe/k")
    #expect(stream.head.status == 200)
    #expect(stream.head["Content-Type"]?.hasPrefix("text/event-stream") == true)
    #expect(stream.head["Cache-Control"] == "no-cache, no-transform")
    #expect(stream.head["X-Accel-Buffering"] == "no")
    #expect(stream.head["Content-Length"] == nil)
    #expect(stream.head["Date"] != nil)
    try stream.waitForComment(.in(seconds: 5))
    #expect(Int(stream.retry?.string.trimmingCharacters(in: .whitespaces) ?? "") != nil, "retry:")
  }

  @Test("a change arrives as exactly one frame: an id, and the record byte for byte")
  func exactFrame() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try RawConnection(port: Self.node().port)
    try link.send(ByteText("GET /\(table)/subscribe/k HTTP/1.0\r\n\r\n"))
    _ = try link.readHead()
    let record = try client.put(table, "k", #"{"value":{"b":1.0,"a":[]}}"#).body
    // Two line feeds end a frame: the opening one, then that of the change.
    var text = ByteText([])
    while !text.contains("}\n\n") {
      guard let more = try link.take(upTo: 65536, .patient) else { throw Trouble("stream ended") }
      text = text + ByteText(more)
    }
    let frame = text.string.range(of: "id:").map { String(text.string[$0.lowerBound...]) } ?? ""
    let lines = frame.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    try #require(lines.count == 4, "\(lines)")
    #expect(lines[0].hasPrefix("id: ") && lines[0].count > 4)
    #expect(ByteText(lines[1]) == #"data: {"event":"Updated","value":"# + record + "}")
    #expect(lines[2] == "" && lines[3] == "")
  }

  @Test("Updated carries the record, Deleted nothing, and a new record goes on behind it")
  func kinds() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    let put = try client.store(table, "k", #"{"a":1}"#)
    #expect(try stream.event().record() == put)
    let patched = try client.patch(table, "k", #"{"b":2}"#).record()
    #expect(try stream.event().record() == patched)
    #expect(try client.delete(table, "k").status == 200)
    #expect(try stream.event().isDeleted)
    let renewed = try client.store(table, "k", "1")
    #expect(try stream.event().record() == renewed)
  }

  @Test("writes of the admin are changes like others")
  func adminWrites() throws {
    let (client, table) = (try client(), uniqueTable())
    let login = try client.send("POST", "/admin/login", #"{"password":"the-admin-password"}"#)
    let token = try JSONText.string(try JSONText.member("token", of: login.body) ?? "")
    let admin = Client(try Self.node(), token: token.string)
    try client.store(table, "k", "1")
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    #expect(try admin.send("PUT", "/admin/table/\(table)/key/k", #"{"value":2}"#).status == 201)
    #expect(try stream.event().record().value == "2")
    #expect(try admin.send("DELETE", "/admin/table/\(table)/key/k").status == 200)
    #expect(try stream.event().isDeleted)
  }

  @Test("only the key itself is heard: no other key, no other table, no refused write")
  func onlyTheKey() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/a%2Fb")
    for key in ["a", "a%2F", "b", "a%2Fbc", "A%2Fb", "a%252Fb"] { try client.store(table, key, "0") }
    try client.store(table + "x", "a%2Fb", "0")
    #expect(try client.put(table, "a%2Fb", "[]").status == 400)
    #expect(try Client(Self.node()).put(table, "a%2Fb", "{}").status == 401)
    #expect(try client.delete(table, "a%2Fb").status == 404)
    try client.store(table, "a%2Fb", "1")
    #expect(try stream.event().record().value == "1")
  }

  @Test("every change arrives, in the same order for all subscribers of the key")
  func order() throws {
    let (client, table) = (try client(), uniqueTable())
    let node = try Self.node()
    let streams = try (0..<3).map { _ in try EventStream(node, "/\(table)/subscribe/k") }
    let count: Int64 = 300
    try inParallel(3) { writer in
      let client = Client(node, as: "alice")
      for index in 0..<Int(count) / 3 {
        try client.store(table, "k", ByteText("{\"w\":\(writer),\"n\":\(index)}"))
      }
    }
    var seen: [[Record]] = []
    var ids: [[ByteText?]] = []
    for stream in streams {
      let events = try (0..<count).map { _ in try stream.event() }
      seen.append(try events.map { try $0.record() })
      ids.append(events.map(\.id))
    }
    #expect(seen[0].map(\.version) == Array(1...count))
    #expect(seen[1] == seen[0] && seen[2] == seen[0])
    #expect(ids[1] == ids[0] && Set(ids[0]).count == Int(count), "each id once, the same for all")
    #expect(try client.get(table, "k").record() == seen[0].last)
  }

  @Test("a pipelined burst of writes arrives change by change at a reader that keeps up")
  func burst() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    try client.storeAll(table, (0..<200).map { (key: "k", value: "\($0)") })
    for index in 0..<200 { #expect(try stream.event().record().value == "\(index)") }
  }

  @Test("the subscription counts from the head on: what is written then is heard, each time")
  func countsFromTheHead() throws {
    let (client, node, table) = (try client(), try Self.node(), uniqueTable())
    for round in 0..<50 {
      let stream = try EventStream(node, "/\(table)/subscribe/k")
      try client.store(table, "k", "\(round)")
      #expect(try stream.event().record().value == "\(round)")
      stream.connection.close()
    }
  }

  @Test("the event of a write comes no later than a second behind its answer")
  func promptly() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    for round in 0..<5 {
      try client.store(table, "k", "\(round)")
      #expect(try stream.event(.in(seconds: 1)).record().value == "\(round)")
    }
  }

  // MARK: Values

  static let values: [ByteText] = [
    "\"\u{2028}\u{2029}\u{85}\"", #""\u0000\n\r\u2028""#, "\"data: x\"", "{\n  \"a\": [\n\n1 ]\n}",
    "\"\u{e9}e\u{301}😀\"", "1e400", #""id: 1\ndata: 2""#, "[ ]", "\"\u{7f}\u{feff}\"",
  ]

  @Test("values arrive unchanged, whatever they hold", arguments: values)
  func unchanged(value: ByteText) throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    try client.store(table, "k", value)
    try client.store(table, "k", "\"next\"")
    #expect(try stream.event().record().value == value)
    #expect(try stream.event().record().value == "\"next\"")
  }

  @Test("white space with carriage returns in a value cannot break the frame")
  func carriageReturns() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    try client.store(table, "k", "[\r\n1,\r2,\r\r\n\n3]")
    try client.store(table, "k", "\"next\"")
    let value = try stream.event().record().value
    #expect(ByteText(value.bytes.filter { ![9, 10, 13, 32].contains($0) }) == "[1,2,3]")
    #expect(try stream.event().record().value == "\"next\"")
  }

  @Test("a value of 1 MiB arrives whole")
  func large() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    let value = ByteText("\"" + String(repeating: "v", count: (1 << 20) - 2) + "\"")
    try client.store(table, "k", value)
    #expect(try stream.event().record().value == value)
  }

  // MARK: Coming back

  @Test("with an older Last-Event-ID the current state comes first, with the newest nothing")
  func lastEventID() throws {
    let (client, node, table) = (try client(), try Self.node(), uniqueTable())
    let target = "/\(table)/subscribe/k"
    let stream = try EventStream(node, target)
    try client.store(table, "k", "1")
    let first = try stream.event()
    try #require(first.id != nil)
    stream.connection.close()
    try client.store(table, "k", "2")
    let third = try client.store(table, "k", "3")

    let back = try EventStream(node, target, lastEventID: first.id)
    let current = try back.event()
    try #require(current.id != nil)
    #expect(try current.record() == third)
    let upToDate = try EventStream(node, target, lastEventID: current.id)
    let fourth = try client.store(table, "k", "4")
    #expect(try upToDate.event().record() == fourth, "nothing was missed, nothing is repeated")
    #expect(try back.event().record() == fourth)
  }

  @Test("a delete that was missed is told when the subscriber comes back")
  func missedDelete() throws {
    let (client, node, table) = (try client(), try Self.node(), uniqueTable())
    let target = "/\(table)/subscribe/k"
    let stream = try EventStream(node, target)
    try client.store(table, "k", "1")
    let first = try stream.event()
    try #require(first.id != nil)
    stream.connection.close()
    #expect(try client.delete(table, "k").status == 200)
    let back = try EventStream(node, target, lastEventID: first.id)
    #expect(try back.event().isDeleted)
    try client.store(table, "k", "2")
    #expect(try back.event().record().value == "2")
  }

  @Test("an id that no node ever gave does no harm")
  func strangeID() throws {
    let (client, node, table) = (try client(), try Self.node(), uniqueTable())
    try client.store(table, "k", "1")
    for id: ByteText in ["x", "0", "-1", "99999999999999999999999", "----", "é", "%00"] {
      let stream = try EventStream(node, "/\(table)/subscribe/k", lastEventID: id)
      try client.store(table, "k", "\"\(id)\"")
      var event = try stream.event()
      if try event.record().value != "\"\(id)\"" { event = try stream.event() }
      #expect(try event.record().value == "\"\(id)\"")
    }
  }

  // MARK: Requests

  @Test("HEAD on subscribe answers the head alone and leaves the connection in step")
  func head() throws {
    let client = try client()
    let response = try client.send("HEAD", "/\(uniqueTable())/subscribe/k")
    #expect(response.status == 200 && response.body.isEmpty)
    #expect(response["Content-Type"]?.hasPrefix("text/event-stream") == true)
    #expect(try client.send("GET", "/heartbeat").status == 200)
  }

  @Test("answers of requests before it in the pipeline come before the stream")
  func behindOthers() throws {
    let (client, table) = (try client(), uniqueTable())
    let link = try RawConnection(port: Self.node().port)
    try link.send(
      client.request("PUT", "/\(table)/key/k", #"{"value":1}"#)
        + client.request("GET", "/\(table)/subscribe/k"))
    #expect(try link.readResponse(to: "PUT").status == 201)
    #expect(try link.readHead()?["Content-Type"]?.hasPrefix("text/event-stream") == true)
  }

  @Test("subscribing asks for no token, even for a key that is not there, and refuses odd paths")
  func open() throws {
    let node = try Self.node()
    #expect(try EventStream(node, "/\(uniqueTable())/subscribe/none").head.status == 200)
    let client = Client(node)
    #expect(try client.send("GET", "/auth/subscribe/alice").status == 403)
    #expect([400, 404].contains(try client.send("GET", "/default/subscribe/").status))
    #expect(try client.send("GET", "/default/subscribe/%zz").status == 400)
  }

  @Test("HTTP/1.0 gets the stream without chunks")
  func oldVersion() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k", version: "HTTP/1.0")
    #expect(stream.head["Transfer-Encoding"] == nil)
    try client.store(table, "k", "1")
    #expect(try stream.event().record().value == "1")
  }

  @Test("a comment comes every 15 s", .waiting)
  func heartbeat() throws {
    let stream = try EventStream(Self.node(), "/\(uniqueTable())/subscribe/k")
    try stream.waitForComment(.in(seconds: 5))
    for _ in 0..<2 {
      let time = try seconds { try stream.waitForComment(.in(seconds: 25)) }
      #expect((5...20).contains(time), "\(time) s")
    }
  }

  @Test("a stream outlives the 60 s after which an idle connection is closed", .waiting)
  func outlivesIdle() throws {
    let (client, table) = (try client(), uniqueTable())
    let stream = try EventStream(Self.node(), "/\(table)/subscribe/k")
    let time = try seconds {
      for _ in 0..<5 { try stream.waitForComment(.in(seconds: 25)) }
    }
    #expect(time > 45)
    try stream.waitForComment(.in(seconds: 25))
    try client.store(table, "k", "1")
    #expect(try stream.event().record().value == "1")
  }
}
