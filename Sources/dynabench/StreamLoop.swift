// Many streams and one publisher on one thread: what is written here comes back there, timed.

import Bytes
import HTTP
import Platform

/// Subscribes, publishes at fixed times, and times each event at each stream.
struct StreamLoop: ~Copyable {
  var address: Address
  let plan: StreamPlan
  let text: RequestText
  var result = StreamResult()

  var poller: Poller
  var subscribers = Slab<Subscriber>()
  var publisher: Connection
  var live = 0
  var scratch = ByteBuffer(capacity: RequestLoopLimits.readBytes)
  private var body = ByteBuffer()
  private var found: [StreamMessage] = []
  private var name = ByteBuffer()
  private var value = ByteBuffer()
  private var begin: UInt64 = 0
  private var lastNews: UInt64 = 0

  private static let publisherToken = UInt64.max
  /// Subscriptions that are on their way at once: less than the backlog of any listener.
  private static let openingMax = 64
  /// Without news for so long, what is missing will not come.
  private static let silenceNanoseconds: UInt64 = 5_000_000_000

  init(
    to address: Address, plan: StreamPlan, text: consuming RequestText,
    publisher: consuming Connection, poller: consuming Poller
  ) {
    self.address = address
    self.plan = plan
    self.text = text
    self.publisher = publisher
    self.poller = poller
  }

  // MARK: Subscribing

  /// Opens all streams and waits until the node has accepted each.
  mutating func subscribe() throws(Mistake) {
    address.keep(to: publisher.socket.raw)
    do throws(SystemError) {
      try poller.add(publisher.socket.raw, token: Self.publisherToken, events: .readable)
    } catch {
      throw Mistake("\(error)")
    }
    lastNews = SystemClock.monotonic().nanoseconds
    while live < plan.subscribers, result.failure == nil {
      while subscribers.count < plan.subscribers, subscribers.count - live < Self.openingMax {
        try open(key: subscribers.count % plan.spread)
      }
      turn(timeoutMilliseconds: 50)
      if isSilent { throw Mistake("\(address.text) accepted \(live) streams and then no more") }
    }
    if let failure = result.failure { throw Mistake(failure) }
  }

  private mutating func open(key: Int) throws(Mistake) {
    var request = ByteBuffer()
    name.clear()
    KeyName.append(UInt8(ascii: "s"), key, to: &name)
    text.appendSubscribe(name.span, to: &request)
    do throws(SocketError) {
      let socket = try address.connect()
      let raw = socket.raw
      let slot = subscribers.insert(Subscriber(socket: socket, key: key, spread: plan.spread))
      guard case .bytes(request.count) = Socket.write(raw, request.span) else {
        throw .timedOut(host: address.host, port: address.port)
      }
      do throws(SystemError) {
        try poller.add(raw, token: UInt64(slot), events: .readable)
      } catch {
        throw .system(error)
      }
    } catch {
      throw Mistake("\(address.text), stream \(subscribers.count): \(error)")
    }
  }

  // MARK: Publishing

  /// Publishes all messages and waits for their events.
  mutating func run() {
    begin = SystemClock.monotonic().nanoseconds
    lastNews = begin
    var sent = 0
    while result.failure == nil {
      let now = SystemClock.monotonic().nanoseconds
      let due = begin + UInt64(sent) * 1_000_000_000 / UInt64(plan.rate)
      if sent < plan.messages, due <= now, publisher.flights.hasRoom {
        publish(sent, due: due)
        sent += 1
        continue
      }
      let isComplete = result.published == plan.messages && result.delivered >= result.expected
      if isComplete || (sent == plan.messages && isSilent) || (sent < plan.messages && isStuck) {
        break
      }
      turn(timeoutMilliseconds: sent < plan.messages ? milliseconds(until: due, now) : 50)
    }
    if result.published < plan.messages, result.failure == nil {
      result.failure = "\(address.text) acknowledged \(result.published) of \(plan.messages) changes"
    }
    result.elapsedNanoseconds = max(lastNews, begin + 1) - begin
  }

  private func milliseconds(until due: UInt64, _ now: UInt64) -> Int32 {
    due > now ? min(Int32(clamping: (due - now) / 1_000_000), 50) : 0
  }

  private var isSilent: Bool {
    SystemClock.monotonic().nanoseconds > lastNews + Self.silenceNanoseconds
  }

  /// Changes are due, the pipeline is full and nothing is answered.
  private var isStuck: Bool { !publisher.flights.hasRoom && isSilent }

  private mutating func publish(_ sequence: Int, due: UInt64) {
    let now = SystemClock.monotonic().nanoseconds
    result.longestDelay = max(result.longestDelay, now - due)
    value.clear()
    name.clear()
    KeyName.append(UInt8(ascii: "s"), sequence % plan.spread, to: &name)
    StreamMessage(sent: now, sequence: sequence).append(count: plan.valueBytes, to: &value)
    var output = ByteBuffer()
    swap(&output, &publisher.output)
    text.appendWrite(name.span, value: value.span, to: &output)
    swap(&output, &publisher.output)
    publisher.flights.push(FlightQueue.Flight(tag: sequence, due: now))
    // The last one counts as news, so that the wait for its events begins with it.
    lastNews = now
    flush()
  }

