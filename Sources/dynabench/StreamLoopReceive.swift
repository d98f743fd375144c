// What comes back to a StreamLoop: events at its streams, answers at its publisher.

import Bytes
import HTTP
import Platform

extension StreamLoop {
  mutating func turn(timeoutMilliseconds: Int32) {
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
    var mayReadMore = true
    while mayReadMore, subscribers.contains(slot) {
      bytes.clear()
      let read = subscribers[slot].wire.read(into: &bytes, minimum: RequestLoopLimits.readBytes)
      mayReadMore = subscribers[slot].wire.mayReadMore
      let now = SystemClock.monotonic().nanoseconds
      switch read {
      case .bytes: take(bytes.span, on: slot, now, &work)
      case .wouldBlock: mayReadMore = false
      case .closed: end(slot, because: "the node closed a stream")
      case .failed(let code): end(slot, because: "a stream failed: \(SystemError.text(of: code))")
      }
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

  private mutating func readAnswers() {
    var input = ByteBuffer()
    swap(&input, &publisher.input)
    var mayReadMore = true
    while mayReadMore, result.failure == nil {
      let read = publisher.wire.read(into: &input, minimum: RequestLoopLimits.readBytes)
      mayReadMore = publisher.wire.mayReadMore
      switch read {
      case .bytes: break
      case .wouldBlock: mayReadMore = false
      case .closed: fail("the node closed the publisher's connection")
      case .failed(let code): fail("publishing: \(SystemError.text(of: code))")
      }
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
