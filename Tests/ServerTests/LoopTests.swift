import Bytes
import Crypto
import HTTP
import Platform
import Store
import Testing

@testable import Server

@Suite("Loop: answers and commits")
struct LoopTests {
  // MARK: Held until committed

  @Test("a write is answered when it is committed and not before")
  func write() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    #expect(node.exchange(node.put("k", "1"), from: client) == "")
    #expect(node.phase(of: client) == .held)
    #expect(node.world.database.log.appended == 1)
    node.commit()
    let answer = node.received(by: client)
    #expect(statuses(answer) == ["201"])
    #expect(answer.hasSuffix("\"owner\":\"alice\"}"))
    #expect(node.phase(of: client) == .open)
  }

  @Test("nobody is shown what a crash could still undo")
  func reads() throws {
    let node = try LoopWorld()
    let writer = try node.connect()
    let reader = try node.connect()
    node.send(node.put("k", "1"), from: writer)
    #expect(node.exchange(get("/default/key/k"), from: reader) == "")
    for path in ["/default/keys", "/default/store"] {
      let other = try node.connect()
      #expect(node.exchange(get(path), from: other) == "", "\(path)")
    }
    node.commit()
    #expect(statuses(node.received(by: reader)) == ["200"])
  }

  @Test("what does not depend on the write is answered at once")
  func independent() throws {
    let node = try LoopWorld()
    let writer = try node.connect()
    node.send(node.put("k", "1"), from: writer)
    let shard = node.world.place("default", "k").shard
    let other = (0...).lazy.map { "other\($0)" }.first {
      node.world.place("default", $0).shard != shard
    }!
    let reader = try node.connect()
    #expect(statuses(node.exchange(get("/default/key/\(other)"), from: reader)) == ["404"])
    #expect(statuses(node.exchange(get("/heartbeat"), from: reader)) == ["200"])
  }

  @Test("what the disk had no room for is told at once, and nothing is waited for")
  func refused() throws {
    let node = try LoopWorld()
    node.world.database.log.admit(bytes: 0, diskIsLow: false)
    let client = try node.connect()
    #expect(statuses(node.exchange(node.put("k", "1"), from: client)) == ["507"])
    #expect(node.phase(of: client) == .open)
    #expect(statuses(node.exchange(get("/default/key/k"), from: client)) == ["404"])
  }

  @Test("pipelined answers leave together and in order, when the last of them may be told")
  func pipeline() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    let requests =
      get("/heartbeat") + node.put("k", "1") + get("/default/key/k") + node.put("k", "2", by: "bob")
      + node.put("k", "3") + get("/nothing")
    #expect(node.exchange(requests, from: client) == "")
    node.commit()
    let answers = node.received(by: client)
    #expect(statuses(answers) == ["200", "201", "200", "401", "201", "404"])
    #expect(node.loop.metrics.requests.load(ordering: .relaxed) == 6)
  }

  @Test("requests that come while an answer is held are answered after it")
  func behindHeld() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1"), from: client)
    node.send(get("/heartbeat") + node.put("b", "2"), from: client)
    #expect(node.received(by: client) == "" && node.world.database.log.appended == 1)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    #expect(node.world.database.log.appended == 2)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["200", "201"])
  }

  @Test("the log is woken for writes of a connection that was just let go")
  func kick() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1"), from: client)
    node.send(node.put("b", "1"), from: client)
    node.world.commitAll()
    node.loop.turn(milliseconds: 0)
    #expect(node.world.database.log.appended == 2)
    #expect(node.loop.hasAppended == false, "somebody must tell the log thread")
  }

  @Test("the same holds where the loop looks at commits before it sleeps")
  func kickBeforeSleep() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1"), from: client)
    node.send(node.put("b", "1"), from: client)
    node.world.commitAll()
    _ = node.loop.sleepMilliseconds()
    #expect(node.world.database.log.appended == 2)
    #expect(node.loop.hasAppended == false)
  }

  @Test("a commit of another loop's write wakes this one only where it waits")
  func wakingUp() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1"), from: client)
    #expect(node.loop.sleepMilliseconds() != 0)
    node.world.commitAll()
    let poller = try Poller()
    try poller.add(node.world.gates[0].wakeup.descriptor, token: 1, events: .readable)
    #expect(poller.wait(timeoutMilliseconds: 0) == 1)
  }

  @Test("a client that left while its answer was held is forgotten, and its slot may be another's")
  func left() throws {
    let node = try LoopWorld()
    let slot: Int
    do {
      let client = try node.connect()
      slot = client.slot
      node.send(node.put("a", "1"), from: client)
      client.reset()
    }
    for _ in 0..<1_000 where node.loop.connections.contains(slot) { node.turn() }
    #expect(node.loop.connections.contains(slot) == false)
    let other = try node.connect()
    #expect(other.slot == slot)
    node.send(get("/heartbeat"), from: other)
    node.commit()
    #expect(statuses(node.received(by: other)) == ["200"])
    #expect(node.world.value("a") == "1")
  }

  @Test("a client that closed its half gets its held answers, then the end")
  func halfClosed() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    client.send(node.put("a", "1") + node.put("b", "1") + get("/default/store"))
    client.finishSending()
    #expect(node.received(by: client) == "")
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201", "201", "200"])
    #expect(client.isClosed)
  }

  @Test("a request cut off by the end is never applied", arguments: [1, 40, 120, 180])
  func truncated(missing: Int) throws {
    let node = try LoopWorld()
    let client = try node.connect()
    client.send(Array(utf8(node.put("a", "1")).dropLast(missing)))
    client.finishSending()
    #expect(!statuses(node.received(by: client)).contains("201"))
    #expect(node.world.database.log.appended == 0)
    #expect(client.isClosed)
    #expect(node.loop.bodyBytesInFlight == 0)
  }

  // MARK: Deadlines behind a held answer

  @Test("between requests the idle deadline runs, and none while the node owes the answer")
  func idle() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    #expect(node.deadline(of: client) == .idle)
    node.send(node.put("a", "1"), from: client)
    #expect(node.deadline(of: client) == nil)
    node.commit()
    #expect(node.deadline(of: client) == .idle)
  }

  @Test("a body that began behind a held write is waited for no longer than any")
  func bodyBehindHeld() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    let second = node.put("b", "\"a longer value\"")
    node.send(node.put("a", "1") + second.dropLast(10), from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    #expect(node.deadline(of: client) == .body)
    node.send(String(second.suffix(10)), from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    #expect(node.deadline(of: client) == .idle)
  }

  @Test("a head that began behind a held write is waited for no longer than any")
  func headBehindHeld() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1") + "GET /heartbeat HT", from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    #expect(node.deadline(of: client) == .head)
    #expect(statuses(node.exchange("TP/1.1\r\nHost: x\r\n\r\n", from: client)) == ["200"])
    #expect(node.deadline(of: client) == .idle)
  }

  // MARK: Bodies

  @Test("a body that comes in pieces is put together, and its bytes are counted while it comes")
  func pieces() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    let request = node.put("k", "\"" + String(repeating: "x", count: 1_000) + "\"")
    for byte in utf8(request).dropLast(1) { client.send([byte]) }
    node.turn()
    #expect(node.loop.bodyBytesInFlight > 900)
    #expect(node.phase(of: client) == .open && node.deadline(of: client) == .body)
    node.send(String(request.suffix(1)), from: client)
    #expect(node.loop.bodyBytesInFlight == 0)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
  }

  @Test("the body that is held back until it is asked for is asked for")
  func expectation() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    let request = node.put("k", "1")
    let head = request.replacing("Host: x", with: "Host: x\r\nExpect: 100-continue").split(
      separator: "\r\n\r\n")[0]
    #expect(
      node.exchange(head + "\r\n\r\n", from: client) == "HTTP/1.1 100 Continue\r\n\r\n")
    node.send("{\"value\":1}", from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
  }

  @Test("beyond the bound of all bodies one more is 503, also when it began before")
  func tooManyBodies() throws {
    let node = try LoopWorld()
    let early = try node.connect()
    let late = try node.connect()
    let request = node.put("k", "\"" + String(repeating: "x", count: 1_000) + "\"")
    node.send(String(request.dropLast(100)), from: early)
    let held = node.loop.bodyBytesInFlight
    #expect(held > 800)
    node.loop.bodyBytesInFlight += Limits().bodiesInFlightBytesMax
    node.send(String(request.dropLast(100)), from: late)
    #expect(statuses(node.received(by: late)) == ["503"])
    #expect(statuses(node.exchange(String(request.suffix(100)), from: early)) == ["503"])
    #expect(node.loop.bodyBytesInFlight == Limits().bodiesInFlightBytesMax)
    #expect(node.world.database.log.appended == 0)
  }

  @Test("a client that leaves in the middle of a body takes its bytes along")
  func leftInBody() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(String(node.put("k", "\"abcdefgh\"").dropLast(4)), from: client)
    #expect(node.loop.bodyBytesInFlight > 0)
    client.reset()
    for _ in 0..<1_000 where node.loop.connections.count > 0 { node.turn() }
    #expect(node.loop.bodyBytesInFlight == 0)
  }

  // MARK: Clients that do not read

  @Test("what clients do not take is counted, until they take it or leave")
  func bytesOwed() throws {
    let node = try LoopWorld()
    let (writer, reader) = (try node.connect(), try node.connect(sendBuffer: 8_192))
    let long = "\"" + String(repeating: "x", count: 900_000) + "\""
    node.send(node.put("long", long), from: writer)
    // What the kernel took comes at its own pace.
    for _ in 0..<5_000 where node.phase(of: writer) != .held { node.turn() }
    #expect(node.loop.bytesOwed > 900_000, "held until it is committed")
    node.commit()
    #expect(node.received(by: writer, upTo: "alice\"}").hasPrefix("HTTP/1.1 201"))
    #expect(node.loop.bytesOwed == 0)
    for _ in 0..<20 { node.send(get("/default/key/long"), from: reader) }
    #expect(node.loop.bytesOwed > 0 && node.loop.bytesOwed < 2_000_000)
    reader.reset()
    for _ in 0..<1_000 where node.phase(of: reader) != nil { node.turn() }
    #expect(node.loop.bytesOwed == 0)
  }

  @Test("where clients are owed too much, long answers are 503 and short ones go on")
  func tooMuchOwed() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    let long = "\"" + String(repeating: "x", count: 10_000) + "\""
    for (key, value) in [("long", long), ("short", "{}")] {
      node.send(node.put(key, value), from: client)
      node.commit()
      #expect(statuses(node.received(by: client)) == ["201"])
    }
    node.loop.bytesOwed += Limits().answersOwedBytesMax
    for refused in [
      get("/default/key/long"), node.put("long", long), get("/default/store"),
    ] {
      let answer = node.exchange(refused, from: client)
      #expect(statuses(answer) == ["503"] && answer.contains("Retry-After: 1\r\n"))
    }
    for path in ["/default/key/short", "/default/keys", "/stats", "/heartbeat"] {
      #expect(statuses(node.exchange(get(path), from: client)) == ["200"])
    }
    node.send(node.put("short", "1"), from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    node.loop.bytesOwed -= Limits().answersOwedBytesMax
    #expect(statuses(node.exchange(get("/default/key/long"), from: client)) == ["200"])
    #expect(node.loop.bytesOwed == 0)
  }

  // MARK: Passwords

  private func login(_ user: String, _ body: String = "{\"secret\":\"s\"}") -> String {
    "POST /auth/\(user) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private func finish(
    _ node: LoopWorld, _ verdict: PasswordOutcome.Verdict
  ) throws {
    let job = try #require(node.passwords.next())
    node.world.gates[0].mailbox.post(
      .passwordDone(PasswordOutcome(token: job.token, style: job.style, verdict: verdict)))
    node.turn()
  }

  @Test("a login waits for the hashing thread, and what comes behind it waits too")
  func password() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    #expect(node.exchange(login("alice") + get("/heartbeat"), from: client) == "")
    #expect(node.phase(of: client) == .waiting && node.deadline(of: client) == nil)
    try finish(node, .accepted(name: utf8("alice"), isAdmin: false, lsn: 0))
    let answers = node.received(by: client)
    #expect(statuses(answers) == ["200", "200"])
    #expect(answers.contains("{\"token\":\""))
    #expect(node.deadline(of: client) == .idle)
  }

  @Test("a user that was made is told of when it is committed")
  func registration() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(login("alice"), from: client)
    let receipt = try node.world.put("alice", "{}", table: "auth")
    try finish(node, .created(name: utf8("alice"), lsn: receipt.lsn, mustBeNew: false))
    #expect(node.received(by: client) == "")
    node.commit()
    #expect(node.received(by: client).contains("{\"status\":\"User created\",\"token\":\""))
  }

  @Test("a verdict that comes while earlier answers are held goes behind them")
  func verdictWhileHeld() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("k", "1") + login("alice") + get("/heartbeat"), from: client)
    #expect(node.phase(of: client) == .held)
    try finish(node, .wrong)
    #expect(node.received(by: client) == "" && node.phase(of: client) == .held)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201", "401", "200"])
  }

  @Test("a verdict for a later position than the answers before it holds all of them back")
  func laterVerdictWhileHeld() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("k", "1") + login("alice"), from: client)
    let receipt = try node.world.put("alice", "{}", table: "auth")
    try finish(node, .created(name: utf8("alice"), lsn: receipt.lsn, mustBeNew: false))
    node.world.database.log.publish(1)
    #expect(node.received(by: client) == "")
    node.world.database.log.publish(2)
    #expect(statuses(node.received(by: client)) == ["201", "200"])
  }

  @Test("answers before a login leave when they are committed, not when the password is checked")
  func heldBeforeVerdict() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("k", "1") + login("alice"), from: client)
    node.commit()
    #expect(statuses(node.received(by: client)) == ["201"])
    #expect(node.phase(of: client) == .waiting)
    try finish(node, .throttled(seconds: 7))
    let answer = node.received(by: client)
    #expect(statuses(answer) == ["429"] && answer.contains("Retry-After: 7\r\n"))
  }

  @Test("a verdict for a client that left reaches nobody else")
  func verdictForNobody() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(login("alice"), from: client)
    client.reset()
    for _ in 0..<1_000 where node.loop.connections.contains(client.slot) { node.turn() }
    let other = try node.connect()
    #expect(other.slot == client.slot)
    try finish(node, .accepted(name: utf8("alice"), isAdmin: false, lsn: 0))
    #expect(node.received(by: other) == "")
    #expect(statuses(node.exchange(get("/heartbeat"), from: other)) == ["200"])
  }

  @Test("a secret longer than the limit is refused before it waits for anything")
  func longSecret() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    for (count, expected) in [(Limits.secretBytesMax + 1, "400"), (Limits.secretBytesMax, "")] {
      let body = "{\"secret\":\"" + String(repeating: "s", count: count) + "\"}"
      #expect(statuses(node.exchange(login("alice", body), from: client)).first ?? "" == expected)
    }
  }

  @Test("a full line of passwords answers 503 and when to come back")
  func fullLine() throws {
    let node = try LoopWorld()
    let job = PasswordJob(
      loop: 0, token: 0, style: ReplyStyle(), purpose: .admin,
      secret: Secret(copying: [UInt8]().span), address: .unknown)
    for _ in 0..<Limits.passwordQueueMax { #expect(node.passwords.submit(job)) }
    let client = try node.connect()
    let answer = node.exchange(login("alice"), from: client)
    #expect(statuses(answer) == ["503"] && answer.contains("Retry-After: 5\r\n"))
  }

  // MARK: Refusals and the end

  @Test("what is no request is refused behind the answers before it, and nothing behind it is done")
  func refusal() throws {
    let node = try LoopWorld()
    let client = try node.connect()
    node.send(node.put("a", "1") + "NONSENSE\r\n\r\n" + node.put("b", "1"), from: client)
    #expect(node.received(by: client) == "")
    node.commit()
    let answers = node.received(by: client)
    #expect(statuses(answers) == ["201", "400"])
    #expect(answers.contains("Connection: close"))
    #expect(node.phase(of: client) == .lingering && node.deadline(of: client) == .linger)
    #expect(node.world.value("b") == nil)
    client.send(String(repeating: "x", count: 100_000))
    node.turn()
    #expect(client.isClosed)
    client.finishSending()
    for _ in 0..<1_000 where node.phase(of: client) != nil { node.turn() }
    #expect(node.phase(of: client) == nil)
  }

  @Test("a stop finishes what is in flight and closes what is not")
  func draining() throws {
    let node = try LoopWorld()
    let idle = try node.connect()
    let stream = try node.connect()
    node.send(get("/default/subscribe/k"), from: stream)
    let writer = try node.connect()
    node.send(node.put("a", "1"), from: writer)
    let late = try node.connect()
    node.send("GET /heart", from: late)
    node.world.gates[0].mailbox.post(.drain)
    node.turn()
    #expect(node.phase(of: idle) == nil && node.phase(of: stream) == nil)
    #expect(node.loop.streams.count == 0)
    #expect(node.phase(of: writer) == .held)
    node.commit()
    #expect(statuses(node.received(by: writer)) == ["201"])
    let answer = node.exchange("beat HTTP/1.1\r\nHost: x\r\n\r\n", from: late)
    #expect(statuses(answer) == ["200"] && answer.contains("Connection: close"))
    #expect(throws: (any Error).self) { try node.connectAfterStop() }
  }
}

extension LoopWorld {
  fileprivate func connectAfterStop() throws {
    _ = try Socket.connect(host: "127.0.0.1", port: port, timeoutMilliseconds: 1_000)
  }
}