  private mutating func flush() {
    let written = Socket.write(publisher.socket.raw, publisher.output.span)
    switch written {
    case .bytes(let count): publisher.output.consume(count)
    case .wouldBlock: break
    case .failed(let code): fail("publishing: \(SystemError.text(of: code))")
    }
    try? poller.modify(
      publisher.socket.raw, token: Self.publisherToken,
      events: publisher.output.isEmpty ? .readable : [.readable, .writable])
  }

  // MARK: Receiving

  private mutating func turn(timeoutMilliseconds: Int32) {
    let count = poller.wait(timeoutMilliseconds: timeoutMilliseconds)
    for index in 0..<count {
      let (token, events) = poller[index]
      if token == Self.publisherToken {
        if events.contains(.writable) { flush() }
        if !events.isDisjoint(with: [.readable, .error, .hangup]) { readAnswers() }
      } else if subscribers.contains(Int(token)) {
        readEvents(Int(token))
      }
    }
  }

  private mutating func readEvents(_ slot: Int) {
    // The buffers leave the loop's state for the call, so that their bytes can be lent out.
    var bytes = ByteBuffer()
    var work = ByteBuffer()
    swap(&bytes, &scratch)
    swap(&work, &body)
    bytes.clear()
    let read = Socket.read(
      subscribers[slot].socket.raw, into: &bytes, minimum: RequestLoopLimits.readBytes)
    let now = SystemClock.monotonic().nanoseconds
    switch read {
    case .bytes: take(bytes.span, on: slot, now, &work)
    case .wouldBlock: break
    case .closed: end(slot, because: "the node closed a stream")
    case .failed(let code): end(slot, because: "a stream failed: \(SystemError.text(of: code))")
    }
    swap(&bytes, &scratch)
    swap(&work, &body)
  }

  private mutating func take(
    _ bytes: Span<UInt8>, on slot: Int, _ now: UInt64, _ work: inout ByteBuffer
  ) {
    let wasLive = subscribers[slot].isLive
    do throws(Mistake) {
      try subscribers[slot].take(bytes, body: &work, found: &found)
    } catch {
      return end(slot, because: error.message)
    }
    if !wasLive {
      lastNews = now
      if subscribers[slot].isLive { live += 1 }
    }
    countFound(slot, now)
  }

  private mutating func countFound(_ slot: Int, _ now: UInt64) {
    defer { found.removeAll(keepingCapacity: true) }
    guard begin > 0, subscribers.contains(slot) else { return }
    // What was sent before the run began is of another run.
    for message in found where message.sent >= begin {
      guard subscribers[slot].count(message.sequence) else {
        result.repeated += 1
        continue
      }
      result.delivered += 1
      result.latencies.record(now > message.sent ? now - message.sent : 0)
      lastNews = now
    }
  }

  /// A stream that ends while others are opened ends the run; later it misses what is to come.
  private mutating func end(_ slot: Int, because reason: String) {
    _ = subscribers.remove(slot)
    result.ended += 1
    if begin == 0 || subscribers.count == 0 { fail(reason) }
  }

  private mutating func fail(_ reason: String) { result.failure = result.failure ?? reason }

  private mutating func readAnswers() {
    var input = ByteBuffer()
    swap(&input, &publisher.input)
    switch Socket.read(publisher.socket.raw, into: &input, minimum: RequestLoopLimits.readBytes) {
    case .bytes, .wouldBlock: break
    case .closed: fail("the node closed the publisher's connection")
    case .failed(let code): fail("publishing: \(SystemError.text(of: code))")
    }
    while !input.isEmpty, result.failure == nil {
      let (used, step) = publisher.read(input.span)
      input.consume(used)
      guard takeAnswer(step) else { break }
    }
    swap(&input, &publisher.input)
  }

  /// Counts an answer to a published change; false where there is none yet.
  private mutating func takeAnswer(_ step: AnswerStep) -> Bool {
    switch step {
    case .needsMore: return false
    case .broken(let refusal):
      fail("publishing: \(refusal.message)")
      return false
    case .answer(let status, _):
      guard let flight = publisher.flights.pop() else { return false }
      guard StatusTally.isSuccess(status) else {
        let text = String(decoding: publisher.body.copied().prefix(500), as: UTF8.self)
        fail("a change was refused: status \(status) \(text)")
        return false
      }
      let now = SystemClock.monotonic().nanoseconds
      result.acknowledgements.record(now > flight.due ? now - flight.due : 0)
      result.published += 1
      result.expected += plan.subscribers(of: flight.tag % plan.spread)
      lastNews = max(lastNews, now)
      publisher.settle()
      return true
    }
  }
}
