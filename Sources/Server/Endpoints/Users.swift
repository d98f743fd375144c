// POST /auth/{user}: registers an unknown user, logs a known one in.

import Auth
import Bytes
import Crypto
import HTTP
import JSON
import Platform
import Store

extension DataLoop {
  mutating func users(_ call: borrowing Call, name: Span<UInt8>) {
    // As a table `auth` is reserved, and these are the names of table routes.
    if name.equals("store") || name.equals("keys") {
      _ = mayUse(table: ("auth" as StaticString).bytes, call)
      return
    }
    switch call.request.method {
    case .post: login(call, name: name)
    case .options: preflight(call, allow: "POST, OPTIONS")
    default: wrongMethod(call, allow: "POST, OPTIONS")
    }
  }

  private mutating func login(_ call: borrowing Call, name: Span<UInt8>) {
    guard !name.isEmpty, name.count <= limits.nameBytesMax else {
      return fail(
        call.slot, call.style, 400,
        "a user's name is 1 to \(limits.nameBytesMax) bytes (DYNA_LIMIT_NAME_BYTES)")
    }
    guard !name.equals(AdminSession.subject) else {
      return fail(call.slot, call.style, 403, "this name is reserved: choose another")
    }
    readsSecret = true
    do throws(JSONError) {
      let body = try JSONValidator.check(call.body, depthMax: limits.jsonDepthMax)
      guard body.kind == .object,
        let member = JSONReader.member("secret", of: body, in: call.body),
        var secret = JSONReader.string(member, in: call.body), !secret.isEmpty
      else {
        return fail(
          call.slot, call.style, 400,
          "the body is {\"secret\":\"…\"} with a secret that is not empty")
      }
      let password = Secret(taking: &secret)
      guard password.count <= Limits.secretBytesMax else { return secretTooLong(call) }
      let register = JSONReader.member("register", of: body, in: call.body)
      guard register == nil || register?.kind == .true || register?.kind == .false else {
        return fail(call.slot, call.style, 400, "register is true or false")
      }
      submit(
        call,
        PasswordJob(
          loop: gate.index, token: token(call.slot), style: call.style,
          purpose: .user(name: [UInt8](copying: name), mustBeNew: register?.kind == .true),
          secret: password,
          address: Socket.peer(connections[call.slot].descriptor)?.address ?? .unknown))
    } catch {
      badJSON(call, error)
    }
  }

  mutating func secretTooLong(_ call: borrowing Call) {
    fail(call.slot, call.style, 400, "a secret is at most \(Limits.secretBytesMax) bytes")
  }

  /// Hands a password to the hashing thread; the connection waits for the outcome.
  mutating func submit(_ call: borrowing Call, _ job: PasswordJob) {
    guard node.passwords.submit(job) else {
      return fail(
        call.slot, call.style, 503, "too many logins are waiting: try again in a few seconds",
        retryAfterSeconds: 5)
    }
    connections[call.slot].phase = .waiting
    connections[call.slot].awaitsThread = true
    deadlines.clear(call.slot)
  }

  /// Answers the connection that waited for a password, if it is still there.
  mutating func finishLogin(_ outcome: PasswordOutcome) {
    guard let slot = slot(of: outcome.token) else { return }
    connections[slot].awaitsThread = false
    let style = outcome.style
    switch outcome.verdict {
    case .created(let name, let lsn, let mustBeNew):
      outputWaitsFor = max(outputWaitsFor, lsn)
      hasAppended = true
      beginAcknowledged(
        style, lsn: lsn, .everyLiving,
        registration: AcknowledgementWait.Registration(name: name, mustBeNew: mustBeNew))
      replyWithToken(
        slot, style, "{\"status\":\"User created\",\"token\":\"", subject: name, isAdmin: false)
      endAcknowledged()
    case .accepted(let name, let isAdmin, let lsn):
      outputWaitsFor = max(outputWaitsFor, lsn)
      replyWithToken(slot, style, "{\"token\":\"", subject: name, isAdmin: isAdmin)
    case .wrong:
      fail(slot, style, 401, "Invalid credentials")
    case .taken: userExists(slot, style)
    case .notReady: notReady(slot, style)
    case .throttled(let seconds):
      fail(
        slot, style, 429, "too many failed logins: wait \(seconds) seconds",
        retryAfterSeconds: seconds)
    case .refused(.diskFull):
      fail(slot, style, 507, "the disk is full: nothing was written; make room and send it again")
    case .refused:
      fail(slot, style, 507, "a million tables and users are the most that a node knows")
    }
    resume(slot)
  }

  /// Goes on with a connection whose answer another thread has made.
  mutating func resume(_ slot: Int) {
    if connections[slot].phase == .held {
      // Earlier answers of this connection wait for the disk: this one goes behind them.
      var answer = ByteBuffer()
      swap(&answer, &output)
      keepAcknowledgementWaits(slot)
      connections[slot].output.append(answer.span)
      connections[slot].heldFor = max(connections[slot].heldFor, outputWaitsFor)
      connections[slot].heldRequests += outputRequests
      outputWaitsFor = 0
      outputRequests = 0
      return
    }
    connections[slot].phase = .open
    if finishTurn(slot) { drive(slot) }
  }

  mutating func userExists(_ slot: Int, _ style: ReplyStyle) {
    fail(slot, style, 400, "the user exists: log in without \"register\", or choose another name")
  }

  private mutating func replyWithToken(
    _ slot: Int, _ style: ReplyStyle, _ start: StaticString, subject: [UInt8], isAdmin: Bool
  ) {
    let seconds = SystemClock.wallMilliseconds() / 1_000
    var body = ByteBuffer()
    body.append(start)
    body.append(
      node.signer.token(
        subject: subject.span, expiresSeconds: seconds + AdminSession.tokenSeconds, isAdmin: isAdmin
      ))
    body.append("\"}")
    reply(slot, style, body.span)
  }
}
