// One thread, one poller, many keep-alive connections: requests out, answers in, times between.

import Bytes
import Platform

/// Drives a source's requests over a node's connections.
///
/// A closed loop (no rate) sends on a connection as soon as it has room, and counts time from
/// then. An open loop sends at fixed moments and counts time from these, sent or not.
struct RequestLoop<Source: RequestSource & ~Copyable>: ~Copyable {
  var address: Address
  let shape: LoopShape
  var source: Source
  var result = RunResult()

  var poller: Poller
  var connections = Slab<Connection>()
  var scratch = ByteBuffer(capacity: RequestLoopLimits.readBytes)
  var pacer = Pacer(rate: nil, start: 0, end: 0)
  /// Connections that have room and nothing due (open loop).
  var ready = SlotQueue()
  var dirty: [Int] = []
  /// Requests that were lost once and wait to be sent again; those that were, for good.
  var again: [Int] = []
  var repeated: Set<Int> = []
  var inFlight = 0
  var isExhausted = false
  var lastAnswer: UInt64 = 0
  /// Connections that ended since the last answer.
  var fruitless = 0

  init(
    to address: Address, shape: LoopShape, source: consuming Source, poller: consuming Poller
  ) {
    self.address = address
    self.shape = shape
    self.source = source
    self.poller = poller
  }

  /// Opens all connections.
  mutating func connect() throws(Mistake) {
    try Descriptors.allow(shape.connections)
    for _ in 0..<shape.connections {
      do throws(ConnectFailure) {
        let slot = try open()
        if connections.count == 1 { address.keep(to: connections[slot].wire.raw) }
      } catch {
        throw Mistake("\(address.text) cannot be reached: \(error)")
      }
    }
  }

  /// Sends until the time is up (`seconds`, `rate`) or the source has no more, then waits for the
  /// answers that are due. Ends early where nothing is answered any more.
  mutating func run(seconds: Int?, rate: Int?) {
    let start = SystemClock.monotonic().nanoseconds
    let end = seconds.map { start + UInt64($0) * 1_000_000_000 } ?? UInt64.max
    pacer = Pacer(rate: rate, start: start, end: end)
    lastAnswer = start
    for slot in 0..<connections.slotLimit where connections.contains(slot) { advance(slot) }

    while true {
      let now = SystemClock.monotonic().nanoseconds
      if rate != nil { sendDue(now) }
      flushDirty()
      if isOver(now) { break }
      let count = poller.wait(timeoutMilliseconds: sleepMilliseconds(now))
      for index in 0..<count {
        let (token, events) = poller[index]
        happened(events, to: Int(token))
      }
    }
    let now = SystemClock.monotonic().nanoseconds
    giveUpRest(now)
    let last = result.unfinished == 0 ? lastAnswer : now
    result.elapsedNanoseconds = max(last, start + 1) - start
  }

  // MARK: Time

  private mutating func isOver(_ now: UInt64) -> Bool {
    if result.failure != nil { return true }
    if inFlight == 0, !hasMore(now) { return true }
    if now >= pacer.end, now - pacer.end > RequestLoopLimits.graceNanoseconds { return true }
    if now > lastAnswer, now - lastAnswer > RequestLoopLimits.silenceNanoseconds, inFlight > 0 {
      result.failure = "\(address.text) answered nothing for \(RequestLoopLimits.silenceSeconds) s"
      return true
    }
    return false
  }

  private func hasMore(_ now: UInt64) -> Bool {
    if !again.isEmpty || pacer.next != nil { return true }
    return pacer.rate == nil && now < pacer.end && !isExhausted
  }

  /// Until the next request is due. Below a millisecond the loop spins: the poller counts in
  /// milliseconds, and a request that is sent late would look like a slow answer.
  private func sleepMilliseconds(_ now: UInt64) -> Int32 {
    guard let next = pacer.next, !ready.isEmpty else { return RequestLoopLimits.tickMilliseconds }
    guard next > now else { return 0 }
    return min(Int32(clamping: (next - now) / 1_000_000), RequestLoopLimits.tickMilliseconds)
  }

  /// Counts what was not answered, with the time that it has waited.
  private mutating func giveUpRest(_ now: UInt64) {
    for slot in 0..<connections.slotLimit where connections.contains(slot) {
      while let flight = connections[slot].flights.pop() { giveUp(flight.due, now) }
    }
    while let due = pacer.next, due <= now {
      giveUp(due, now)
      pacer.take()
    }
    result.unfinished += again.count
  }

  private mutating func giveUp(_ due: UInt64, _ now: UInt64) {
    result.unfinished += 1
    result.latencies.record(now > due ? now - due : 0)
  }
}

/// What bounds a run.
enum RequestLoopLimits {
  static let readBytes = 64 << 10
  /// What a connection may have to send before it takes no further request: 64 connections hold
  /// 16 MiB and a request each.
  static let outputBytesMax = 256 << 10
  /// The longest sleep: ends are checked that often.
  static let tickMilliseconds: Int32 = 50
  /// How long answers may come after the time is up.
  static let graceNanoseconds: UInt64 = 2_000_000_000
  /// A node that answers nothing for so long, while it should, is gone.
  static let silenceSeconds: UInt64 = 30
  static let silenceNanoseconds = silenceSeconds * 1_000_000_000
  /// A node that ends so many connections, beyond one each, without an answer between them will
  /// not answer the next one either.
  static let fruitlessMax = 64
}
