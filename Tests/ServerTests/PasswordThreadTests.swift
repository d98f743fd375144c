import Bytes
import Crypto
import Platform
import Store
import Testing

@testable import Server

@Suite("Password thread")
struct PasswordThreadTests {
  private let world: World
  private let queue = PasswordQueue()

  init() throws { world = try World() }

  private func job(
    _ purpose: PasswordJob.Purpose, _ secret: String, address: UInt64 = 1
  ) -> PasswordJob {
    PasswordJob(
      loop: 0, token: 7, style: ReplyStyle(), purpose: purpose,
      secret: Secret(copying: utf8(secret).span),
      address: InternetAddress(high: 0, low: address))
  }

  private func user(_ name: String, mustBeNew: Bool = false) -> PasswordJob.Purpose {
    .user(name: utf8(name), mustBeNew: mustBeNew)
  }

  /// The verdicts on jobs that one thread takes one after the other.
  private func verdicts(_ jobs: [PasswordJob], adminPassword: String? = nil) throws -> [String] {
    for job in jobs { #expect(queue.submit(job)) }
    let start = Handover(
      PasswordThread(
        queue: queue, database: world.database, gates: world.gates,
        adminPassword: adminPassword.map(utf8)))
    let handle = try Thread.start(name: "passwords") {
      var thread = start.take()
      thread.run()
    }
    var verdicts: [String] = []
    let pause = Waiter()
    for _ in 0..<60_000 where verdicts.count < jobs.count {
      var messages: [LoopMessage] = []
      world.gates[0].mailbox.take(into: &messages)
      for message in messages {
        guard case .passwordDone(let outcome) = message else { continue }
        #expect(outcome.token == 7)
        verdicts.append(name(of: outcome.verdict))
      }
      _ = pause.wait(milliseconds: 1)
    }
    queue.close()
    handle.join()
    return verdicts
  }

  private func name(of verdict: PasswordOutcome.Verdict) -> String {
    switch verdict {
    case .created(let name, let lsn, _): "created \(text(name)) \(lsn)"
    case .accepted(let name, let isAdmin, _): "accepted \(text(name))\(isAdmin ? " admin" : "")"
    case .wrong: "wrong"
    case .taken: "taken"
    case .notReady: "not ready"
    case .throttled(let seconds): seconds > 0 && seconds <= 60 ? "throttled" : "\(seconds) s"
    case .refused(let refusal): "refused \(refusal)"
    }
  }

  @Test("an unknown user is made, a known one let in with the right secret and no other")
  func users() throws {
    let found = try verdicts([
      job(user("alice"), "s"), job(user("alice"), "s"), job(user("alice"), "t"),
      job(user("alice"), "s\u{0}"), job(user("bob"), "t"), job(user("alice", mustBeNew: true), "s"),
      job(user("carol", mustBeNew: true), "s"),
    ])
    #expect(
      found == [
        "created alice 1", "accepted alice", "wrong", "wrong", "created bob 2", "taken",
        "created carol 3",
      ])
    let stored = try #require(world.value("alice", table: "auth"))
    #expect(stored.hasPrefix("{\"hash\":\"$scrypt$ln=15,r=8,p=1$"))
    #expect(world.stored("alice", table: "auth")?.owner == "alice")
  }

  @Test("after ten failures a user is let wait, at that address and not at another")
  func throttling() throws {
    var jobs = [job(user("alice"), "s")]
    for _ in 0..<10 { jobs.append(job(user("alice"), "wrong")) }
    jobs += [
      job(user("alice"), "s"), job(user("alice"), "s", address: 2), job(user("bob"), "s"),
    ]
    let found = try verdicts(jobs)
    #expect(found[1...10].allSatisfy { $0 == "wrong" })
    #expect(Array(found[11...]) == ["throttled", "accepted alice", "created bob 2"])
  }

  @Test("the right secret forgets the failures before it")
  func forgiveness() throws {
    var jobs = [job(user("alice"), "s")]
    for _ in 0..<2 {
      for _ in 0..<9 { jobs.append(job(user("alice"), "wrong")) }
      jobs.append(job(user("alice"), "s"))
    }
    #expect(try verdicts(jobs).count { $0 == "accepted alice" } == 2)
  }

  @Test("without room nobody is made, and the name stays free")
  func diskFull() throws {
    world.database.log.admit(bytes: 0, diskIsLow: false)
    #expect(try verdicts([job(user("alice"), "s")]) == ["refused diskFull"])
    #expect(world.contents.isEmpty)
  }

  @Test("the admin is let in with the one password, and guesses are counted too")
  func admin() throws {
    var jobs = [job(.admin, "root"), job(.admin, "roo"), job(.admin, "root\u{0}"), job(.admin, "")]
    for _ in 0..<7 { jobs.append(job(.admin, "guess")) }
    jobs.append(job(.admin, "root"))
    let found = try verdicts(jobs, adminPassword: "root")
    #expect(found.first == "accepted _admin admin")
    #expect(found[1...10].allSatisfy { $0 == "wrong" } && found.last == "throttled")
  }

  @Test("the line is bounded, and takes nobody once it is closed")
  func line() {
    for _ in 0..<Limits.passwordQueueMax { #expect(queue.submit(job(.admin, ""))) }
    #expect(!queue.submit(job(.admin, "")))
    #expect(queue.next() != nil)
    #expect(queue.submit(job(.admin, "")))
    queue.close()
    #expect(!queue.submit(job(.admin, "")))
    #expect(queue.next() == nil)
  }
}
