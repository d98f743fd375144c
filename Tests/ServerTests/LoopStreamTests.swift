import Bytes
import HTTP
import Platform
import Store
import Testing

@testable import Server

@Suite("Loop: events")
struct LoopStreamTests {
  /// The `data` of each event in what a stream received, comments left out.
  private func events(_ received: String) -> [String] {
    received.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map {
      String($0.dropFirst(6))
    }
  }

  private func subscribe(
    _ node: LoopWorld, _ key: String = "k", sendBuffer: Int32? = nil, _ fields: String = ""
  ) throws -> LoopClient {
    let client = try node.connect(sendBuffer: sendBuffer)
    node.send(get("/default/subscribe/\(key)", fields), from: client)
    return client
  }

  @Test("a stream begins at once, with how to come back and a comment")
  func beginning() throws {
    let node = try LoopWorld()
    let client = try subscribe(node)
    let received = node.received(by: client)
    #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n"))
    for field in [
      "Content-Type: text/event-stream", "Cache-Control: no-cache, no-transform",
      "X-Accel-Buffering: no", "Connection: close",
    ] {
      #expect(received.contains(field + "\r\n"))
    }
    #expect(!received.contains("Content-Length"))
    #expect(received.hasSuffix("\r\n\r\nretry: 2000\n\n: subscribed\n\n"))
    #expect(node.phase(of: client) == .streaming && node.deadline(of: client) == .heartbeat)
    #expect(node.loop.metrics.streams.load(ordering: .relaxed) == 1)
  }

  @Test("a change is told when it is committed and not before")
  func commit() throws {
    let node = try LoopWorld()
    let client = try subscribe(node)
    _ = node.received(by: client)
    try node.world.put("k", "1")
    #expect(node.received(by: client) == "")
    node.commit()
    #expect(events(node.received(by: client)).count == 1)
    try node.world.delete("k")
    #expect(node.received(by: client) == "")
    node.commit()
    #expect(events(node.received(by: client)) == ["{\"event\":\"Deleted\"}"])
  }

  @Test("every stream of a key gets every change in one order, and no other key's")
  func order() throws {
    let node = try LoopWorld()
    let clients = [try subscribe(node), try subscribe(node), try subscribe(node, "other")]
    for number in 0..<50 {
      try node.world.put("k", "\(number)")
      if number % 7 == 0 { node.commit() }
    }
    node.commit()
    let received = clients.map { events(node.received(by: $0)) }
    #expect(received[0].count == 50 && received[0] == received[1] && received[2].isEmpty)
    for (number, event) in received[0].enumerated() {
      #expect(event.contains("\"value\":{\"value\":\(number),\"version\":\(number + 1),"))
    }
  }

  @Test("a stream that began while its shard waited for the disk goes on like any other")
  func heldBeginning() throws {
    let node = try LoopWorld()
    try node.world.put("k", "1")
    let client = try subscribe(node)
    #expect(node.phase(of: client) == .held)
    #expect(node.received(by: client) == "")
    try node.world.put("k", "2")
    node.commit()
    #expect(node.phase(of: client) == .streaming)
    #expect(node.deadline(of: client) == .heartbeat)
    #expect(events(node.received(by: client)).last?.contains("\"value\":2,") == true)
  }

