// How a connection of a RequestLoop goes forward: fill, write, read, and what if it ends.

import Bytes
import HTTP
import Platform

extension RequestLoop where Source: ~Copyable {
  // MARK: Sending

  /// A connection has room: a closed loop fills it, an open loop queues it.
  mutating func advance(_ slot: Int) {
    if pacer.rate == nil { return fill(slot) }
    guard !connections[slot].isReady, hasRoom(slot) else { return }
    connections[slot].isReady = true
    ready.push(slot)
  }

  private func hasRoom(_ slot: Int) -> Bool {
    connections[slot].flights.hasRoom
      && connections[slot].output.count < RequestLoopLimits.outputBytesMax
  }

  private mutating func fill(_ slot: Int) {
    let now = SystemClock.monotonic().nanoseconds
    while hasRoom(slot), let tag = take(now) { send(tag, on: slot, due: now) }
  }

  /// The next request of a closed loop.
  private mutating func take(_ now: UInt64) -> Int? {
    if let tag = again.popLast() { return tag }
    guard now < pacer.end, !isExhausted else { return nil }
    let tag = source.next()
    isExhausted = tag == nil
    return tag
  }

  /// Sends what is due in an open loop, one request on each connection in turn.
  mutating func sendDue(_ now: UInt64) {
    while let due = pacer.next, due <= now, let slot = ready.pop() {
      // A slot of a connection that ended since, or another one's by now.
      guard connections.contains(slot), connections[slot].isReady else { continue }
      connections[slot].isReady = false
      guard let tag = again.popLast() ?? source.next() else { return }
      pacer.take()
      send(tag, on: slot, due: due)
      advance(slot)
    }
  }

  private mutating func send(_ tag: Int, on slot: Int, due: UInt64) {
    connections[slot].flights.push(FlightQueue.Flight(tag: tag, due: due))
    source.append(tag, to: &connections[slot].output)
    inFlight += 1
    if !connections[slot].isDirty {
      connections[slot].isDirty = true
      dirty.append(slot)
    }
  }

  mutating func flushDirty() {
    // A write that fails opens a connection anew, which may have something to send at once.
    while let slot = dirty.popLast() {
      guard connections.contains(slot), connections[slot].isDirty else { continue }
      connections[slot].isDirty = false
      flush(slot)
    }
  }

  private mutating func flush(_ slot: Int) {
    // The buffer leaves the connection for the call, so that its bytes can be lent out.
    var bytes = ByteBuffer()
    swap(&bytes, &connections[slot].output)
    let written = connections[slot].wire.write(bytes.span)
    if case .bytes(let count) = written { bytes.consume(count) }
    swap(&bytes, &connections[slot].output)
    if case .failed(let code) = written { return end(slot, because: SystemError.text(of: code)) }
    let awaitsRoom = !connections[slot].output.isEmpty || connections[slot].wire.holdsSealed
    guard awaitsRoom != connections[slot].awaitsRoom else { return }
    connections[slot].awaitsRoom = awaitsRoom
    try? poller.modify(
      connections[slot].wire.raw, token: UInt64(slot),
      events: awaitsRoom ? [.readable, .writable] : .readable)
  }

  // MARK: Receiving

  mutating func happened(_ events: PollEvents, to slot: Int) {
    guard connections.contains(slot) else { return }
    if !events.isDisjoint(with: [.readable, .error, .hangup]) { read(slot) }
    guard events.contains(.writable), connections.contains(slot) else { return flushDirty() }
    flush(slot)
    if connections.contains(slot) { advance(slot) }
    flushDirty()
  }

  private mutating func read(_ slot: Int) {
    var bytes = ByteBuffer()
    swap(&bytes, &scratch)
    bytes.clear()
    let limit = RequestLoopLimits.readBytes
    var mayReadMore = true
    while mayReadMore, connections.contains(slot) {
      let read = connections[slot].wire.read(into: &bytes, minimum: limit)
      mayReadMore = connections[slot].wire.mayReadMore
      switch read {
      case .bytes: mayReadMore = receive(bytes.span, on: slot) && mayReadMore
      case .wouldBlock: mayReadMore = false
      case .closed:
        closed(slot)
        mayReadMore = false
      case .failed(let code):
        end(slot, because: SystemError.text(of: code))
        mayReadMore = false
      }
      bytes.clear()
    }
    swap(&bytes, &scratch)
  }

