// Answers that wait for other nodes: what a write was promised, and what its client is told.

import Bytes
import HTTP
import JSON
import Platform
import Store

/// One answer that is held until enough nodes have its write, or its time is up.
struct AcknowledgementWait {
  let level: AcknowledgementLevel
  let lsn: UInt64
  let deadline: Instant
  let style: ReplyStyle
  /// Where the answer stands in the bytes that it waits in.
  var begin: Int
  var end = 0
  /// Where its head may get a further field.
  var field = 0
  /// The user who was registered, where another node may have been faster.
  var registration: Registration?

  struct Registration {
    let name: [UInt8]
    let mustBeNew: Bool
  }
}

extension DataLoop {
  // MARK: At the write

  /// What the client wants to wait for; answers and returns nil where it cannot be understood.
  mutating func acknowledgementLevel(_ call: borrowing Call) -> AcknowledgementLevel? {
    if call.request.query.isEmpty { return .auto }
    guard let value = QueryReader.value(of: "ack", in: call.request.query, call.head) else {
      return .auto
    }
    if let level = AcknowledgementLevel(call.field(value)) { return level }
    fail(call.slot, call.style, 400, "ack is one, quorum, all or auto")
    return nil
  }

  /// A write was made, and its answer follows: from here on it waits for other nodes, if there are
  /// any. `endAcknowledged` must follow the answer.
  @inline(__always)
  mutating func beginAcknowledged(
    _ style: ReplyStyle, lsn: UInt64, _ level: AcknowledgementLevel,
    registration: AcknowledgementWait.Registration? = nil
  ) {
    guard let cluster = node.cluster, cluster.hasPeers else { return }
    addWait(style, lsn, level, registration)
  }

  @inline(never)
  private mutating func addWait(
    _ style: ReplyStyle, _ lsn: UInt64, _ level: AcknowledgementLevel,
    _ registration: AcknowledgementWait.Registration?
  ) {
    outputAcks.append(
      AcknowledgementWait(
        level: level, lsn: lsn, deadline: now.advanced(byMilliseconds: level.milliseconds),
        style: style, begin: output.count, registration: registration))
  }

  /// Ends the head of an acknowledged answer: its further field goes in front of the empty line.
  @inline(__always)
  mutating func markAcknowledgementField() {
    guard let last = outputAcks.indices.last, outputAcks[last].end == 0 else { return }
    outputAcks[last].field = output.count
  }

  @inline(__always)
  mutating func endAcknowledged() {
    guard let last = outputAcks.indices.last, outputAcks[last].end == 0 else { return }
    outputAcks[last].end = output.count
  }

  /// The answers of a turn go behind what the connection is owed already.
  mutating func keepAcknowledgementWaits(_ slot: Int) {
    guard !outputAcks.isEmpty else { return }
    let base = connections[slot].output.count
    for var wait in outputAcks {
      wait.begin += base
      wait.end += base
      wait.field += base
      connections[slot].acks.append(wait)
    }
    outputAcks.removeAll(keepingCapacity: true)
  }

  // MARK: At the answer

  /// Looks whether what the connections wait for has come, or their time is up.
  mutating func settlePeers() {
    guard !awaitingPeers.isEmpty, let cluster = node.cluster else { return }
    let generation = cluster.acknowledgements.generation
    let current = SystemClock.monotonic()
    // Deadlines are looked at every few milliseconds, changes at once.
    guard generation != seenAcknowledgements || current >= looksAtPeersAt else { return }
    seenAcknowledgements = generation
    looksAtPeersAt = current.advanced(byMilliseconds: 5)
    now = current
    let waiting = awaitingPeers
    awaitingPeers.removeAll(keepingCapacity: true)
    for token in waiting {
      guard let slot = slot(of: token), connections[slot].phase == .held else { continue }
      release(slot)
    }
  }