  @Test("a subscription behind a held write in one pipeline goes on like any other")
  func pipelined() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("k", "1") + get("/default/subscribe/k"), from: client)
    try node.world.put("k", "2")
    node.commit()
    let received = node.received(by: client)
    #expect(received.hasPrefix("HTTP/1.1 201"))
    #expect(events(received).last?.contains("\"value\":2,") == true)
    #expect(node.deadline(of: client) == .heartbeat)
  }

  @Test("who comes back is told the state first where it is newer than what they saw")
  func comingBack() throws {
    let node = try LoopWorld()
    let first = try subscribe(node)
    try node.world.put("k", "1")
    node.commit()
    let seen = try #require(
      node.received(by: first).split(separator: "\n").first { $0.hasPrefix("id: ") })
    let again = "Last-Event-ID: " + seen.dropFirst(4) + "\r\n"
    #expect(events(node.received(by: try subscribe(node, "k", again))) == [])
    try node.world.put("k", "2")
    node.commit()
    let late = try subscribe(node, "k", again)
    #expect(events(node.received(by: late)).first?.contains("\"value\":2,") == true)
    try node.world.delete("k")
    node.commit()
    let later = try subscribe(node, "k", again)
    #expect(events(node.received(by: later)) == ["{\"event\":\"Deleted\"}"])
    // What is no token of ours is older than anything.
    let stranger = try subscribe(node, "k", "Last-Event-ID: 7\r\n")
    #expect(events(node.received(by: stranger)) == ["{\"event\":\"Deleted\"}"])
    #expect(events(node.received(by: try subscribe(node, "nothing", again))) == [])
  }

  @Test("a client that leaves is forgotten, and the others stay")
  func leaving() throws {
    let node = try LoopWorld()
    let clients = try (0..<5).map { _ in try subscribe(node) }
    for index in [0, 4, 2] {
      clients[index].reset()
      for _ in 0..<1_000 where node.phase(of: clients[index]) != nil { node.turn() }
      #expect(node.phase(of: clients[index]) == nil)
    }
    #expect(node.loop.streams.count == 2)
    _ = node.received(by: clients[1])
    _ = node.received(by: clients[3])
    try node.world.put("k", "1")
    node.commit()
    for index in [1, 3] {
      #expect(events(node.received(by: clients[index])).count == 1)
      clients[index].reset()
    }
    for _ in 0..<1_000 where node.loop.connections.count > 0 { node.turn() }
    #expect(node.loop.streams.count == 0)
    let place = node.world.place("default", "k")
    #expect(node.world.database.shards.withLock(place.shard) { $0.watchers.isEmpty })
    #expect(node.loop.metrics.streams.load(ordering: .relaxed) == 0)
  }

  @Test("a slow reader misses steps but not the last state, and never the middle of an event")
  func slow() throws {
    let node = try LoopWorld()
    let client = try subscribe(node, sendBuffer: 8_192)
    let fill = String(repeating: "x", count: 10_000)
    for number in 0..<300 {
      try node.world.put("k", "{\"n\":\(number),\"fill\":\"\(fill)\"}")
      node.commit()
    }
    try node.world.put("k", "\"last\"")
    node.commit()
    let stream = try #require(node.stream(of: client))
    #expect(stream.backlog.count < 10, "what is missed is folded")
    let received = node.received(by: client, upTo: "{\"value\":\"last\",")
    let events = events(received)
    #expect(events.last?.contains("{\"value\":\"last\",") == true)
    #expect(events.count < 300)
    for event in events.dropLast() {
      #expect(json(utf8(event)) != nil)
    }
  }

  @Test("a subscriber that closed its half still gets its events, also after it was slow")
  func halfClosed() throws {
    let node = try LoopWorld()
    let client = try subscribe(node, sendBuffer: 8_192)
    client.finishSending()
    node.turn()
    #expect(node.phase(of: client) == .streaming)
    let fill = String(repeating: "x", count: 50_000)
    for number in 0..<40 {
      try node.world.put("k", "{\"n\":\(number),\"fill\":\"\(fill)\"}")
      node.commit()
    }
    try node.world.put("k", "\"last\"")
    node.commit()
    let stream = try #require(node.stream(of: client))
    #expect(!stream.backlog.isEmpty, "the reader was never slow")
    let received = node.received(by: client, upTo: "{\"value\":\"last\",")
    #expect(received.contains("\"last\""))
  }

  @Test("a client that takes nothing of what it is owed for four heartbeats is let go")
  func stalled() throws {
    let node = try LoopWorld()
    let client = try subscribe(node, sendBuffer: 8_192)
    try fillUp(node, client)
    for _ in 0..<Limits.streamStalledBeatsMax {
      node.loop.beat(client.slot)
      #expect(node.phase(of: client) == .streaming)
    }
    node.loop.beat(client.slot)
    #expect(node.phase(of: client) == nil && node.loop.streams.count == 0)
  }

  @Test("a client that takes something now and then stays, and one that is owed nothing")
  func slowButAlive() throws {
    let node = try LoopWorld()
    let idle = try subscribe(node, "other")
    let client = try subscribe(node, sendBuffer: 8_192)
    for _ in 0..<6 {
      try fillUp(node, client)
      for _ in 0..<3 { node.loop.beat(client.slot) }
      #expect(node.received(by: client, upTo: "\"last\"").contains("\"last\""))
      for _ in 0..<9 { node.loop.beat(idle.slot) }
    }
    #expect(node.phase(of: client) == .streaming && node.phase(of: idle) == .streaming)
    #expect(node.received(by: idle).contains(":\n\n"))
  }

  /// Makes changes until the socket takes no more, and then a last one.
  private func fillUp(_ node: LoopWorld, _ client: LoopClient) throws {
    let fill = String(repeating: "x", count: 50_000)
    let stream = try #require(node.stream(of: client))
    for number in 0..<400 where stream.backlog.isEmpty || number < 40 {
      try node.world.put("k", "{\"n\":\(number),\"fill\":\"\(fill)\"}")
      node.commit()
    }
    try node.world.put("k", "\"last\"")
    node.commit()
    try #require(!stream.backlog.isEmpty, "the reader was never slow")
  }

  @Test("what a client sends behind its subscription is ignored")
  func chatter() throws {
    let node = try LoopWorld()
    let client = try subscribe(node)
    _ = node.received(by: client)
    node.send(node.put("k", "1") + "nonsense", from: client)
    #expect(node.received(by: client) == "" && node.world.database.log.appended == 0)
    try node.world.put("k", "2")
    node.commit()
    #expect(events(node.received(by: client)).count == 1)
  }

  @Test("where reading is for owners, a key that becomes another's is no longer shown")
  func owners() throws {
    let node = try LoopWorld { $0.readAccess = .owner }
    let token = node.token("bob")
    let client = try subscribe(node, "k", "Authorization: Bearer \(token)\r\n")
    #expect(node.received(by: client).contains(": subscribed"))
    try node.world.put("k", "1", by: "alice")
    node.commit()
    #expect(node.received(by: client) == "")
    try node.world.delete("k", by: "alice")
    try node.world.put("k", "2", by: "bob")
    node.commit()
    #expect(events(node.received(by: client)).count == 1)
  }

  // MARK: Anything at all

  @Test(
    "whatever clients do, nothing traps, nobody waits for ever and nothing is left behind",
    arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func chaos(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let node = try LoopWorld()
    var clients: [LoopClient] = []
    for _ in 0..<600 {
      switch random.next(below: 14) {
      case 0..<3:
        clients.append(try node.connect(sendBuffer: random.next(below: 2) == 0 ? 8_192 : nil))
      case 3..<9:
        guard !clients.isEmpty else { continue }
        let client = clients[Int(random.next(below: UInt64(clients.count)))]
        client.sendWithoutWaiting(utf8(node.anything(&random)))
      case 9:
        guard !clients.isEmpty else { continue }
        clients[Int(random.next(below: UInt64(clients.count)))].finishSending()
      case 10:
        guard !clients.isEmpty else { continue }
        let client = clients.remove(at: Int(random.next(below: UInt64(clients.count))))
        if random.next(below: 2) == 0 { client.reset() }
      case 11:
        guard !clients.isEmpty else { continue }
        _ = node.received(by: clients[Int(random.next(below: UInt64(clients.count)))])
      case 12: node.world.commitAll()
      default: node.finishPasswords(&random)
      }
      if random.next(below: 2) == 0 { node.turn() }
      node.checkInvariants()
    }
    // Everybody leaves, everything is committed: nothing is left.
    for client in clients { client.reset() }
    clients = []
    node.finishPasswords(&random)
    for _ in 0..<2_000 where node.loop.connections.count > 0 { node.commit() }
    node.commit()
    #expect(node.loop.connections.count == 0 && node.loop.streams.count == 0)
    #expect(node.loop.bytesOwed == 0)
    #expect(node.loop.bodyBytesInFlight == 0 && node.loop.deadlines.isEmpty == true)
    let waits = [
      node.loop.commits.isEmpty, node.loop.events.isEmpty, node.loop.runnable.isEmpty,
    ]
    #expect(waits == [true, true, true])
    for shard in 0..<Shard.count {
      #expect(node.world.database.shards.withLock(shard) { $0.watchers.isEmpty })
    }
  }
}