  /// False where the connection is another one by now.
  private mutating func receive(_ bytes: Span<UInt8>, on slot: Int) -> Bool {
    guard !connections[slot].input.isEmpty else {
      guard let used = takeAnswers(bytes, on: slot) else { return false }
      if used < bytes.count {
        connections[slot].input.append(bytes.extracting(used..<bytes.count))
      }
      return true
    }
    var whole = ByteBuffer()
    swap(&whole, &connections[slot].input)
    whole.append(bytes)
    guard let used = takeAnswers(whole.span, on: slot) else { return false }
    whole.consume(used)
    if !whole.isEmpty { swap(&whole, &connections[slot].input) }
    return true
  }

  /// Takes the answers at the front of the bytes and sends on.
  ///
  /// - Returns: how many bytes are done with; nil where the connection is another one by now.
  private mutating func takeAnswers(_ bytes: Span<UInt8>, on slot: Int) -> Int? {
    let now = SystemClock.monotonic().nanoseconds
    var used = 0
    while used < bytes.count {
      let (count, step) = connections[slot].read(bytes.extracting(used..<bytes.count))
      used += count
      switch step {
      case .needsMore:
        advance(slot)
        return used
      case .broken(let refusal):
        end(slot, because: "\(refusal.message)")
        return nil
      case .answer(let status, let keepsAlive):
        guard finish(status, on: slot, now) else {
          end(slot, because: "it answered what was not asked")
          return nil
        }
        guard keepsAlive else {
          end(slot, because: "it closed the connection behind an answer")
          return nil
        }
      }
    }
    advance(slot)
    return used
  }

  /// Counts an answer; false where nothing was asked.
  private mutating func finish(_ status: UInt16, on slot: Int, _ now: UInt64) -> Bool {
    guard let flight = connections[slot].flights.pop() else { return false }
    inFlight -= 1
    lastAnswer = now
    fruitless = 0
    result.answered += 1
    result.latencies.record(now > flight.due ? now - flight.due : 0)
    result.statuses.count(status)
    if !StatusTally.isSuccess(status), result.firstError == nil {
      let body = excerpt(connections[slot].body.copied())
      result.firstError = "\(source.name(of: flight.tag)): status \(status) \(body)"
    }
    connections[slot].settle()
    return true
  }

  private func excerpt(_ body: [UInt8]) -> String {
    let limit = 500
    let text = String(decoding: body.prefix(limit), as: UTF8.self)
    return body.count > limit ? text + "…" : text
  }

  // MARK: Connections

  mutating func open() throws(ConnectFailure) -> Int {
    let wire = try address.connect()
    let raw = wire.raw
    let slot = connections.insert(Connection(wire: wire, pipeline: shape.pipeline))
    do throws(SystemError) {
      try poller.add(raw, token: UInt64(slot), events: .readable)
    } catch {
      _ = connections.remove(slot)
      throw .socket(.system(error))
    }
    return slot
  }

  /// The node closed the connection: the end of an answer that lasts until then, or of an idle one.
  private mutating func closed(_ slot: Int) {
    if let status = connections[slot].reader.statusAtEnd() {
      _ = finish(status, on: slot, SystemClock.monotonic().nanoseconds)
    }
    end(slot, because: "the connection was closed")
  }

  /// Lets a connection go, with what was in flight on it, and opens another.
  private mutating func end(_ slot: Int, because reason: String) {
    var connection = connections.remove(slot)
    while let flight = connection.flights.pop() {
      inFlight -= 1
      if source.repeatsLost, repeated.insert(flight.tag).inserted {
        again.append(flight.tag)
        continue
      }
      result.lost += 1
      if result.firstError == nil {
        result.firstError = "\(source.name(of: flight.tag)): no answer, \(reason)"
      }
    }
    fruitless += 1
    guard fruitless <= shape.connections + RequestLoopLimits.fruitlessMax else {
      result.failure = result.failure ?? "\(address.text): \(reason)"
      return
    }
    do throws(ConnectFailure) {
      let fresh = try open()
      result.reconnects += 1
      advance(fresh)
    } catch {
      result.failure = "\(address.text): \(reason); and then: \(error)"
    }
  }
}
