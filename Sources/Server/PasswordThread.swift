// Passwords, on a thread of their own: hashing one takes about 50 ms, which no loop has.

import Auth
import Bytes
import Crypto
import JSON
import Platform
import Store

/// A password to check, and the connection that waits for it.
struct PasswordJob: Sendable {
  enum Purpose: Sendable {
    case user(name: [UInt8], mustBeNew: Bool)
    case admin
  }

  let loop: Int
  let token: UInt64
  let style: ReplyStyle
  let purpose: Purpose
  /// Wiped when the last holder of the job lets go of it.
  let secret: Secret
  let address: InternetAddress
}

/// What became of it.
struct PasswordOutcome: Sendable {
  enum Verdict: Sendable {
    case created(name: [UInt8], lsn: UInt64, mustBeNew: Bool)
    case accepted(name: [UInt8], isAdmin: Bool, lsn: UInt64)
    case wrong
    case taken
    /// The user is not known here yet, but the node has not caught up with its cluster.
    case notReady
    case throttled(seconds: UInt64)
    case refused(WriteRefusal)
  }

  let token: UInt64
  let style: ReplyStyle
  let verdict: Verdict
}

enum AdminSession {
  /// The `sub` of admin tokens, which nobody can register.
  static var subject: StaticString { "_admin" }
  /// 24 hours, for every token.
  static let tokenSeconds: UInt64 = 86_400
}

/// The bounded line of passwords in front of the hashing thread.
final class PasswordQueue: Sendable {
  private struct Line {
    var jobs: [PasswordJob] = []
    var isClosed = false
  }

  private let line = Locked(Line())
  private let waiter = Waiter()

  /// - Returns: false where the line is full.
  func submit(_ job: PasswordJob) -> Bool {
    let isTaken = line.withLock { line in
      guard !line.isClosed, line.jobs.count < Limits.passwordQueueMax else { return false }
      line.jobs.append(job)
      return true
    }
    if isTaken { waiter.notify() }
    return isTaken
  }

  /// The next job, waited for; nil when the queue is closed.
  func next() -> PasswordJob? {
    while true {
      let (job, isClosed) = line.withLock { line in
        (line.jobs.isEmpty ? nil : line.jobs.removeFirst(), line.isClosed)
      }
      if isClosed { return nil }
      if let job { return job }
      _ = waiter.wait(milliseconds: 60_000)
    }
  }

  func close() {
    line.withLock { $0.isClosed = true }
    waiter.notify()
  }
}

/// The hashing thread's work. Failures are counted here, one password after the other, so that no
/// burst of guesses slips past the throttle.
struct PasswordThread: ~Copyable {
  let queue: PasswordQueue
  let database: Database
  let gates: [LoopGate]
  let adminPassword: [UInt8]?
  let cluster: ClusterGate?
  private var throttle = LoginThrottle()

  init(
    queue: PasswordQueue, database: Database, gates: [LoopGate], adminPassword: [UInt8]?,
    cluster: ClusterGate? = nil
  ) {
    self.cluster = cluster
    self.queue = queue
    self.database = database
    self.gates = gates
    self.adminPassword = adminPassword
  }

  mutating func run() {
    while let job = queue.next() {
      let verdict = judge(job)
      gates[job.loop].mailbox.post(
        .passwordDone(PasswordOutcome(token: job.token, style: job.style, verdict: verdict)))
    }
  }

  private mutating func judge(_ job: PasswordJob) -> PasswordOutcome.Verdict {
    // Not the wall clock, which may be set back: whoever failed then would wait until it caught up.
    let now = SystemClock.monotonic().nanoseconds / 1_000_000
    var address = ByteBuffer()
    address.appendUInt64(job.address.high)
    address.appendUInt64(job.address.low)
    let name =
      switch job.purpose {
      case .user(let name, _): name
      case .admin: [UInt8](copying: AdminSession.subject.bytes)
      }
    if let seconds = throttle.retryAfterSeconds(
      user: name.span, address: address.span, nowMilliseconds: now)
    {
      return .throttled(seconds: seconds)
    }
    let verdict =
      switch job.purpose {
      case .user(_, let mustBeNew): user(name, job.secret, mustBeNew: mustBeNew)
      case .admin: admin(name, job.secret)
      }
    switch verdict {
    case .wrong:
      throttle.recordFailure(user: name.span, address: address.span, nowMilliseconds: now)
    case .accepted, .created:
      throttle.recordSuccess(user: name.span, address: address.span, nowMilliseconds: now)
    case .taken, .notReady, .throttled, .refused: break
    }
    return verdict
  }

  private func user(
    _ name: [UInt8], _ secret: Secret, mustBeNew: Bool
  ) -> PasswordOutcome.Verdict {
    let users = database.tables.users
    let tableName = users.name
    let place = database.place(users.id, name: tableName.span, key: name.span)
    let (known, lsn) = storedHash(place, name.span)
    if let known {
      // The password is checked first, so that both refusals take the same time.
      let isRight = PasswordHash.verify(secret: secret.span, hash: known.span)
      if mustBeNew { return .taken }
      return isRight ? .accepted(name: name, isAdmin: false, lsn: lsn) : .wrong
    }
    guard cluster?.isReady ?? true else { return .notReady }
    guard let owner = database.owners.intern(name.span) else { return .refused(.tooManyNames) }
    let hash = PasswordHash.make(secret: secret.span, salt: SecureRandom.bytes(16).span)
    var value = ByteBuffer()
    value.append("{\"hash\":")
    JSONWriter.appendString(hash.span, to: &value)
    value.append("}")
    do throws(WriteRefusal) {
      guard
        let receipt = try database.createUser(
          place, name: name.span, value: value.span, owner: OwnerID(rawValue: owner))
      else { return user(name, secret, mustBeNew: mustBeNew) }
      return .created(name: name, lsn: receipt.lsn, mustBeNew: mustBeNew)
    } catch {
      return .refused(error)
    }
  }

  private func storedHash(_ place: Place, _ name: Span<UInt8>) -> (hash: [UInt8]?, lsn: UInt64) {
    database.read(place, key: name) { record, lsn in
      guard let record, !record.isTombstone,
        let document = try? JSONValidator.check(record.value),
        let member = JSONReader.member("hash", of: document, in: record.value)
      else { return (nil, lsn) }
      return (JSONReader.string(member, in: record.value), lsn)
    }
  }

  private func admin(_ name: [UInt8], _ secret: Secret) -> PasswordOutcome.Verdict {
    guard let adminPassword, ConstantTime.equal(adminPassword.span, secret.span) else {
      return .wrong
    }
    return .accepted(name: name, isAdmin: true, lsn: 0)
  }
}
