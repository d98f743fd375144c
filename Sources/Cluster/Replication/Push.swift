import Bytes
import Store

/// Where a peer stands in the row of own writes.
struct PushState: Sendable {
  struct Batch: Sendable {
    let request: RequestID
    /// Numbers of its entries.
    let entries: Range<UInt64>
    let lastPosition: UInt64
    var isAnswered = false
  }

  /// The entry that is sent next.
  var next: UInt64
  /// Sent and not yet known to be durable there, and all before it; in order.
  private(set) var inFlight: [Batch] = []
  /// Own positions up to this one were never sent, or not answered: they reach the peer by a pull.
  private(set) var resumedAfter: UInt64
  var retry = Retry()

  init(next: UInt64, resumedAfter: UInt64) {
    self.next = next
    self.resumedAfter = resumedAfter
  }

  /// The first entry that the peer is not known to have.
  var unanswered: UInt64 { inFlight.first?.entries.lowerBound ?? next }

  func owns(_ id: RequestID) -> Bool { inFlight.contains { $0.request == id } }

  mutating func sent(_ batch: Batch) {
    inFlight.append(batch)
    next = batch.entries.upperBound
  }

  /// Sends again what was not answered: who has seen it passes it over.
  mutating func rewind() {
    next = unanswered
    inFlight.removeAll(keepingCapacity: true)
  }

  /// Goes on with what comes next: the peer has to pull the rest.
  mutating func skip(to end: UInt64, after position: UInt64) {
    next = end
    resumedAfter = position
    inFlight.removeAll(keepingCapacity: true)
  }

  /// The peer made a batch durable.
  ///
  /// - Returns: the position up to which all since `resumedAfter` is durable there, where it rose.
  mutating func answered(_ id: RequestID) -> UInt64? {
    guard let index = inFlight.firstIndex(where: { $0.request == id }) else { return nil }
    inFlight[index].isAnswered = true
    var through: UInt64?
    while let first = inFlight.first, first.isAnswered {
      through = first.lastPosition
      inFlight.removeFirst()
    }
    return through
  }

  func entries(of id: RequestID) -> Range<UInt64>? {
    inFlight.first { $0.request == id }?.entries
  }
}

/// An answer that may go when `position` is committed.
struct WaitingAnswer: Sendable {
  let request: RequestID
  let position: UInt64
  let bytes: [UInt8]
}

extension Replication {
  // MARK: The sender

  /// Sends a peer what there is, as far as its window allows.
  mutating func pump(peer index: Int, now: Instant, effects: inout [Effect]) {
    if peers[index].push.unanswered < outbox.start {
      counters.queueDrops += 1
      peers[index].push.skip(to: outbox.end, after: outbox.lastPosition)
    }
    guard peers[index].push.retry.mayTry(at: now) else { return }
    while peers[index].push.inFlight.count < settings.pushWindow,
      peers[index].push.next < outbox.end
    {
      let first = peers[index].push.next
      var entries = ByteBuffer(capacity: 4 << 10)
      let (count, lastPosition) = outbox.batch(from: first, settings: settings, into: &entries)
      var message = Message.request(.push, capacity: 10 + entries.count)
      message.appendVarint(UInt64(count))
      message.append(entries.span)
      let id = request(
        to: index, .data, message, timeout: settings.pushTimeoutMilliseconds, effects: &effects)
      peers[index].push.sent(
        PushState.Batch(
          request: id, entries: first..<first + UInt64(count), lastPosition: lastPosition))
      counters.pushedEntries += UInt64(count)
    }
  }

  mutating func receivePushed(
    _ id: RequestID, _ bytes: [UInt8], peer index: Int, now: Instant, effects: inout [Effect]
  ) {
    var reader = ByteReader(bytes.span)
    guard Message.isDone(.push, reading: &reader), let count = reader.readVarint(),
      count <= UInt64(reader.remaining), let entries = peers[index].push.entries(of: id)
    else {
      peers[index].push.rewind()
      return peers[index].push.retry.failed(at: now, settings: settings)
    }
    for _ in 0..<count {
      guard let number = reader.readVarint(), number < UInt64(entries.count) else { break }
      if let position = outbox.position(of: entries.lowerBound + number) {
        effects.append(.superseded(position: position))
      }
    }
    peers[index].push.retry.succeeded()
    if let through = peers[index].push.answered(id) {
      effects.append(
        .acknowledged(
          by: peers[index].id, resumedAfter: peers[index].push.resumedAfter, through: through))
    }
  }

  /// Lets go of what every peer has; where a single commit exceeds the bounds, of what every peer
  /// has that can be reached.
  mutating func dropSent() {
    let isOver = outbox.isOver(settings)
    var first = outbox.end
    for index in peers.indices where !isOver || peers[index].isReachable {
      first = min(first, peers[index].push.unanswered)
    }
    outbox.drop(before: first)
  }

  // MARK: The receiver

  mutating func receivePush<R: Replica & ~Copyable>(
    _ id: RequestID, _ body: Span<UInt8>, replica: inout R, effects: inout [Effect]
  ) {
    var reader = ByteReader(body)
    guard let count = reader.readVarint(), count <= UInt64(reader.remaining),
      let entries = reader.readBytes(reader.remaining)
    else { return refuse(id, .push, effects: &effects) }
    guard waiting.count < settings.pushesWaitingMax,
      let applied = replica.apply(
        entries, count: Int(count), evenSeen: settings.mutant == .applySeen)
    else { return respond(id, .push, .notNow, effects: &effects) }
    counters.receivedEntries += count
    noteAhead(applied.ahead, effects: &effects)
    var answer = Message.answer(.push, capacity: 10 + 5 * applied.superseded.count)
    answer.appendVarint(UInt64(applied.superseded.count))
    for number in applied.superseded { answer.appendVarint(UInt64(number)) }
    let isDurable =
      replica.committed >= applied.position || settings.mutant == .acknowledgeBeforeDurable
    if isDurable {
      effects.append(.respond(id, bytes: answer.copied()))
    } else {
      waiting.append(
        WaitingAnswer(request: id, position: applied.position, bytes: answer.copied()))
    }
  }

  /// Answers what has become durable. Positions nearly ascend, so the oldest goes first.
  mutating func answerWaiting(through position: UInt64, effects: inout [Effect]) {
    var count = 0
    while count < waiting.count, waiting[count].position <= position {
      effects.append(.respond(waiting[count].request, bytes: waiting[count].bytes))
      count += 1
    }
    if count > 0 { waiting.removeSubrange(..<count) }
  }
}