extension LoopWorld {
  /// A request, a part of one, several, or nonsense.
  fileprivate func anything(_ random: inout SeededRandom) -> String {
    let key = "k\(random.next(below: 4))"
    let long = "\"" + String(repeating: "v", count: Int(random.next(below: 60_000))) + "\""
    let login = "{\"secret\":\"s\"}"
    let requests = [
      put(key, "1"), put(key, long), put(key, "1", by: "bob"), get("/default/key/\(key)"),
      get("/default/subscribe/\(key)"), get("/default/subscribe/\(key)"), get("/default/store"),
      get("/default/keys"), get("/stats"), get("/nothing", "Connection: close\r\n"),
      "HEAD /default/subscribe/\(key) HTTP/1.1\r\nHost: x\r\n\r\n", "NONSENSE\r\n\r\n",
      "GET /default/store HTTP/1.0\r\n\r\n",
      "POST /auth/u HTTP/1.1\r\nHost: x\r\nContent-Length: \(login.utf8.count)\r\n\r\n\(login)",
      "PUT /default/key/\(key) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
      "PUT /default/key/\(key) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ]
    var text = ""
    for _ in 0...random.next(below: 3) {
      text += requests[Int(random.next(below: UInt64(requests.count)))]
    }
    return random.next(below: 4) == 0 ? String(text.dropLast(Int(random.next(below: 60)))) : text
  }

  fileprivate func finishPasswords(_ random: inout SeededRandom) {
    for job in passwords.takeAll() {
      let verdicts: [PasswordOutcome.Verdict] = [
        .wrong, .taken, .throttled(seconds: 1), .refused(.diskFull),
        .accepted(name: utf8("u"), isAdmin: false, lsn: world.database.log.appended),
        .created(name: utf8("u"), lsn: world.database.log.appended, mustBeNew: false),
      ]
      world.gates[0].mailbox.post(
        .passwordDone(
          PasswordOutcome(
            token: job.token, style: job.style,
            verdict: verdicts[Int(random.next(below: UInt64(verdicts.count)))])))
    }
    turn()
  }

  fileprivate func checkInvariants() {
    var bodies = 0
    var streams = 0
    var owed = 0
    for slot in 0..<loop.connections.slotLimit where loop.connections.contains(slot) {
      bodies += loop.connections[slot].body?.bytes.count ?? 0
      owed += loop.connections[slot].bytesCounted
      let phase = loop.connections[slot].phase
      if let stream = loop.connections[slot].stream {
        streams += 1
        if stream.group.slots[stream.position] != Int32(slot) { Issue.record("a stream is lost") }
      }
      // Whoever is waited for has a deadline; whoever waits for the node needs none.
      switch phase {
      case .held, .waiting: break
      case .open, .listing, .streaming, .lingering, .handshaking:
        if loop.deadlines.kind(of: slot) == nil { Issue.record("\(phase) without a deadline") }
      }
      if phase == .held, loop.connections[slot].heldFor == 0 { Issue.record("held for nothing") }
    }
    if bodies != loop.bodyBytesInFlight { Issue.record("\(loop.bodyBytesInFlight), not \(bodies)") }
    if owed != loop.bytesOwed { Issue.record("\(loop.bytesOwed) owed, not \(owed)") }
    if streams != loop.streams.count { Issue.record("\(loop.streams.count), not \(streams)") }
  }
}
