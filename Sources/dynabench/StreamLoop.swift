// Many streams and one publisher on one thread: what is written here comes back there, timed.

import Bytes
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
  var body = ByteBuffer()
  var found: [StreamMessage] = []
  var name = ByteBuffer()
  var value = ByteBuffer()
  var begin: UInt64 = 0
  var lastNews: UInt64 = 0

  static let publisherToken = UInt64.max
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
    address.keep(to: publisher.wire.raw)
    do throws(SystemError) {
      try poller.add(publisher.wire.raw, token: Self.publisherToken, events: .readable)
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
    do throws(ConnectFailure) {
      var wire = try address.connect()
      guard case .bytes(request.count) = wire.write(request.span) else {
        throw .socket(.timedOut(host: address.host, port: address.port))
      }
      let raw = wire.raw
      let slot = subscribers.insert(Subscriber(wire: wire, key: key, spread: plan.spread))
      do throws(SystemError) {
        try poller.add(raw, token: UInt64(slot), events: .readable)
      } catch {
        throw .socket(.system(error))
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
      result.failure =
        "\(address.text) acknowledged \(result.published) of \(plan.messages) changes"
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

  mutating func flush() {
    var bytes = ByteBuffer()
    swap(&bytes, &publisher.output)
    switch publisher.wire.write(bytes.span) {
    case .bytes(let count): bytes.consume(count)
    case .wouldBlock: break
    case .failed(let code): fail("publishing: \(SystemError.text(of: code))")
    }
    swap(&bytes, &publisher.output)
    try? poller.modify(
      publisher.wire.raw, token: Self.publisherToken,
      events: publisher.output.isEmpty && !publisher.wire.holdsSealed
        ? .readable : [.readable, .writable])
  }

  /// Ends the run; the first reason counts.
  mutating func fail(_ reason: String) { result.failure = result.failure ?? reason }
}