  /// Whether all answers of the connection may go; if so, they say what was reached.
  mutating func settleAcknowledgements(_ slot: Int) -> Bool {
    guard let cluster = node.cluster else { return true }
    let waits = connections[slot].acks
    let now = now
    var copies: [Int] = []
    let (isDone, members) = cluster.acknowledgements.read { state in
      for wait in waits {
        let isSatisfied = state.isSatisfied(wait.level, at: wait.lsn)
        guard isSatisfied || now >= wait.deadline || isSuperseded(wait, state) else {
          return (false, 0)
        }
        copies.append(state.copies(of: wait.lsn))
      }
      return (true, state.members)
    }
    guard isDone else { return false }
    connections[slot].acks = []
    var held = ByteBuffer()
    swap(&held, &connections[slot].output)
    // The loop's own buffer may be in use: a refusal is written in one of its own.
    var answers = ByteBuffer()
    swap(&answers, &output)
    let requests = outputRequests
    var sent = ByteBuffer(capacity: held.count + waits.count * 24)
    var copied = 0
    for (index, wait) in waits.enumerated() {
      sent.append(held.span.extracting(copied..<wait.begin))
      copied = wait.begin
      if answerInstead(slot, wait, copies: copies[index], members: members) {
        sent.append(output.span)
        output.clear()
      } else {
        sent.append(held.span.extracting(copied..<wait.field))
        Self.appendCopies(copies[index], of: members, to: &sent)
        sent.append(held.span.extracting(wait.field..<wait.end))
      }
      copied = wait.end
    }
    sent.append(held.span.extracting(copied..<held.count))
    swap(&answers, &output)
    outputRequests = requests
    swap(&sent, &connections[slot].output)
    return true
  }

  static func appendCopies(_ copies: Int, of members: Int, to buffer: inout ByteBuffer) {
    buffer.append("X-Acks: ")
    buffer.append(decimal: UInt64(copies))
    buffer.append("/")
    buffer.append(decimal: UInt64(members))
    buffer.append("\r\n")
  }

  private func isSuperseded(
    _ wait: AcknowledgementWait, _ state: AcknowledgementBoard.State
  ) -> Bool {
    wait.registration != nil && state.superseded.contains(wait.lsn)
  }

  /// Writes into `output` what is to be said in place of the answer, if anything is.
  private mutating func answerInstead(
    _ slot: Int, _ wait: AcknowledgementWait, copies: Int, members: Int
  ) -> Bool {
    if let registration = wait.registration {
      guard wasLost(wait, registration) else { return false }
      if registration.mustBeNew {
        userExists(slot, wait.style)
      } else {
        fail(slot, wait.style, 401, "Invalid credentials")
      }
      return true
    }
    let needed =
      switch wait.level {
      case .quorum: members / 2 + 1
      case .all: members
      case .auto, .one, .everyLiving: 0
      }
    guard copies < needed else { return false }
    var body = ByteBuffer()
    body.append("{\"error\":\"not enough nodes have acknowledged the write in time: it is stored")
    body.append(" and will spread, read before you repeat it\",\"outcome\":\"unknown\",\"acks\":\"")
    body.append(decimal: UInt64(copies))
    body.append("/")
    body.append(decimal: UInt64(members))
    body.append("\"}")
    beginHead(
      wait.style, status: 503, contentType: "application/json", contentLength: body.count)
    Self.appendCopies(copies, of: members, to: &output)
    output.append("Retry-After: 1\r\n")
    endHead()
    output.append(body.span)
    return true
  }

  /// Whether another node's registration of the same name stands in place of this one.
  private func wasLost(
    _ wait: AcknowledgementWait, _ registration: AcknowledgementWait.Registration
  ) -> Bool {
    guard let cluster = node.cluster else { return false }
    if cluster.acknowledgements.read({ $0.superseded.contains(wait.lsn) }) { return true }
    let users = database.tables.users
    let tableName = users.name
    let name = registration.name
    let place = database.place(users.id, name: tableName.span, key: name.span)
    let ownID = database.origins.ownID
    return database.read(place, key: name.span) { record, _ in record?.origin != ownID }
  }
}
